"""A real headless Chromium, driven by plain WebDriver HTTP: pages are tried as people meet them, by keyboard."""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip


def missing_programs() -> list[str]:
    """Which of the programs that a browser needs are not installed."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@contextlib.contextmanager
def chromedriver() -> Iterator[str]:
    """The address of a chromedriver that runs inside the block."""
    process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(process.stdout or ())
        port = next(line.split()[-1].rstrip(".") for line in lines if "successfully on port" in line)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Browser:
    """One browser over chromedriver; closing it forgets everything but its profile folder."""

    def __init__(self, driver: str, profile: Path) -> None:
        import httpx

        self._http = httpx.Client(base_url=driver, timeout=60)
        options = {"args": [*_FLAGS, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        made = self._http.post("/session", json=wanted).json()["value"]
        if "sessionId" not in made:
            raise RuntimeError(f"no browser: {made}")
        self._session = f"/session/{made['sessionId']}"

    def call(self, method: str, path: str, body: object = None) -> object:
        """One command of the protocol (W3C WebDriver); gives its value."""
        reply = self._http.request(method, f"{self._session}{path}", json=body if method == "POST" else None)
        if reply.status_code != 200:
            raise RuntimeError(f"{path}: {reply.text}")
        return cast("object", reply.json()["value"])

    def close(self) -> None:
        """End the browser; once is enough."""
        if not self._http.is_closed:
            self._http.delete(self._session)
            self._http.close()

    def go(self, url: str) -> None:
        """Open a page."""
        self.call("POST", "/url", {"url": url})

    def run(self, script: str) -> object:
        """The value of a script's `return`."""
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the viewport, in CSS pixels, and the colours that the user likes; motion is never wished for."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def press(self, *keys: str) -> None:
        """Press keys one after the other; several characters are pressed together."""
        for key in keys:
            actions = [{"type": "keyDown", "value": one} for one in key]
            actions += [{"type": "keyUp", "value": one} for one in reversed(key)]
            self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def write(self, text: str) -> None:
        """Type a text."""
        self.press(*text)

    def follow(self, key: str) -> str:
        """Press a key that leaves the page, and wait for the next one; gives its path."""
        self.run("window.old = true")
        self.press(key)
        for _ in range(100):
            if self.run("return window.old !== true && document.readyState === 'complete'"):
                return str(self.run("return location.pathname"))
            time.sleep(0.05)
        raise AssertionError(f"no page after {key!r}")

    def shoot(self, path: Path) -> None:
        """Write a picture of the viewport (PNG)."""
        path.write_bytes(base64.b64decode(str(self.call("GET", "/screenshot"))))

    def _devtools(self, command: str, parameters: object) -> None:
        self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})
