"""A respondent without a browser: reads pages as HTML and sends their forms, as a browser without scripts does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import httpx


@dataclass
class Page:
    """What of a page a form needs. `fields`: what would be sent as it is; `radios`: name → values to choose from."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    radios: dict[str, list[str]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    heading: str = ""
    title: str = ""

    def blanks(self) -> list[str]:
        """Names of the fields to write into."""
        return [name for name in self.fields if name not in ("token", "external") and name not in self.radios]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        page = self.page
        if tag in ("h1", "title", "textarea"):
            self._inside.append(found.get("name", tag))
        if tag == "form":
            page.action = found.get("action", "")
        elif tag == "a":
            page.links.append(found.get("href", ""))
        elif tag == "textarea":
            page.fields[found["name"]] = ""
        elif tag == "input" and found.get("type") == "radio":
            page.radios.setdefault(found["name"], []).append(found["value"])
            if "checked" in found:
                page.fields[found["name"]] = found["value"]
        elif tag == "input":
            page.fields[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "title", "textarea") and self._inside:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            return
        name = self._inside[-1]
        if name == "h1":
            self.page.heading += data
        elif name == "title":
            self.page.title += data
        else:
            self.page.fields[name] += data


class FormClient:
    """A respondent at a server. `page` is what they see, `reply` the response it came with."""

    def __init__(self, url: str) -> None:
        import httpx

        self.http = httpx.Client(base_url=url, timeout=30, follow_redirects=True)
        self.page = Page()
        self.reply: httpx.Response | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    @property
    def path(self) -> str:
        """Where they are."""
        return "" if self.reply is None else self.reply.url.path

    @property
    def status(self) -> int:
        """Of the page they see."""
        return 0 if self.reply is None else self.reply.status_code

    def open(self, path: str) -> Page:
        """Follow a link."""
        return self._see(self.http.get(path))

    def send(self, values: Mapping[str, str] | None = None) -> Page:
        """Send the form of the page with some fields filled in."""
        return self._see(self.http.post(self.page.action, data={**self.page.fields, **(values or {})}))

    def answer(self, choose: int = 0, write: str = "7") -> Page:
        """Answer the question of the page: choice number `choose` of all radio buttons, `write` in the rest."""
        values = {name: options[choose % len(options)] for name, options in self.page.radios.items()}
        return self.send({**values, **dict.fromkeys(self.page.blanks(), write)})

    def _see(self, reply: httpx.Response) -> Page:
        reader = _Reader()
        reader.feed(reply.text)
        self.reply, self.page = reply, reader.page
        return self.page
