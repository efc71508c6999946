"""Run the app on a socket; FastAPI and uvicorn are imported here, when a server is made."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from marketfit.errors import InputError, MissingExtraError, Problem, RunError
from marketfit.serve.settings import ServeSettings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI
    from starlette.applications import Starlette

_START_SECONDS = 60.0


def create_app(settings: ServeSettings) -> FastAPI:
    """An ASGI app for any server; one process only, since the batching and the champion live in it.

    Raises:
        InputError: no such workspace, no product to serve, or a bundle that can't be trusted.
        MissingExtraError: the extra `serve` is not installed.
    """
    return _app(settings)[0]


def serve(
    settings: ServeSettings, *, host: str = "127.0.0.1", port: int = 8000, announce: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; open requests are answered first.

    Args:
        settings: what to serve, within which limits.
        host: address to listen on.
        port: 0 takes any free one.
        announce: called with the URL once requests are answered.

    Raises:
        InputError: as `create_app`, or the address can't be listened on.
        MissingExtraError: the extra `serve` is not installed.
    """
    with running(settings, host=host, port=port) as server:
        if announce is not None:
            announce(server.url)
        server.wait()


class Server:
    """A server that runs in a thread of its own."""

    def __init__(self, *, product: str, url: str, server: uvicorn.Server, thread: threading.Thread) -> None:
        self.product = product
        self.url = url
        self._server = server
        self._thread = thread

    def wait(self) -> None:
        """Return when the server has ended; in the main thread, SIGTERM and SIGINT end it gently."""
        with _stopping_on_signals(self.stop):
            while self._thread.is_alive():
                self._thread.join(0.2)  # in pieces, so that a signal is handled in between

    def stop(self) -> None:
        """Ask the server to end after the open requests."""
        self._server.should_exit = True


@contextlib.contextmanager
def running(settings: ServeSettings, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """A server that answers inside the block and is drained at its end.

    Raises:
        InputError: as `create_app`, or the address can't be listened on.
        MissingExtraError: the extra `serve` is not installed.
    """
    app, product = _app(settings)
    with listening(app, name=product, host=host, port=port, drain_seconds=settings.drain_seconds) as server:
        yield server


@contextlib.contextmanager
def listening(app: Starlette, *, name: str, host: str, port: int, drain_seconds: int) -> Iterator[Server]:
    """Any app on a socket, inside the block. name: of what is served.

    Raises:
        InputError: the address can't be listened on.
        MissingExtraError: the extra `serve` is not installed.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as missing:
        raise MissingExtraError("serve", missing.name or "uvicorn") from missing
    opened = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_seconds,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, name="marketfit-http", daemon=True)
    address = f"[{host}]" if ":" in host else host
    running_server = Server(
        product=name, url=f"http://{address}:{opened.getsockname()[1]}", server=server, thread=thread
    )
    thread.start()
    try:
        _await_start(server, thread)
        yield running_server
    finally:
        running_server.stop()
        thread.join()
        opened.close()


def _app(settings: ServeSettings) -> tuple[FastAPI, str]:
    try:
        from marketfit.serve.app import make_app
        from marketfit.serve.service import Service
    except ModuleNotFoundError as missing:
        if missing.name and not missing.name.startswith("marketfit"):
            raise MissingExtraError("serve", missing.name) from missing
        raise
    service = Service(settings)
    return make_app(service), service.product


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay of 40 ms off only where the protocol is named.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        problem = Problem(f"{host}:{port}", f"cannot be listened on ({reason})", "", "choose another port or address")
        raise InputError([problem]) from error
    return listening


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waiting = threading.Event()
    for _ in range(int(_START_SECONDS / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            raise RunError("the server ended while it was starting; its log says why")
        waiting.wait(0.01)
    raise RunError(f"the server did not start within {_START_SECONDS:.0f} seconds")


@contextlib.contextmanager
def _stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
