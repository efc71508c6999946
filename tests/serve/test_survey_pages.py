"""A survey filled in by plain forms over a real socket: what is kept, resumed, changed and refused."""

from __future__ import annotations

import csv
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import AnswerNote, answers
from marketfit.loop.survey_answers import read_survey
from marketfit.records.questionnaire import Survey
from marketfit.serve.server import Server
from marketfit.serve.survey import SurveySettings, running_survey
from marketfit.testing.forms import FormClient

QUESTIONS = 7


@pytest.fixture
def notes(tmp_path: Path, pages: Server) -> Ledger:  # noqa: ARG001 - the server makes the ledger
    return Ledger.beside(tmp_path / "marketfit-workspace")


def kept(ledger: Ledger) -> list[AnswerNote]:
    return [one.note for one in answers(ledger, "kitchen")]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def begin(client: FormClient, path: str = "/") -> str:
    """Begin the survey; gives the personal link."""
    client.open(path)
    client.send()
    assert client.path.endswith("/1"), client.path
    return client.path.removesuffix("/1")


def test_from_the_first_page_to_the_files(pages: Server, survey_file: Path, tmp_path: Path) -> None:
    headings, asked_about = list[str](), list[str]()
    with FormClient(pages.url) as client:
        assert client.open("/?id=panel-7").heading == "Your kitchen <assistant>"
        client.send()
        while not client.path.endswith("/done"):
            headings.append(client.page.heading)
            assert client.reply is not None
            asked_about += re.findall(r'<span class="asked">(.*?)</span>', client.reply.text)
            client.answer(write="4,5" if client.page.heading.startswith("What does") else '=noise, "and"\nheat')
            if client.status == 422:
                client.answer(write="4.5")
        assert client.page.heading == "Thank you!"
    assert headings[:3] == ["Which of these would you choose?"] * 3
    assert asked_about == ["Which label fits?"] * 2
    assert set(headings[3:5]) == {"turn the oven on", "what goes with <b>fennel</b>"}
    with FormClient(pages.url) as client:
        begin(client)
        client.answer()
    made = read_survey(survey_file)
    assert (made.complete, made.partial, made.readable) == (1, 1, True), made.as_text()
    folder = tmp_path / "kitchen" / "answers"
    rows = {path.stem: table(path) for path in folder.iterdir()}
    assert len(rows["choice"]) == 4 * 3  # three tasks and one; two products and none
    assert [row["text"] for row in rows["interviews"]] == ['=noise, "and"\nheat']
    assert {row["respondent"] for row in rows["choice"]} == {"r001", "r002"}
    first, second = rows["respondents"]
    assert (first["external_id"], first["answered"], first["complete"]) == ("panel-7", "7", "1")
    assert (second["answered"], second["complete"], second["finished"]) == ("1", "0", "")
    assert float(first["seconds"]) > 0
    assert "  choices: kitchen/answers/choice.csv" in made.brief
    assert "    interviews: kitchen/answers/interviews.csv" in made.brief


def test_resume_by_link_by_cookie_and_by_panel_id(pages: Server) -> None:
    with FormClient(pages.url) as client:
        link = begin(client, "/?id=abc")
        client.answer()
        client.answer()
        client.open("/")  # the cookie
        assert client.path == f"{link}/3"
    for path in (link, "/?id=abc"):
        with FormClient(pages.url) as other:
            other.open(path)
            assert other.path == f"{link}/3"
            other.open(f"{link}/6")  # nothing is skipped
            assert other.path == f"{link}/3"


def test_an_answer_that_is_sent_twice_counts_once(pages: Server, notes: Ledger) -> None:
    with FormClient(pages.url) as client:
        begin(client)
        page = client.page
        form = {**page.fields, "pick": page.radios["pick"][0]}
        with ThreadPoolExecutor(8) as pool:
            sent = list(pool.map(lambda _: httpx.post(pages.url + page.action, data=form), range(8)))
        assert {reply.status_code for reply in sent} == {303}
        assert {reply.headers["location"] for reply in sent} == {page.action.removesuffix("1") + "2"}
    assert len(kept(notes)) == 1


def test_beginning_twice_on_one_page_takes_one_place(pages: Server) -> None:
    with FormClient(pages.url) as client:
        token = client.open("/").fields["token"]
    with ThreadPoolExecutor(4) as pool:
        form = {"token": token, "external": ""}
        sent = list(pool.map(lambda _: httpx.post(pages.url + "/start", data=form), range(4)))
    assert {reply.headers["location"] for reply in sent} == {f"/s/{token}/1"}


def test_back_and_change_the_newest_counts_and_all_are_kept(pages: Server, notes: Ledger, survey_file: Path) -> None:
    with FormClient(pages.url) as client:
        link = begin(client)
        client.answer(0)
        assert f"{link}/1" in client.page.links  # Back
        assert client.open(f"{link}/1").fields["pick"] == "1"  # what was said is shown
        client.answer(1)
        client.open(f"{link}/1")
        client.answer(0)
        assert client.path == f"{link}/2"
    assert [(note.picked, note.revision) for note in kept(notes)] == [("1", 1), ("2", 2), ("1", 3)]
    made = read_survey(survey_file)
    rows = table(Path(made.folder, "choice.csv"))
    assert [row["alternative"] for row in rows if row["chosen"] == "1"] == ["1"]


