"""Requests that are refused, with the reason as instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from marketfit.errors import Problem


class RefusalError(Exception):
    """A request is refused: HTTP status, problems, extra headers."""

    def __init__(self, status: int, problems: Sequence[Problem], *, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.problems = tuple(problems)
        self.headers = dict(headers or {})
        super().__init__(f"{status}: " + "; ".join(str(problem) for problem in problems))


def as_json(problems: Sequence[Problem]) -> JsonValue:
    """The body of every refusal."""
    return {"problems": [{"where": p.where, "found": p.found, "allowed": p.allowed, "do": p.do} for p in problems]}


def busy() -> RefusalError:
    """Too much is waiting already."""
    problem = Problem("server", "too many inputs are waiting", "", "send it again in a second")
    return RefusalError(503, [problem], headers={"Retry-After": "1"})


def not_ready(why: str) -> RefusalError:
    """Nothing can be answered yet."""
    return RefusalError(503, [Problem("server", why, "", "send it again later")], headers={"Retry-After": "2"})
