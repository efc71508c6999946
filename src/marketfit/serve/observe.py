"""The outermost layer: counts and times every request; what fails by our fault gets an id and is logged."""

from __future__ import annotations

import logging
import time
import uuid

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marketfit.errors import InputError, Problem
from marketfit.serve.metrics import Metrics
from marketfit.serve.refusal import RefusalError, as_json

_LOG = logging.getLogger("marketfit.serve")


class Observe:
    """ASGI middleware. No client ever sees a traceback."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        except ClientDisconnect:
            status = 499
        except Exception as error:
            if status:
                raise  # half an answer is out already: the connection has to break
            await self._refuse(error)(scope, receive, note)
        finally:
            path = getattr(scope.get("route"), "path", "other")  # the route, so that no client can add label values
            self._metrics.requests.labels(path, scope["method"] if path != "other" else "other", str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - began)

    def _refuse(self, error: Exception) -> JSONResponse:
        if isinstance(error, RefusalError):
            return refusal(error)
        if isinstance(error, InputError):  # the task's runtime does not take these examples
            return refusal(RefusalError(422, error.problems))
        identifier = uuid.uuid4().hex
        self._metrics.errors.inc()
        _LOG.error("internal error %s", identifier, exc_info=error)
        if isinstance(error, SQLAlchemyError):
            problem = Problem(
                "ledger", f"does not answer, error {identifier}", "", "nothing was recorded: send it again"
            )
            return refusal(RefusalError(503, [problem], headers={"Retry-After": "2"}))
        problem = Problem("server", f"internal error {identifier}", "", "tell the operator this number")
        return refusal(RefusalError(500, [problem]))


def refusal(error: RefusalError) -> JSONResponse:
    """The answer to a request that is refused."""
    return JSONResponse(as_json(error.problems), status_code=error.status, headers=error.headers)
