"""Champion against challenger with a truth that is known: better, equal, worse; and decisions by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest

from marketfit.brief import load_brief
from marketfit.bundle import Bundle
from marketfit.contract import Contract, Measurement, Requirement
from marketfit.engine import start
from marketfit.errors import BundleError, InputError
from marketfit.ledger import Ledger
from marketfit.ledger import champion as champions
from marketfit.listen import (
    THRESHOLD,
    audited,
    challenge,
    compare,
    compare_on_test,
    evalue,
    judge_challenger,
    promote,
    replay,
    rollback,
)
from marketfit.records.base import Blob, Folder
from marketfit.records.data import Dataset, LengthProfile
from marketfit.records.decision import Promotion, Settlement

NEED = Requirement.parse("accuracy", ">= 0.7")
MET = Contract.of([NEED], [Measurement(metric="accuracy", value=0.9, low=0.85, high=0.95, n=300)])
UNPROVEN = Contract.of([NEED], [Measurement(metric="accuracy", value=0.72, low=0.65, high=0.8, n=50)])
BROKEN = Contract.of([NEED], [Measurement(metric="accuracy", value=0.5, low=0.4, high=0.6, n=300)])
Make = Callable[..., Bundle]
Traffic = Callable[..., tuple[list[str], list[str]]]


def judge(
    champion: Bundle, challenger: Bundle, ledger: Ledger, traffic: Traffic, contract: Contract = MET, rows: int = 400
) -> Promotion:
    comparison = compare(champion, challenger, audited(ledger, "tiny"), trained_on=[])
    inputs, truths = traffic(rows, seed=9)
    right = [[p.label == t for p, t in zip(b.predict(inputs), truths, strict=True)] for b in (champion, challenger)]
    return judge_challenger(comparison, compare_on_test(*right, level=0.05, seed=0), contract)


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        (range(5), "promoted", "better on audited traffic"),
        (range(20), "insufficient evidence", "e = 1 on audited traffic, 20 is needed"),
        (range(10, 30), "insufficient evidence", "the locked test allows a loss"),
        (range(60), "kept", "the challenger does harm, e ="),
    ],
)
def test_a_challenger_gets_what_it_deserves(
    champion: Bundle, make: Make, ledger: Ledger, traffic: Traffic, wrong: range, status: str, says: str
) -> None:
    inputs, truths = traffic(2000)
    done = replay(champion, inputs, truths, ledger=ledger, audit_rate=0.1, seed=1)
    assert 150 < done.audited < 250
    found = judge(champion, make("challenger", wrong), ledger, traffic)
    assert found.status == status, found.reason
    assert says in found.reason
    assert found.comparison is not None
    assert f"{done.audited} pairs ({done.audited} of them simulated)" in found.reason
    assert found.comparison.champion_right < found.comparison.pairs == done.audited


def test_a_better_challenger_waits_for_evidence_and_for_its_contract(
    champion: Bundle, make: Make, ledger: Ledger, traffic: Traffic
) -> None:
    better = make("challenger")
    assert "no pairs yet" in judge(champion, better, ledger, traffic).reason
    replay(champion, *traffic(2000), ledger=ledger, audit_rate=0.1, seed=1)
    assert judge(champion, better, ledger, traffic).status == "promoted"
    assert judge(champion, better, ledger, traffic, UNPROVEN).status == "insufficient evidence"
    assert "is unproven (0.72, interval 0.65 to 0.8)" in judge(champion, better, ledger, traffic, UNPROVEN).reason
    broken = judge(champion, better, ledger, traffic, BROKEN)
    assert (broken.status, broken.action) == ("kept", "keep")
    assert "accuracy >= 0.7 is broken" in broken.reason
    assert judge(champion, better, ledger, traffic, Contract(clauses=())).status == "insufficient evidence"


def test_equal_challengers_are_hardly_ever_promoted(champion: Bundle, make: Make, traffic: Traffic) -> None:
    """Wrong about other words than the champion, but about as many: looked at after every pair, 300 times over."""
    inputs, truths = traffic(6000, seed=5)
    equal = make("equal", range(20, 40))
    first, second = (
        np.array([p.label == t for p, t in zip(b.predict(inputs), truths, strict=True)]) for b in (champion, equal)
    )
    balanced = np.flatnonzero(first != second)
    wins, losses = balanced[second[balanced]], balanced[first[balanced]]
    equally = np.concatenate([wins[: len(losses)], losses[: len(wins)]])  # exactly as good on these
    values = {(win, loss): evalue(win, loss) for win in range(201) for loss in range(201 - win)}
    rng = np.random.default_rng(0)
    promoted = 0
    for _ in range(300):
        won = second[rng.choice(equally, 200)].cumsum().tolist()
        promoted += any(values[w, n - w] >= THRESHOLD for n, w in enumerate(won, start=1))
    assert promoted <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5


def test_the_whole_comparison_from_the_workspace(
    write_brief: Callable[..., Path], champion: Bundle, make: Make, root: Path, traffic: Traffic
) -> None:
    """`challenge`: pairs from the ledger, test and training rows from the data set, the level of the opening."""
    better = make("better")
    with start(load_brief(write_brief()), workspace=root, command="improve") as run:
        inputs, truths = traffic(2000)
        replay(champion, inputs, truths, ledger=run.ledger, audit_rate=0.1, seed=1)
        pairs = audited(run.ledger, "tiny")
        asked, labels = traffic(400, seed=4)
        splits = ["test"] * 397 + ["train", "train", "valid"]
        asked[-3:] = [str(pair.input) for pair in pairs[:3]]
        table = pa.table({"row": range(400), "input": asked, "label": labels, "split": splits})
        data = dataset(run.workspace.put_table(table))
        incumbent = champions.required(run.ledger, "tiny", root)
        found = challenge(incumbent, better.folder, data, settlement("shipped", level=0.05 / 6), run=run)
        assert found.status == "promoted", found.reason
        assert found.comparison is not None
        assert (found.comparison.pairs, found.comparison.excluded) == (len(pairs) - 3, 3)
        assert found.test is not None
        assert (found.test.rows, found.test.level) == (397, 0.05 / 6)
        assert (found.champion, found.challenger) == (champion.digest, better.digest)
        assert challenge(incumbent, better.folder, data, settlement("shipped", level=0.05 / 6), run=run) == found
        refused = challenge(incumbent, None, data, settlement("refused", level=0.05), run=run)
        assert (refused.status, refused.test) == ("kept", None)
        assert "nothing meets it" in refused.reason


def dataset(rows: Blob) -> Dataset:
    return Dataset(
        task="text-classification", rows=rows, features=rows, embedder=Folder(files={}),
        labels=tuple(f"l{number}" for number in range(10)), splits={},
        classes={}, source_rows=0, quarantined=(), quarantine=rows, receipts=rows, label_issues=rows, unlabelled=None,
        length=LengthProfile(p50=1, p95=1, longest=1, unit="characters"), notes=(), test_digest="",
        input_description="",
    )  # fmt: skip


def settlement(status: Literal["shipped", "refused"], *, level: float) -> Settlement:
    return Settlement(
        status=status, variant="v", opening=2, level=level, contract=MET, quality=None, reason="nothing meets it"
    )


def test_pairs_that_the_challenger_was_trained_on_do_not_count(
    champion: Bundle, make: Make, ledger: Ledger, traffic: Traffic
) -> None:
    inputs, truths = traffic(200)
    replay(champion, inputs, truths, ledger=ledger, audit_rate=1.0, seed=1)
    spaced = [text.replace(" ", "  ") + "\n" for text in inputs[:50]]
    comparison = compare(champion, make("challenger"), audited(ledger, "tiny"), trained_on=spaced)
    assert (comparison.pairs, comparison.excluded) == (150, 50)


def test_only_audited_predictions_with_a_truth_are_pairs(champion: Bundle, ledger: Ledger, traffic: Traffic) -> None:
    replay(champion, *traffic(300), ledger=ledger, audit_rate=0.2, correction_rate=1.0, seed=1)
    pairs = audited(ledger, "tiny")
    drawn = [e for e in ledger.events("tiny", kinds=("prediction",)) if e.payload["audited"]]
    assert [pair.input for pair in pairs] == [e.payload["input"] for e in drawn]
    ledger.erase("tiny", drawn[0].id)
    assert len(audited(ledger, "tiny")) == len(drawn) - 1
    last_truth = max(e.sequence for e in ledger.events("tiny", kinds=("truth",)))
    assert len(audited(ledger, "tiny", upto=last_truth - 1)) < len(drawn) - 1


def test_by_hand(champion: Bundle, make: Make, ledger: Ledger, root: Path, tmp_path: Path) -> None:
    second = make("second")
    with pytest.raises(InputError, match="reason"):
        promote(ledger, "tiny", root, second.folder, reason="")
    with pytest.raises(BundleError, match="the product is 'other'"):
        promote(ledger, "other", root, second.folder, reason="x")
    with pytest.raises(InputError, match="no champion before"):
        rollback(ledger, "tiny", root, reason="x")
    assert promote(ledger, "tiny", root, second.folder, reason="asked for").digest == second.digest
    graph = champion.folder / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + b"?")
    with pytest.raises(BundleError, match="changed"):
        rollback(ledger, "tiny", root, reason="x")
    current = champions.current(ledger, "tiny", root)
    assert current is not None
    assert current.digest == second.digest
    graph.write_bytes(whole)
    assert rollback(ledger, "tiny", root, reason="complaints").digest == champion.digest
    with pytest.raises(BundleError):
        promote(ledger, "tiny", root, tmp_path, reason="x")
