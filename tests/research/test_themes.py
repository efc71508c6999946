"""Themes: statements, rules, groups by meaning that no seed moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.measure.clusters import best_clusters
from marketfit.measure.features import embed, make_embedder
from marketfit.research.instruments.interviews import Interviews
from marketfit.research.themes import Statement, statements_of, themes_by_meaning, themes_by_rules
from marketfit.task import normalise_text

SAID = {
    "price": ["It is too expensive for me.", "The price is too high.", "I cannot afford that much money.",
              "Cheaper would be better.", "It costs more than I want to pay.", "The monthly fee is expensive."],
    "speed": ["The answer takes far too long.", "It is so slow.", "I wait for seconds until it reacts.",
              "The delay is annoying.", "It should respond faster.", "Why is it this slow to respond?"],
    "privacy": ["I do not want my voice in the cloud.", "My recordings should stay at home.",
                "Who listens to what I say in my house?", "I worry about privacy.", "Keep my data private.",
                "I do not trust them with my personal data."],
}  # fmt: skip


VARIED = {
    "battery": ["The battery dies before lunch.", "I have to charge it twice a day.", "It never lasts on one charge.",
                "Charging takes the whole night.", "The battery drains even when idle.",
                "Power is gone after two hours.",
                "I always carry a charger around.", "It runs out of power on long trips.",
                "A bigger battery would help.", "The charge level drops quickly."],
    "service": ["Nobody answers the support hotline.", "Customer service was rude to me.",
                "The support agent solved my problem.", "I waited a week for a reply from support.",
                "The help desk never called back.", "Their staff on the phone were friendly.",
                "My support ticket was closed without an answer.", "The agent did not understand my complaint.",
                "Customer support is hard to reach.", "I had to call customer service three times."],
    "price": ["The subscription is too expensive.", "I cannot afford the monthly fee.", "The price went up again.",
              "It costs more than its rivals.", "A discount would make me buy it.",
              "It is overpriced for what it does.",
              "I would pay less for this.", "The yearly fee is too much money.", "Cheaper plans are missing.",
              "The cost is not worth it."],
    "sound": ["The speaker sounds tinny.", "Music has no bass at all.", "The volume is too low in the kitchen.",
              "Songs sound muffled.", "The audio crackles at high volume.", "I love how clear the music sounds.",
              "Sound quality is poor.", "The bass of the speaker is great.", "It distorts when I turn the music up.",
              "The audio is crisp and loud."],
}  # fmt: skip


FUNCTION_WORDS = {"too", "is", "it", "my", "the", "not", "never", "no", "at", "an", "do", "to", "for", "was", "with"}


def test_statements_are_sentences_of_people() -> None:
    found = statements_of(["Too slow! And, well; it is loud\n\nNice?", "42 ...", "好用。便宜！"], [7, 8, 9])
    assert [(s.text, s.respondent) for s in found] == [
        ("Too slow!", 7),
        ("And, well;", 7),
        ("it is loud", 7),
        ("Nice?", 7),
        ("好用。", 9),
        ("便宜！", 9),
    ]


def test_rules_count_people_and_not_statements() -> None:
    said = statements_of(["Expensive. So expensive!", "cheap enough", "EXPENSES are high", ""], [0, 1, 2, 3])
    (found,) = themes_by_rules(said, {"price": ["expens*", "too much"]}, people=4)
    assert (found.people, found.statements, found.share) == (2, 3, 0.5)
    assert 0.06 < found.low < 0.08  # Clopper–Pearson, 2 of 4: 0.0676 to 0.9324
    assert 0.92 < found.high < 0.94


@pytest.mark.parametrize(
    ("phrase", "fits", "fits_not"),
    [
        ("便宜", ["这个很便宜", "便宜", "太便宜了"], ["这个很贵"]),
        ("iPhone", ["我的iPhone很好", "my iphone"], ["iPhones"]),
        ("C++", ["C++ is hard", "I like c++.", "C++11"], ["C is hard"]),
        (".NET", ["I use .net", "ASP.NET"], ["internet"]),
        ("ถูก", ["มันถูกมาก"], ["แพง"]),
        ("価格", ["この価格は高い"], ["高い"]),
        ("가격*", ["가격이 비싸요"], ["비싸요"]),
        ("महंगा", ["यह महंगा है"], ["सस्ता"]),
        ("cafe\u0301", ["the café."], ["cafés"]),
        ("too  much", ["too much", "Too much!"], ["too muchness"]),
        ("bar", ["a bar."], ["bargain", "crowbar", "bar5"]),
        ("*able", ["affordable"], ["tables"]),
    ],
)
def test_a_rule_ends_where_a_word_ends_and_only_where_spaces_part_words(
    phrase: str, fits: list[str], fits_not: list[str]
) -> None:
    said = [Statement(normalise_text(text), place, place + 1) for place, text in enumerate([*fits, *fits_not])]
    (found,) = themes_by_rules(said, {"code": [phrase]}, people=len(said))
    assert found.people == len(fits)
    assert not set(found.quotes) & set(fits_not)


@pytest.mark.parametrize("phrases", [[], [""], ["cheap", " * "]])
def test_a_rule_that_fits_everything_is_refused(phrases: list[str]) -> None:
    with pytest.raises(DataError, match=r"rules\['price'\]"):
        themes_by_rules([], {"price": phrases}, people=1)


def test_planted_groups_are_found_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(16, 3)))[0].T
    groups = rng.integers(0, 3, 90)
    rows = centres[groups] + 0.15 * rng.normal(size=(90, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    said = [Statement(f"word{group} common", place, place + 1) for place, group in enumerate(groups.tolist())]
    grouped = themes_by_meaning(said, rows, people=100)
    found = grouped.themes
    assert grouped.silhouette > 0.5
    assert grouped.other is None
    assert themes_by_meaning(said, rows, people=100) == grouped
    assert sorted(theme.statements for theme in found) == sorted(np.bincount(groups).tolist())
    assert {theme.name for theme in found} == {f"word{group}" for group in range(3)}
    order = rng.permutation(90)
    again = themes_by_meaning([said[row] for row in order.tolist()], rows[order], people=100).themes
    assert {(theme.name, theme.people) for theme in again} == {(theme.name, theme.people) for theme in found}


def test_a_statement_between_the_groups_is_counted_as_other() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    rows = np.eye(8)[groups] + 0.2 * np.abs(rng.normal(size=(40, 8))) * (np.arange(8) > 1)
    rows = np.vstack([rows, [[0, 0, 0, 0, 0, 0, -1.0, -1.0], [0, 0, 0, 0, 0, -1.0, 0, 0]]])
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    names = [*(f"word{group}" for group in groups.tolist()), "odd one", "odd two"]
    found = themes_by_meaning([Statement(name, place, place + 1) for place, name in enumerate(names)], rows, people=50)
    assert sum(theme.statements for theme in found.themes) + (found.other.statements if found.other else 0) == 42
    assert found.other is not None
    assert (found.other.people, set(found.other.quotes) <= {"odd one", "odd two"}) == (found.other.statements, True)


def test_interviews_from_a_file(tmp_path: Path, run: Run) -> None:
    rows = [(f"p{place}{topic}", text) for topic, texts in SAID.items() for place, text in enumerate(texts)]
    path = tmp_path / "interviews.csv"
    pl.DataFrame([*rows, ("silent", None)], schema=["respondent", "text"], orient="row").write_csv(path)
    market = MarketSpec(codes={"price": ("expensive", "price", "cost*", "fee", "cheap*", "afford")})
    instrument = Interviews()
    finding = instrument.estimate(instrument.read(SurveyFile(source=path), market), market, run=run)
    assert (finding.respondents, finding.answers) == (19, 19)
    coded, themes = finding.tables
    assert coded.rows[0][:2] == ("price", 6 / 19)
    assert 2 <= len(themes.rows) <= 4
    assert sum(float(row[5] or 0) for row in themes.rows) == 18
    assert all("“" in str(row[6]) for row in themes.rows)
    assert any("1 empty" in note for note in finding.notes)


def test_varied_statements_are_grouped_as_their_writer_meant_them(run: Run) -> None:
    from sklearn.metrics import adjusted_rand_score

    said = [text for texts in VARIED.values() for text in texts]
    meant = [topic for topic, texts in VARIED.items() for _ in texts]
    embedder = make_embedder("text-classification", "minilm", base=Path(), run=run)
    embedded = embed(embedder, said, run)
    groups = best_clusters(embedded, range(2, 11))[1]
    assert adjusted_rand_score(meant, groups) >= 0.8
    grouped = themes_by_meaning(
        [Statement(text, place, place + 1) for place, text in enumerate(said)],
        embedded,
        people=40,
        embed=lambda texts: embed(embedder, texts, run),
    )
    named = " ".join(theme.name for theme in grouped.themes)
    assert all(word in named for word in ("battery", "support")), named
    assert not {word for theme in grouped.themes for word in theme.name.split(", ")} & FUNCTION_WORDS, named
    assert {theme.name.split(", ")[0] for theme in grouped.themes} == {"battery", "costs", "music", "support"}, named


def test_quotes_of_a_theme_are_different_sentences_of_different_people() -> None:
    said = ["Too dear!", "too dear", "Too dear.", "It costs too much", "TOO  DEAR", "The fee is high", "dear me"]
    (found,) = themes_by_rules(
        [Statement(text, place // 2, place + 1) for place, text in enumerate(said)],
        {"price": ["dear", "costs", "fee"]},
        people=4,
    )
    assert found.quotes == ("Too dear!", "It costs too much", "The fee is high")
