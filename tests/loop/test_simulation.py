"""The simulator of the command line, on a small market with a logit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

BRIEF = """\
product: ours
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {accuracy: ">= 0.5"}
market:
  goal: profit
  audience: 1000
  unit_cost: 0.5
  rival_unit_costs: {Rival: 0.7}
  choices: choices.csv
  model: logit
  drop_careless: false
  competitors: competitors.csv
  simulated: true
  attributes:
    place: {offer: [device, cloud]}
    price: {offer: [2, 4], better: lower}
"""

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty people who choose six times: price is worth −0.6, a device 1.2, taking none −2."""
    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(0)
    lines = ["respondent,task,alternative,chosen,place,price"]
    for person in range(80):
        for task in range(6):
            shown = [(str(rng.choice(["cloud", "device"])), float(rng.choice([2.0, 4.0, 6.0]))) for _ in range(2)]
            worth = [1.2 * (place == "device") - 0.6 * price for place, price in shown] + [-2.0]
            won = int(np.argmax(np.array(worth) + rng.gumbel(size=3)))
            cells = [f"{place},{price}" for place, price in shown] + [","]
            names = ("1", "2", "none")
            lines += [f"p{person},{task},{names[k]},{int(k == won)},{cell}" for k, cell in enumerate(cells)]
    (folder / "choices.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "competitors.csv").write_text("offer,place,price\nRival,cloud,2\n", "utf-8")
    (folder / "data.csv").write_text("text,label\nhello,x\nbye,y\n", "utf-8")
    path = folder / "brief.yaml"
    path.write_text(BRIEF, "utf-8")
    return path


def test_a_change_is_shown_with_its_interval_and_its_price(call: Call, brief: Path) -> None:
    done = call("survey", "simulate", brief, "--set", "place=cloud", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    ours = told["offers"][0]
    assert ours["offer"] == "ours"
    assert ours["share"] - ours["before"] == pytest.approx(ours["change"])
    assert ours["change_low"] < ours["change"] < ours["change_high"] < 0
    assert sum(one["change"] for one in told["offers"]) == pytest.approx(0, abs=1e-6)
    assert any("our share" in note for note in told["notes"])
    text = call("survey", "simulate", brief, "--set", "place=cloud", "--quiet").stdout
    assert "before" in text
    assert "points" in text
    assert "SIMULATED" in text


def test_without_a_change_there_is_no_before(call: Call, brief: Path) -> None:
    told = json.loads(call("survey", "simulate", brief, "--json", "--quiet").stdout)
    assert {one["before"] for one in told["offers"]} == {None}
    assert told["findings"] == []


def test_lines_and_rivals_who_answer_are_one_document(call: Call, brief: Path) -> None:
    done = call("survey", "simulate", brief, "--line", 2, "--react", "--json", "--quiet")
    told = json.loads(done.stdout)
    line, reaction = told["findings"]
    assert (line["instrument"], reaction["instrument"]) == ("product-line", "price-competition")
    assert line["tables"][0]["rows"][0][0].count(" + ") == 1
    assert "survive" in reaction["lead"]
    assert "ASSUMED" not in reaction["lead"]
    text = call("survey", "simulate", brief, "--line", 1, "--offer", "price=2,3,6", "--quiet").stdout
    assert "The best of 6 lines of up to 1" in text


def test_our_price_is_chosen_on_the_market_that_is_simulated(call: Call, brief: Path) -> None:
    """Without its rival our offer earns more at a price that drives buyers to the rival where there is one."""
    other = brief.with_name("dear.yaml")
    other.write_text(BRIEF.replace("[2, 4]", "[2, 6]").replace("unit_cost: 0.5", "unit_cost: 0"), "utf-8")
    told = json.loads(call("survey", "simulate", other, "--json", "--quiet").stdout)
    alone = json.loads(call("survey", "simulate", other, "--available", "Rival=0", "--json", "--quiet").stdout)
    assert "price 2 (earns most of 2, 6)" in told["notes"][0]
    assert "price 6 (earns most of 2, 6)" in alone["notes"][0]
    shares = [{one["offer"]: one["share"] for one in found["offers"]} for found in (told, alone)]
    assert shares[0]["Rival"] > 0.1
    assert shares[1]["Rival"] == 0
    at = [json.loads(call("survey", "simulate", other, "--available", "Rival=0", "--set", f"price={price}", "--json",
                          "--quiet").stdout)["offers"][0]["share"] for price in (2, 6)]  # fmt: skip
    assert at[1] == pytest.approx(shares[1]["ours"])
    assert 6 * at[1] > 2 * at[0]


def test_an_availability_is_a_share(call: Call, brief: Path) -> None:
    done = call("survey", "simulate", brief, "--available", "Rival=60", "--set", "prise=2", "--quiet")
    assert done.returncode == 2
    assert "--available Rival=60: is 60; a share from 0 to 1" in done.stderr
    assert "--set prise=2" in done.stderr


def test_every_mistake_of_the_options_is_told(call: Call, brief: Path) -> None:
    done = call("survey", "simulate", brief, "--set", "prise=2", "--offer", "plase=x", "--available", "x=1", "--quiet")
    assert done.returncode == 2
    for part in ("--set prise=2", "--offer plase=x", "did you mean 'place'", "--available x=1", "without --line"):
        assert part in done.stderr, done.stderr


def test_rivals_who_cannot_answer_are_no_silent_success(call: Call, brief: Path) -> None:
    """Told with every other mistake, and with what to add."""
    other = brief.with_name("costless.yaml")
    other.write_text(BRIEF.replace("  rival_unit_costs: {Rival: 0.7}\n  ", "  ").replace("  unit_cost: 0.5\n", "")
                     .replace("goal: profit", "goal: share").replace("[2, 4]", "2"), "utf-8")  # fmt: skip
    done = call("survey", "simulate", other, "--set", "price=4", "--set", "prise=4", "--react", "--quiet")
    assert done.returncode == 2
    assert "--react: rivals can't answer: it needs market.unit_cost, what one buyer costs us" in done.stderr
    assert "--set prise=4" in done.stderr
    done = call("survey", "simulate", brief, "--set", "price=9", "--react", "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "our price lies beyond what was tested (2 to 6)" in done.stderr


def test_costs_of_rivals_that_are_not_there_are_refused(call: Call, brief: Path) -> None:
    other = brief.with_name("other.yaml")
    other.write_text(BRIEF.replace("{Rival: 0.7}", "{Rivl: 0.7}"), "utf-8")
    done = call("survey", "simulate", other, "--quiet")
    assert done.returncode == 2
    assert "market.rival_unit_costs.Rivl: no such competitor" in done.stderr
    assert "did you mean 'Rival'" in done.stderr


def test_the_report_shows_what_if_and_price_competition(call: Call, brief: Path) -> None:
    done = call("survey", "report", brief, "--json", "--quiet")
    page = Path(json.loads(done.stdout)["report"]).read_text("utf-8")
    for part in ("What if our offer changed", "at which our share is what it is now", "If rivals answer our price",
                 "Bertrand–Nash", "What people would pay for a step"):  # fmt: skip
        assert part in page, part


def test_the_market_needs_no_model(call: Call, brief: Path) -> None:
    """A brief with the product and its market only; a model's sections, and its data, may come later."""
    alone = brief.with_name("market.yaml")
    alone.write_text("product: ours\n" + BRIEF[BRIEF.index("market:") :], "utf-8")
    told = json.loads(call("survey", "simulate", alone, "--json", "--quiet").stdout)
    whole = json.loads(call("survey", "simulate", brief, "--json", "--quiet").stdout)
    assert told == whole
    done = call("survey", "report", alone, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["report"]).is_file()
    later = brief.with_name("later.yaml")
    later.write_text(BRIEF.replace("data.csv", "not-collected-yet.csv"), "utf-8")
    assert json.loads(call("survey", "simulate", later, "--json", "--quiet").stdout) == whole
    done = call("check", alone, "--quiet")
    assert done.returncode == 2
    assert all(f"'{section}' is missing" in done.stderr for section in ("task", "data", "require"))
