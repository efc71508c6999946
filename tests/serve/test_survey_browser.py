"""The survey in a real headless Chromium, by keyboard only, driven over plain WebDriver HTTP."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import httpx
import pytest

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import answers
from marketfit.serve.server import Server

TAB, SPACE, ENTER, DOWN, SHIFT = "\ue004", " ", "\ue007", "\ue015", "\ue008"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
ACTIVE = "return document.activeElement.id || document.activeElement.textContent.trim()"
UNLABELLED = """
return [...document.querySelectorAll('input:not([type=hidden]), textarea, select')]
  .filter(e => !e.labels.length || !e.labels[0].textContent.trim()).map(e => e.outerHTML)"""
HEADINGS = "return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => e.tagName)"
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
LANGUAGE = "return document.documentElement.lang"
CONTRAST = r"""
const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const parse = t => t.match(/[\d.]+/g).map(Number);
function behind(e) {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
}
const found = [];
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  found.push((a + .05) / (b + .05));
}
return Math.min(...found);"""
FOCUS = "const s = getComputedStyle(document.activeElement); return s.outlineStyle + ' ' + s.outlineWidth"


class Browser:
    """One browser over chromedriver; closing it forgets everything but its profile folder."""

    def __init__(self, driver: str, profile: Path) -> None:
        self._http = httpx.Client(base_url=driver, timeout=60)
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": _program("chromium")}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        made = self._http.post("/session", json=wanted).json()["value"]
        assert "sessionId" in made, made
        self._session = f"/session/{made['sessionId']}"

    def call(self, method: str, path: str, body: object = None) -> object:
        reply = self._http.request(method, f"{self._session}{path}", json=body if method == "POST" else None)
        assert reply.status_code == 200, reply.text
        return cast("object", reply.json()["value"])

    def close(self) -> None:
        if not self._http.is_closed:
            self._http.delete(self._session)
            self._http.close()

    def go(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def run(self, script: str) -> object:
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The viewport exactly, which a window can't be below its least width."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def press(self, *keys: str) -> None:
        for key in keys:
            actions: list[dict[str, str]] = []
            for one in key:
                actions.append({"type": "keyDown", "value": one})
            actions += [{"type": "keyUp", "value": one} for one in reversed(key)]
            self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def write(self, text: str) -> None:
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
        path.write_bytes(base64.b64decode(str(self.call("GET", "/screenshot"))))

    def _devtools(self, command: str, parameters: object) -> None:
        self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})


Open = Callable[[], Browser]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install chromium chromium-driver")
    return found


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    """The address of a chromedriver."""
    _program("chromium")
    process = subprocess.Popen([_program("chromedriver"), "--port=0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = next(line.split()[-1].rstrip(".") for line in process.stdout if "successfully on port" in line)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def open_browser(driver: str, tmp_path: Path) -> Iterator[Open]:
    """Open browsers, one after the other, on one fresh profile."""
    with ExitStack() as stack:

        def make() -> Browser:
            browser = Browser(driver, tmp_path / "profile")
            stack.callback(browser.close)
            browser.size(360, 740)
            return browser

        yield make


def check(browser: Browser, name: str) -> None:
    """What must hold of every page, at 320 px and in the dark too. With MARKETFIT_SHOTS, pictures go there."""
    shots = os.environ.get("MARKETFIT_SHOTS")
    assert browser.run(LANGUAGE) == "en"
    assert browser.run(HEADINGS) == ["H1"]
    assert browser.run(UNLABELLED) == []
    for width, height, dark in ((320, 640, False), (360, 740, True), (1200, 800, False), (360, 740, False)):
        browser.size(width, height, dark=dark)
        assert browser.run(OVERFLOW) == 0, (name, width)
        lowest = browser.run(CONTRAST)
        assert isinstance(lowest, float)
        assert lowest >= 4.5, (name, dark, lowest)
        if shots:
            browser.shoot(Path(shots) / f"{name}-{width}{'-dark' if dark else ''}.png")


def focus_order(browser: Browser, steps: int) -> list[str]:
    """What has the focus after each of some tabs, from the top; every one of them must be seen."""
    found = []
    for _ in range(steps):
        browser.press(TAB)
        found.append(str(browser.run(ACTIVE)))
        style = str(browser.run(FOCUS))
        assert not style.startswith("none"), (found[-1], style)
        assert not style.endswith(" 0px"), (found[-1], style)
    return found


def test_a_survey_by_keyboard_closed_in_the_middle_and_resumed(
    open_browser: Open, pages: Server, tmp_path: Path
) -> None:
    browser = open_browser()
    browser.go(pages.url)
    check(browser, "1-welcome")
    browser.press(TAB)
    first = browser.follow(ENTER)
    link = first.removesuffix("/1")
    check(browser, "2-choice")
    assert focus_order(browser, 4) == ["Skip to the question", "pick-0", "Next", "your personal link"]
    browser.go(pages.url + first)
    browser.press(TAB, TAB, TAB)
    assert browser.follow(ENTER) == first  # nothing chosen: the page says so
    check(browser, "3-error")
    assert "Please check your answer" in str(browser.run(ACTIVE))  # the summary has the focus
    browser.press(TAB, ENTER)
    assert browser.run(ACTIVE) == "pick-0"  # its link leads to the radio buttons
    browser.press(SPACE, DOWN, DOWN)
    assert browser.run("return document.querySelector(':checked').value") == "none"
    check(browser, "4-none")
    assert browser.follow(ENTER) == f"{link}/2"  # Enter sends the form from a radio button too

    browser.press(TAB, TAB, SPACE, TAB)
    assert browser.run(ACTIVE) == "Next"
    assert browser.follow(ENTER) == f"{link}/3"
    browser.press(TAB, TAB, TAB, TAB)
    assert browser.run(ACTIVE) == "Back"
    assert browser.follow(ENTER) == f"{link}/2"
    assert browser.run("return document.querySelector(':checked').id") == "pick-0"
    browser.close()

    browser = open_browser()  # the same profile: the cookie knows the respondent
    browser.go(pages.url)
    assert browser.run("return location.pathname") == f"{link}/3"
    for number in (4, 5, 6):
        browser.press(TAB, TAB, SPACE)
        if number == 5:
            check(browser, "5-opinion")
        assert browser.follow(ENTER) == f"{link}/{number}"
    check(browser, "6-open")
    browser.press(TAB, TAB)
    browser.write("cleaning up")
    browser.press(TAB)
    assert browser.follow(ENTER) == f"{link}/7"
    check(browser, "7-form")
    browser.press(TAB, TAB)
    browser.write("Acme")
    browser.press(TAB)
    browser.write("cheap")
    assert browser.follow(ENTER) == f"{link}/7"
    check(browser, "8-form-errors")
    assert browser.run("return document.getElementById('f1').value") == "cheap"
    browser.press(TAB, ENTER)
    assert browser.run(ACTIVE) == "f1"
    browser.run("document.activeElement.select()")
    browser.write("4.5")
    browser.press(TAB, SPACE)
    assert browser.follow(ENTER) == f"{link}/done"
    check(browser, "9-thanks")
    ledger = Ledger.beside(tmp_path / "marketfit-workspace")
    kept = [one.note for one in answers(ledger, "kitchen")]
    ledger.close()
    assert len(kept) == 7
    assert kept[-1].cells == {"offer": "Acme", "price": 4.5, "privacy": "on-device"}
    assert kept[0].picked == "none"
    assert kept[-2].cells == {"text": "cleaning up"}
