"""The HTTP interface. Needs the extra `serve`; imported when a server is made."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib import resources

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from marketfit.errors import Problem
from marketfit.ledger.feedback import FeedbackItem
from marketfit.serve.observe import Observe, refusal
from marketfit.serve.refusal import RefusalError, not_ready
from marketfit.serve.service import Service
from marketfit.serve.wire import (
    ERASE_SCHEMA,
    PREDICT_SCHEMA,
    check_token,
    feedback_schema,
    read_inputs,
    read_items,
    read_object,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


def make_app(service: Service) -> FastAPI:
    """The routes over a service, which lives as long as the app."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.stop)

    app = FastAPI(title=f"marketfit: {service.product}", version="1", lifespan=lifespan)
    _add_use(app, service)
    _add_review(app, service)
    _add_operation(app, service)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _query_problem)
    app.add_middleware(Observe, metrics=service.metrics)
    return app


def _add_use(app: FastAPI, service: Service) -> None:
    settings = service.settings

    @app.post("/predict", openapi_extra=_body(PREDICT_SCHEMA))
    async def predict(request: Request) -> JSONResponse:
        """Label examples. An answer is sent once it is on disk; its id is for feedback."""
        check_token(request, settings.token)
        inputs = read_inputs(await read_object(request, settings), settings)
        answered = await asyncio.wrap_future(service.submit(inputs))
        predictions: list[JsonValue] = [
            {"id": event.id, **{name: event.payload[name] for name in ("label", "score", "abstain")}}
            for event in answered.events
        ]
        return JSONResponse({"bundle": answered.digest, "predictions": predictions})

    @app.post("/feedback", openapi_extra=_body(feedback_schema()))
    async def feedback(request: Request) -> JSONResponse:
        """Say that a prediction was good, bad or what is right; give a new example; give a reviewer's truth."""
        body = await read_object(request, settings)
        items = read_items(body, settings)
        _check_feedback_token(request, service, list(items.values()))
        events, new = await run_in_threadpool(service.feedback, items)
        return JSONResponse({"events": events, "new": new})

    @app.get("/labels")
    async def labels(request: Request) -> JSONResponse:
        """The product, the bundle in service and its labels."""
        check_token(request, settings.token)
        loaded = service.loaded
        return JSONResponse({"product": service.product, "bundle": loaded.digest, "labels": list(loaded.bundle.labels)})


def _add_review(app: FastAPI, service: Service) -> None:
    settings = service.settings

    @app.get("/audit")
    async def audit(
        request: Request, limit: int = Query(default=20, ge=1, le=1000), after: int = Query(default=0, ge=0)
    ) -> JSONResponse:
        """Audited predictions that wait for a reviewer, oldest first; what the model said is not shown."""
        check_token(request, settings.review_token, settings.token)
        found = await run_in_threadpool(service.unreviewed, after=after, limit=limit)
        items: list[JsonValue] = [
            {"prediction": one.id, "input": one.note.input, "sequence": one.sequence, "created": one.created}
            for one in found
        ]
        return JSONResponse({"items": items})

    @app.post("/erase", openapi_extra=_body(ERASE_SCHEMA))
    async def erase(request: Request) -> JSONResponse:
        """Blank what a person wrote in a prediction, or in an example, and in the feedback on it."""
        check_token(request, settings.review_token, settings.token)
        body = await read_object(request, settings)
        identifier = body.get("prediction")
        if not isinstance(identifier, str) or len(body) > 1:
            raise RefusalError(422, [Problem("body", "not of this form", '{"prediction": ID}', "name the prediction")])
        return JSONResponse({"erased": await run_in_threadpool(service.erase, identifier)})


def _add_operation(app: FastAPI, service: Service) -> None:
    @app.get("/livez")
    async def livez() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """A bundle is loaded and the ledger answers."""
        loaded = service.loaded
        try:
            async with asyncio.timeout(5.0):
                await run_in_threadpool(service.ledger.newest, service.product, kinds=("decision",))
        except TimeoutError:
            raise not_ready("the ledger does not answer") from None
        return JSONResponse({"status": "ok", "product": service.product, "bundle": loaded.digest})

    @app.get("/metrics")
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        """A page to try predictions and to say what is wrong with them."""
        text = resources.files("marketfit.serve").joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})


def _check_feedback_token(request: Request, service: Service, items: list[FeedbackItem]) -> None:
    """Truths decide about promotion, so they are for reviewers only."""
    settings = service.settings
    if any(item.truth is not None for item in items):
        check_token(request, settings.review_token, settings.token)
    elif settings.token is not None:
        _either(request, service)


def _either(request: Request, service: Service) -> None:
    """A reviewer may say what a client may say."""
    try:
        check_token(request, service.settings.token)
    except RefusalError:
        check_token(request, service.settings.review_token, service.settings.token)


def _body(schema: object) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _http_problem(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    found = {404: "there is no such page", 405: "this method is not allowed here"}.get(status, f"status {status}")
    return refusal(RefusalError(status, [Problem("request", found, "see /docs", "correct it")], headers=headers))


async def _query_problem(_request: Request, error: Exception) -> Response:
    details = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [
        Problem(".".join(map(str, d["loc"])), repr(d["input"])[:60], d["msg"][:1].lower() + d["msg"][1:], "correct it")
        for d in details
    ]
    return refusal(RefusalError(422, problems))
