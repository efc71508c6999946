"""One turn of the loop, top to bottom like the map's diagram, and the shipment of its winner."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from marketfit.brief import Brief
from marketfit.bundle import CardBackbone, CardData, ModelCard, Sealed, seal, sealed_contract
from marketfit.compress import compress, confirm, extend, unconfirmed
from marketfit.engine import Run
from marketfit.errors import InputError, Problem
from marketfit.position import position, settle
from marketfit.prepare import inspect, prepare
from marketfit.records.base import Record, digest_of
from marketfit.records.data import Dataset, FeedbackBatch
from marketfit.records.decision import Decision, Settlement
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Trial, Tuned
from marketfit.records.variants import Variant, Variants
from marketfit.research import research
from marketfit.shortlist import shortlist
from marketfit.tune import tune


class Turn(Record):
    """Everything that one turn of the loop made, step by step."""

    dataset: Dataset
    market: MarketView
    models: Shortlist
    tuned: Tuned
    variants: Variants
    decision: Decision
    settlement: Settlement

    @property
    def winner(self) -> Variant | None:
        """The variant that was put to the locked test."""
        return next((v for v in self.variants.variants if v.name == self.decision.winner), None)

    @property
    def trial(self) -> Trial | None:
        """The trial that the winner comes from."""
        winner = self.winner
        return next((t for t in self.tuned.trials if winner is not None and t.number == winner.trial), None)


@dataclass(frozen=True)
class Shipment:
    """The last word on a turn: the settlement after sealing, and the sealed bundle if there is one."""

    settlement: Settlement
    sealed: Sealed | None


def take_turn(brief: Brief, batch: FeedbackBatch | None, *, run: Run) -> Turn:
    """Take every step in order.

    Raises:
        InputError: everything that is wrong with the data and the survey, at once.
        RunError: a step could not finish.
    """
    market = _market(brief, batch, run=run)
    dataset = prepare(brief, batch, run=run)
    models = shortlist(brief, dataset, run=run)
    tuned = tune(brief, dataset, models, market, run=run)
    return finish_turn(brief, dataset, market, models, tuned, run=run)


def finish_turn(
    brief: Brief, dataset: Dataset, market: MarketView, models: Shortlist, tuned: Tuned, /, *, run: Run
) -> Turn:
    """The steps after tuning, in order.

    Raises:
        RunError: a step could not finish.
    """
    variants = compress(brief, dataset, tuned, run=run)
    variants, decision = _decided(brief, dataset, market, tuned, variants, run=run)
    settlement = settle(brief, dataset, variants, decision, run=run)
    return Turn(
        dataset=dataset,
        market=market,
        models=models,
        tuned=tuned,
        variants=variants,
        decision=decision,
        settlement=settlement,
    )


def _decided(
    brief: Brief, dataset: Dataset, market: MarketView, tuned: Tuned, variants: Variants, *, run: Run
) -> tuple[Variants, Decision]:
    """The decision, taken again until its winner is one that was timed in two sittings, or there is none and no more
    variants can be made within the budget.
    """
    decision = position(brief, dataset, market, variants, run=run)
    while True:
        before, name = variants, unconfirmed(brief, variants, decision)
        if name is not None:
            variants = confirm(brief, dataset, variants, name, run=run)
        elif decision.winner is None and decision.provable:
            variants = extend(brief, dataset, tuned, variants, run=run)
        if variants == before:
            return variants, decision
        decision = position(brief, dataset, market, variants, run=run)


def _market(brief: Brief, batch: FeedbackBatch | None, *, run: Run) -> MarketView:
    """What the market says; the survey is read first because it takes no time to find its mistakes."""
    try:
        return research(brief, batch, run=run)
    except InputError as error:
        raise InputError([*error.problems, *_data_problems(brief, run)]) from error


def _data_problems(brief: Brief, run: Run) -> tuple[Problem, ...]:
    try:
        inspect(brief, progress=run.reporter)
    except InputError as error:
        return error.problems
    return ()


def ship(brief: Brief, turn: Turn, *, run: Run, sign: Path | None = None) -> Shipment:
    """Seal the winner if its contract is kept with the seal's own papers counted in.

    Sealing twice gives the same bundle, so a resumed run ships what an undisturbed one would. `sign` is the file of a
    private key that signs it.
    """
    settlement, winner = turn.settlement, turn.winner
    if settlement.status != "shipped" or winner is None:
        return Shipment(settlement, None)
    card = _card(brief, turn, winner)
    folder = run.workspace.open_folder(winner.bundle)
    contract = sealed_contract(folder, contract=settlement.contract, card=card)
    if not contract.kept:
        lost = ", ".join(f"{clause.requirement} is {clause.verdict}" for clause in contract.broken)
        reason = f"with its contract and model card inside, the bundle no longer keeps every promise: {lost}"
        refused = settlement.model_copy(update={"status": "refused", "contract": contract, "reason": reason})
        return Shipment(refused, None)
    name = f"{brief.product}-{digest_of([settlement.digest(), winner.digest()])[:12]}"
    into = run.workspace.root / "bundles" / name
    sealed = seal(folder, contract=settlement.contract, card=card, into=into, sign=sign)
    run.ledger.decide_once(shipment_key(sealed.digest), turn.dataset.model_dump_json())
    return Shipment(settlement.model_copy(update={"contract": sealed.contract}), sealed)


def shipment_key(digest: str) -> str:
    """The ledger's key of the data that a sealed bundle was proved on."""
    return f"shipment/{digest}"


def _card(brief: Brief, turn: Turn, winner: Variant) -> ModelCard:
    data, trial = turn.dataset, turn.trial
    backbone = trial.backbone if trial is not None else None
    measured = [item for item in winner.measurements if item.metric not in {n.metric for n in brief.require}]
    simulated = ["market survey"] if turn.market.choice is not None and turn.market.choice.simulated else []
    simulated += ["opinions on single examples"] if turn.market.opinions and turn.market.opinions.simulated else []
    return ModelCard(
        intended_use=f"The {brief.task} of the product {brief.product}.",
        input_description=data.input_description,
        data=CardData(
            description=data.input_description,
            source_rows=data.source_rows,
            splits=data.splits,
            quarantined=sum(count.rows for count in data.quarantined),
            test_digest=data.test_digest,
            rows_digest=data.rows.sha256,
        ),
        backbone=CardBackbone(name=backbone.name, weights_sha256=backbone.weights_sha256) if backbone else None,
        measurements=tuple(measured),
        limits=(
            f"{winner.truncated:.2%} of the valid inputs were longer than the model reads and were cut.",
            *_worst_slice(turn.settlement),
        ),
        simulated=tuple(simulated),
    )


def _worst_slice(settlement: Settlement) -> tuple[str, ...]:
    """Where the model is weakest, in words; nothing where there are no slices."""
    quality = settlement.quality
    worst = quality.worst_slice if quality else None
    if quality is None or worst is None or worst.accuracy is None:
        return ()
    return (
        f"Weakest of {len(quality.slices)} slices of the inputs: {worst.name}; accuracy {worst.accuracy:.4f} on "
        f"{worst.rows:,} test rows ({worst.low:.4f} to {worst.high:.4f}; 95 %, for all slices at once).",
    )


def now() -> str:
    """The time, in the form that reports show."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
