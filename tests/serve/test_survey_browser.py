"""The survey in a real headless Chromium, by keyboard only, driven over plain WebDriver HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import answers
from marketfit.records.questionnaire import Field, Question, Questionnaire, Survey
from marketfit.research.background import Background, BackgroundPlan, BackgroundQuestion
from marketfit.serve.server import Server
from marketfit.serve.survey import SurveySettings, running_survey
from marketfit.testing.browser import Browser, chromedriver, missing_programs

TAB, SPACE, ENTER, DOWN = "\ue004", " ", "\ue007", "\ue015"
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


Open = Callable[[], Browser]


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    """The address of a chromedriver."""
    if missing := missing_programs():
        pytest.skip(f"{' and '.join(missing)} not installed: apt-get install chromium chromium-driver")
    with chromedriver() as address:
        yield address


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
    link = browser.follow(ENTER).removesuffix("/1")
    choose_after_an_error(browser, pages.url + link)
    go_back_and_on(browser, link)
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
    fill_in_the_form(browser, link)
    check(browser, "9-thanks")
    ledger = Ledger.beside(tmp_path / "marketfit-workspace")
    kept = [one.note for one in answers(ledger, "kitchen")]
    ledger.close()
    assert len(kept) == 7
    assert (kept[0].picked, kept[-2].cells) == ("none", {"text": "cleaning up"})
    assert kept[-1].cells == {"offer": "Acme", "price": 4.5, "privacy": "on-device"}


def choose_after_an_error(browser: Browser, link: str) -> None:
    """Question 1: sent empty, then the card of taking none."""
    check(browser, "2-choice")
    assert focus_order(browser, 4) == ["Skip to the question", "pick-0", "Next", "your personal link"]
    browser.go(f"{link}/1")
    browser.press(TAB, TAB, TAB)
    assert browser.follow(ENTER).endswith("/1")  # nothing chosen: the page says so
    check(browser, "3-error")
    assert "Please check your answer" in str(browser.run(ACTIVE))  # the summary has the focus
    browser.press(TAB, ENTER)
    assert browser.run(ACTIVE) == "pick-0"  # its link leads to the radio buttons
    browser.press(SPACE, DOWN, DOWN)
    assert browser.run("return document.querySelector(':checked').value") == "none"
    check(browser, "4-none")
    assert browser.follow(ENTER).endswith("/2")  # Enter sends the form from a radio button too


def go_back_and_on(browser: Browser, link: str) -> None:
    """Question 2 answered, then Back from question 3, where the answer is shown."""
    browser.press(TAB, TAB, SPACE, TAB)
    assert browser.run(ACTIVE) == "Next"
    assert browser.follow(ENTER) == f"{link}/3"
    browser.press(TAB, TAB, TAB, TAB)
    assert browser.run(ACTIVE) == "Back"
    assert browser.follow(ENTER) == f"{link}/2"
    assert browser.run("return document.querySelector(':checked').id") == "pick-0"


def fill_in_the_form(browser: Browser, link: str) -> None:
    """Question 7: a word where a number is wanted, and nothing in the last field; then both mended."""
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


def test_scales_and_two_different_picks(open_browser: Open, tmp_path: Path) -> None:
    items = ("Fast answers", "Works without the internet", "Speaks my dialect", "Costs little")
    words = ("I like it", "It must be so", "I do not mind", "I can live with it", "I dislike it")
    scale = Field(name="recommend", kind="number", text="How likely are you to recommend us? (10: extremely)", low=0,
                  high=10, show="scale")  # fmt: skip
    kano = Field(name="with", kind="text", text="How is it if it has this?", allowed=words, show="scale")
    picks = tuple(
        Field(name=name, kind="text", text=text, allowed=items, show="choice")
        for name, text in (("best", "Matters most"), ("worst", "Matters least"))
    )
    questions = (
        Question(id="1", respondent="", text="What do you think of it?", fields=(scale, kano)),
        Question(id="2", respondent="", text="What matters?", fields=picks, distinct=("best", "worst")),
    )
    columns = ("respondent", "recommend", "with", "best", "worst")
    part = Questionnaire(instrument="satisfaction", title="", columns=columns, keeps="cells", questions=questions)
    survey = Survey(
        name="scales", title="Two questions", introduction="", thanks="", language="en", seed=0, parts=(part,)
    )
    with running_survey(survey, SurveySettings(workspace=tmp_path)) as server:
        browser = open_browser()
        browser.go(server.url)
        browser.press(TAB)
        link = browser.follow(ENTER).removesuffix("/1")
        browser.press(TAB, TAB, DOWN, DOWN, TAB, SPACE)
        check(browser, "a-scales")
        assert browser.follow(ENTER) == f"{link}/2"
        browser.press(TAB, TAB, SPACE, TAB, SPACE)
        assert browser.follow(ENTER) == f"{link}/2"
        check(browser, "b-picks")
        assert "two different answers" in str(browser.run(ACTIVE))
        browser.press(TAB, ENTER, DOWN)
        assert browser.follow(ENTER) == f"{link}/done"
    ledger = Ledger.beside(tmp_path)
    kept = [one.note.cells for one in answers(ledger, "scales")]
    ledger.close()
    assert kept == [
        {"recommend": 2.0, "with": "I like it"},
        {"best": "Fast answers", "worst": "Works without the internet"},
    ]


def test_who_people_are_by_keyboard(open_browser: Open, tmp_path: Path) -> None:
    """A form with a single choice and a number: every control has the question as its label or its legend."""
    age = BackgroundQuestion(name="age", text="How old are you?", answers=("18-34", "35-54", "55+"))
    home = BackgroundQuestion(name="people", text="How many of you live together?", low=1, high=20)
    part = Background().design(BackgroundPlan(questions=(age, home)), seed=0)
    survey = Survey(name="homes", title="Your home", introduction="", thanks="", language="en", seed=0, parts=(part,))
    with running_survey(survey, SurveySettings(workspace=tmp_path)) as server:
        browser = open_browser()
        browser.go(server.url)
        browser.press(TAB)
        link = browser.follow(ENTER).removesuffix("/1")
        check(browser, "c-background")
        legend = (
            "return document.querySelector('input[type=radio]').closest('fieldset').querySelector('legend').textContent"
        )
        assert browser.run(legend) == "How old are you?"
        assert focus_order(browser, 4) == ["Skip to the question", "f0-0", "f1", "Next"]
        browser.go(f"{server.url}{link}/1")
        browser.press(TAB, TAB, SPACE, DOWN, TAB)
        assert browser.follow(ENTER) == f"{link}/1"  # the number is missing: the page says so
        check(browser, "d-background-error")
        browser.press(TAB, ENTER)
        assert browser.run(ACTIVE) == "f1"
        browser.write("3")
        assert browser.follow(ENTER) == f"{link}/done"
    ledger = Ledger.beside(tmp_path)
    kept = [one.note.cells for one in answers(ledger, "homes")]
    ledger.close()
    assert kept == [{"age": "35-54", "people": 3.0}]