def test_twenty_at_once_get_twenty_places_and_then_it_is_full(pages: Server, survey_file: Path) -> None:
    def take(_: int) -> str:
        with FormClient(pages.url) as client:
            link = begin(client)
            client.answer()
            return link

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(take, range(20)))) == 20
    made = read_survey(survey_file)
    people = [row["respondent"] for row in table(Path(made.respondents))]
    assert sorted(people) == [f"r{number:03d}" for number in range(1, 21)]
    with FormClient(pages.url) as late:
        assert late.open("/").heading == "This survey is full"
        assert late.status == 403


def test_what_is_wrong_is_said_and_what_was_written_stays(pages: Server, notes: Ledger) -> None:
    with FormClient(pages.url) as client:
        link = begin(client)
        client.send()
        assert client.status == 422
        assert client.page.title.startswith("Error: ")
        assert "#pick-0" in client.page.links
        for _ in range(6):
            client.answer()
        assert client.path == f"{link}/7"
        for wrong in ("a lot", "1,500", "nan", "1e999", "9" * 50):
            client.send({"f0": "Acme", "f1": wrong, "f2": "cloud"})
            assert client.status == 422, wrong
            assert (client.page.fields["f0"], client.page.fields["f1"]) == ("Acme", wrong)
        client.send({"f1": "4,5"})
        assert client.path == f"{link}/done"
    assert kept(notes)[-1].cells == {"offer": "Acme", "price": 4.5, "privacy": "cloud"}


def test_hostile_requests(pages: Server, notes: Ledger) -> None:
    with FormClient(pages.url) as client, FormClient(pages.url) as other:
        link, foreign = begin(client), begin(other)
        token = foreign.removeprefix("/s/")
        page = client.page
        good = {**page.fields, "pick": page.radios["pick"][0]}
        post = client.http.post
        assert post(page.action, data={**good, "token": token}).status_code == 403
        assert post(page.action, data={"pick": good["pick"]}).status_code == 403
        assert post(page.action, data={**good, "pick": "9"}).status_code == 422
        assert post(page.action, data={**good, "pick": "1\x00"}, follow_redirects=False).status_code == 303
        assert post(page.action, content=b"x" * 70_000).status_code == 413
        assert post(page.action, content=b"\xff\xfe=1").status_code == 400
        assert post(page.action, content="&".join(f"a{n}=1" for n in range(600)).encode()).status_code == 400
        assert post(f"{link}/99", data=good).status_code == 404
        for path in ("/s/nothing", f"/s/{'A' * 43}", "/s/x/1", f"{link}/0", f"{link}/99", "/nowhere", "/s/%00/1"):
            reply = client.http.get(path)
            assert reply.status_code == 404, path
            assert "This link leads nowhere" in reply.text
        assert post("/start", data={"token": "short"}).status_code == 404
    assert len(kept(notes)) == 1


def test_texts_and_answers_are_escaped(pages: Server) -> None:
    evil = "</textarea><script>alert(1)</script>\x00\ud83d"
    with FormClient(pages.url) as client:
        link = begin(client)
        for _ in range(5):
            client.answer()
        assert client.page.blanks() == ["f0"]
        client.send({"f0": evil.encode("utf-8", "replace").decode()})
        client.open(f"{link}/6")
        assert client.reply is not None
        assert "<script" not in client.reply.text
        assert client.page.fields["f0"].startswith("</textarea><script>")
        client.open("/")
        assert "<assistant>" not in client.reply.text


def test_every_page_is_private_and_none_runs_a_script(pages: Server) -> None:
    with FormClient(pages.url) as client:
        link = begin(client)
        assert client.reply is not None
        cookie = client.reply.history[0].headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        for path in ("/robots.txt", "/livez", "/survey.css"):
            assert client.http.get(path).status_code == 200
        for path in (f"{link}/1", "/nowhere"):
            reply = client.http.get(path)
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            assert "script" not in reply.headers["content-security-policy"]
            assert reply.headers["x-robots-tag"].startswith("noindex")
            assert reply.headers["cache-control"] == "no-store"
            assert reply.headers["referrer-policy"] == "no-referrer"
            assert '<meta name="robots" content="noindex' in reply.text
            assert not re.search(r"<script|style=|\son[a-z]+=", reply.text)


def test_only_invited_people_where_an_id_is_required(survey: Survey, tmp_path: Path) -> None:
    settings = SurveySettings(workspace=tmp_path, require_id=True, id_parameter="pid", max_respondents=1)
    with running_survey(survey, settings) as server:
        for path, status in (("/", 404), ("/?pid=", 404), ("/?pid=a", 200)):
            with FormClient(server.url) as client:
                client.open(path)
                assert client.status == status
        with FormClient(server.url) as client:
            begin(client, "/?pid=a")
        with FormClient(server.url) as client:
            client.open("/?pid=b")
            assert client.page.heading == "This survey is full"


def test_a_survey_for_anyone_has_no_end_of_places(survey: Survey, tmp_path: Path) -> None:
    open_part = tuple(part for part in survey.parts if part.instrument == "interviews")
    everybody = survey.model_copy(update={"parts": open_part, "language": "de"})
    with running_survey(everybody, SurveySettings(workspace=tmp_path)) as server:
        for _ in range(3):
            with FormClient(server.url) as client:
                begin(client)
                assert client.reply is not None
                assert '<html lang="de">' in client.reply.text
                client.answer()
                assert client.page.heading == "Vielen Dank!"
    ledger = Ledger.beside(tmp_path)
    assert len(answers(ledger, "kitchen")) == 3
    ledger.close()
