"""The routes of the survey pages. Needs the extra `serve`; imported when a server is made."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from marketfit.serve.refusal import RefusalError
from marketfit.serve.survey.form import Filled, parse_form, read_answer
from marketfit.serve.survey.render import Pages, Step
from marketfit.serve.survey.views import given_of, view_of
from marketfit.serve.survey.visits import Visit, Visits, usable_id, usable_token
from marketfit.serve.wire import read_body

_LOG = logging.getLogger("marketfit.serve.survey")
_NINETY_DAYS = 90 * 24 * 3600
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",  # the address of a page holds the respondent's secret
    "Cache-Control": "no-store",
}


def make_survey_app(visits: Visits) -> Starlette:
    """The pages over the respondents of one survey."""
    routes = _Routes(visits, Pages(visits.survey))
    return Starlette(
        routes=[
            Route("/", routes.welcome),
            Route("/start", routes.start, methods=["POST"]),
            Route("/s/{token}", routes.resume),
            Route("/s/{token}/done", routes.done),
            Route("/s/{token}/{number:int}", routes.question, methods=["GET"]),
            Route("/s/{token}/{number:int}", routes.answer, methods=["POST"]),
            Route("/survey.css", routes.css),
            Route("/robots.txt", lambda _request: PlainTextResponse("User-agent: *\nDisallow: /\n")),
            Route("/livez", lambda _request: PlainTextResponse("ok\n")),
        ],
        exception_handlers={
            RefusalError: routes.refused,
            HTTPException: routes.refused,
            SQLAlchemyError: routes.broken,
        },
    )


class _Routes:
    """Functions without `async` run in threads, since the ledger waits for the disk."""

    def __init__(self, visits: Visits, pages: Pages) -> None:
        self._visits = visits
        self._pages = pages
        self._cookie = f"survey_{visits.design.digest[:12]}"

    def welcome(self, request: Request) -> Response:
        external = usable_id(request.query_params.get(self._visits.settings.id_parameter))
        known = self._visits.find_external(external) if external else None
        if known is None and external is None:
            known = self._visits.find(request.cookies.get(self._cookie))
        if known is not None:
            return self._see(request, known, known.next)
        if external is None and self._visits.settings.require_id:
            return self._lost()
        if self._visits.full():
            return self._full()
        return self._html(self._pages.welcome(token=self._visits.new_token(), external=external))

    async def start(self, request: Request) -> Response:
        form = parse_form(await read_body(request, self._visits.settings.max_body_bytes))
        token, external = usable_token(form.get("token")), usable_id(form.get("external"))
        if token is None or (external is None and self._visits.settings.require_id):
            return self._lost()
        visit = await run_in_threadpool(self._visits.begin, token=token, external=external)
        return self._full() if visit is None else self._see(request, visit, visit.next)

    def resume(self, request: Request) -> Response:
        visit = self._visits.find(request.path_params["token"])
        return self._lost() if visit is None else self._see(request, visit, visit.next)

    def question(self, request: Request) -> Response:
        visit = self._visits.find(request.path_params["token"])
        number: int = request.path_params["number"]
        if visit is None or not 1 <= number <= len(visit.way):
            return self._lost()
        if number > visit.next:
            return self._see(request, visit, visit.next)
        self._visits.shown(visit, number)
        asked, said, texts = visit.way[number - 1], visit.answer(number), self._pages.texts
        given = given_of(asked.question, said.picked, said.cells, texts) if said else {}
        view = view_of(asked, given=given, errors={}, texts=texts)
        return self._remember(request, visit, self._html(self._pages.question(view, _step(visit, number))))

    async def answer(self, request: Request) -> Response:
        """Keep an answer: the redirect goes out only after its commit."""
        settings = self._visits.settings
        form = parse_form(await read_body(request, settings.max_body_bytes))
        number: int = request.path_params["number"]
        visit = await run_in_threadpool(self._visits.find, request.path_params["token"])
        if visit is None or not 1 <= number <= len(visit.way):
            return self._lost()
        if form.get("token") != visit.session.token:
            return self._lost(status=403)
        if number > visit.next:
            return self._see(request, visit, visit.next)
        asked = visit.way[number - 1]
        filled = read_answer(
            asked.part, asked.place, form, texts=self._pages.texts, max_characters=settings.max_characters
        )
        if filled.errors:
            return self._wrong(visit, number, filled)
        await run_in_threadpool(self._visits.keep, visit, number, filled.answer)
        return self._see(request, visit, number + 1)

    def done(self, request: Request) -> Response:
        visit = self._visits.find(request.path_params["token"])
        if visit is None:
            return self._lost()
        if visit.next <= len(visit.way):
            return self._see(request, visit, visit.next)
        return self._html(self._pages.thanks(_step(visit, 1)))

    def css(self, _request: Request) -> Response:
        headers = {**_HEADERS, "Cache-Control": "public, max-age=300"}
        return Response(self._pages.css, media_type="text/css; charset=utf-8", headers=headers)

    def refused(self, _request: Request, error: Exception) -> Response:
        """No such page, or a form that is too large or no form."""
        texts = self._pages.texts
        status = error.status if isinstance(error, RefusalError) else getattr(error, "status_code", 404)
        large = status == 413
        title, why = (texts.large, texts.large_why) if large else (texts.lost, texts.lost_why)
        if isinstance(error, RefusalError) and not large:
            title, why = texts.busy, texts.busy_why
        response = self._html(self._pages.notice(title, why), status=status)
        if isinstance(error, RefusalError):
            response.headers.update(error.headers)
        return response

    def broken(self, _request: Request, error: Exception) -> Response:
        """The ledger does not answer: nothing was kept of this form, and the respondent is told so."""
        _LOG.error("the ledger does not answer", exc_info=error)
        texts = self._pages.texts
        return self._html(self._pages.notice(texts.busy, texts.busy_why), status=503)

    def _wrong(self, visit: Visit, number: int, filled: Filled) -> Response:
        view = view_of(visit.way[number - 1], given=filled.given, errors=filled.errors, texts=self._pages.texts)
        return self._html(self._pages.question(view, _step(visit, number)), status=422)

    def _see(self, request: Request, visit: Visit, number: int) -> Response:
        last = "done" if number > len(visit.way) else str(number)
        place = f"/s/{visit.session.token}/{last}"
        response = RedirectResponse(place, status_code=303, headers=_HEADERS)
        return self._remember(request, visit, response)

    def _remember(self, request: Request, visit: Visit, response: Response) -> Response:
        response.set_cookie(
            self._cookie, visit.session.token, max_age=_NINETY_DAYS, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    def _lost(self, *, status: int = 404) -> Response:
        return self._html(self._pages.notice(self._pages.texts.lost, self._pages.texts.lost_why), status=status)

    def _full(self) -> Response:
        return self._html(self._pages.notice(self._pages.texts.full, self._pages.texts.full_why), status=403)

    @staticmethod
    def _html(text: str, *, status: int = 200) -> Response:
        return HTMLResponse(text, status_code=status, headers=_HEADERS)


def _step(visit: Visit, number: int) -> Step:
    return Step(token=visit.session.token, number=number, count=len(visit.way))
