"""The loop: the steps in order, resume, seal, promote, roll back. It reads top to bottom like the map's diagram."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from marketfit import engine
from marketfit.brief import Brief, load_brief
from marketfit.bundle import CardData, ModelCard, Sealed, seal
from marketfit.compress import compress
from marketfit.contract import Contract
from marketfit.engine import Reporter, Run
from marketfit.errors import InputError
from marketfit.ledger import champion as champions
from marketfit.listen import Promotion, compare_on_test, judge_challenger, listen
from marketfit.position import position, settle
from marketfit.prepare import prepare
from marketfit.records import (
    Dataset,
    Decision,
    FeedbackBatch,
    MarketView,
    Record,
    Settlement,
    Shortlist,
    Tuned,
    Variants,
)
from marketfit.report import Story, write_report
from marketfit.research import research
from marketfit.shortlist import shortlist
from marketfit.tune import tune
from marketfit.workspace import write_atomic

WORKSPACE = "marketfit-workspace"


class OfferShare(Record):
    """Predicted share of one offer at the price of the winner."""

    offer: str
    share: float


class Outcome(Record):
    """What one turn of the loop came to."""

    product: str
    status: Literal["shipped", "refused"]
    reason: str
    bundle: str | None
    digest: str | None
    report: str
    winner: str | None
    price: float | None
    contract: Contract
    offers: tuple[OfferShare, ...]
    seconds: Mapping[str, float]
    champion: bool
    promotion: Promotion | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """The document of `--json`: the contract is a flat list."""
        document: dict[str, JsonValue] = self.model_dump(mode="json")
        document["contract"] = [dict(clause.as_row()) for clause in self.contract.clauses]
        return document


class Turn(Record):
    """Everything that one turn of the loop made, step by step."""

    dataset: Dataset
    market: MarketView
    models: Shortlist
    tuned: Tuned
    variants: Variants
    decision: Decision
    settlement: Settlement


def fit(
    brief: Brief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> Outcome:
    """Turn a product brief into a bundle, or into an honest refusal.

    Running it again resumes: what is finished is not done twice. The first bundle of a product becomes its champion;
    later ones wait for `promote` or for `improve`.

    Args:
        brief: a brief or the path of one.
        workspace: the folder where runs live; default: `marketfit-workspace` beside the brief.
        reporter: where progress goes; default: nowhere.
        ledger: URL of the ledger's database; default: SQLite in the workspace.

    Raises:
        InputError: everything that is wrong with the brief, the data and the survey, at once.
        RunError: a step could not finish.
    """
    asked = _loaded(brief)
    with engine.start(
        asked, workspace=workspace_of(asked, workspace), command="run", reporter=reporter, ledger_url=ledger
    ) as run:
        turn = take_turn(asked, None, run=run)
        sealed = ship(asked, turn, run=run)
        first = sealed is not None and champions.current(run.ledger, asked.product, run.workspace.root) is None
        if sealed and first:
            champions.promote(
                run.ledger, asked.product, run.workspace.root, sealed.folder, digest=sealed.digest, reason="first bundle"
            )
        return _conclude(asked, turn, sealed, run=run, champion=first, batch=None, promotion=None)


def improve(
    brief: Brief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> Outcome:
    """Learn from what users said: a second turn of the loop whose bundle has to prove itself against the champion.

    Raises:
        InputError: as `fit`, or there is no champion yet.
        RunError: a step could not finish.
    """
    asked = _loaded(brief)
    with engine.start(
        asked, workspace=workspace_of(asked, workspace), command="improve", reporter=reporter, ledger_url=ledger
    ) as run:
        incumbent = champions.required(run.ledger, asked.product, run.workspace.root)
        upto, decide = _next_turn(asked, run)
        batch = listen(asked, upto, run=run)
        turn = take_turn(asked, batch, run=run)
        sealed = ship(asked, turn, run=run)
        duel = compare_on_test(incumbent, sealed, turn.dataset, turn.settlement, run=run) if sealed else None
        promotion = judge_challenger(asked, incumbent, sealed, turn.settlement, duel, batch, run=run)
        champions.decide(
            run.ledger,
            asked.product,
            run.workspace.root,
            action="promote" if promotion.status == "promoted" else "keep",
            bundle=sealed.folder if sealed and promotion.status == "promoted" else incumbent.folder,
            reason=promotion.reason,
            evidence=promotion.model_dump(mode="json"),
            id=decide,
        )
        promoted = promotion.status == "promoted"
        return _conclude(asked, turn, sealed, run=run, champion=promoted, batch=batch, promotion=promotion)
