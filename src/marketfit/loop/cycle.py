"""`fit` and `improve`: a first turn of the loop, and a second one that learns from what users said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketfit import bundle, engine
from marketfit.brief import Brief
from marketfit.contract import Contract
from marketfit.engine import Reporter, Run
from marketfit.errors import RunError
from marketfit.ledger import champion as champions
from marketfit.ledger.champion import Champion
from marketfit.listen import challenge, listen
from marketfit.loop.followed import follow_outcome
from marketfit.loop.keys import NO_KEYS, Keys
from marketfit.loop.outcome import OfferShare, Outcome
from marketfit.loop.place import check_backbones, check_target, loaded, workspace_of
from marketfit.loop.turn import Shipment, Turn, now, ship, take_turn
from marketfit.records.data import FeedbackBatch
from marketfit.records.decision import Promotion
from marketfit.report.story import Story, write_report
from marketfit.workspace import write_atomic


def fit(
    brief: Brief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
    ray: str | None = None,
    keys: Keys = NO_KEYS,
) -> Outcome:
    """Turn a product brief into a bundle, or into an honest refusal.

    Running it again resumes: what is finished is not done twice. The first bundle of a product becomes its champion;
    later ones wait for `promote` or for `improve`.

    Args:
        brief: a brief or the path of one.
        workspace: the folder where runs live; default: `marketfit-workspace` beside the brief.
        reporter: where progress goes; default: nowhere.
        ledger: URL of the ledger's database; default: SQLite in the workspace.
        ray: address of a Ray cluster that runs the trials, `local` to start one here; default: processes of ours.
        keys: files of the key that signs the bundle, and of the one that is trusted; default: nothing is signed.

    Raises:
        InputError: everything that is wrong with the brief, then with its backbones, then with the data and the survey.
        MissingExtraError: Ray, or a tracker that the brief names, is not installed.
        RunError: a step could not finish.
    """
    asked, jobs = loaded(brief), engine.jobs_at(ray)
    check_target(asked.target)
    check_backbones(asked)
    keys.check()
    place = workspace_of(asked, workspace)
    with engine.start(asked, workspace=place, command="run", reporter=reporter, ledger_url=ledger, jobs=jobs) as run:
        turn = take_turn(asked, None, run=run)
        shipment = ship(asked, turn, run=run, sign=keys.sign)
        _crown_the_first(asked, shipment, run)
        return _conclude(asked, turn, shipment, _Challenge(), run=run)


def improve(
    brief: Brief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
    ray: str | None = None,
    keys: Keys = NO_KEYS,
) -> Outcome:
    """Learn from what users said: a second turn of the loop whose bundle has to prove itself against the champion.

    Where nothing happened since the last improvement, that one's outcome is told again. Where `keys` names a
    trusted key, the champion has to be signed with it, and so is the challenger.

    Raises:
        InputError: as `fit`, or there is no champion yet.
        RunError: a step could not finish.
    """
    asked, jobs = loaded(brief), engine.jobs_at(ray)
    check_target(asked.target)
    check_backbones(asked)
    keys.check()
    place = workspace_of(asked, workspace)
    with engine.start(
        asked, workspace=place, command="improve", reporter=reporter, ledger_url=ledger, jobs=jobs
    ) as run:
        champions.required(run.ledger, asked.product, run.workspace.root)
        key, upto = _events_to_learn_from(asked.product, run)
        incumbent = champions.current(run.ledger, asked.product, run.workspace.root, upto=upto)
        if incumbent is None:
            raise RunError(f"the ledger has no champion up to event {upto}, where {key} begins")
        bundle.verify(incumbent.folder, key=keys.trusted)
        batch = listen(asked, upto, run=run)
        turn = take_turn(asked, batch, run=run)
        shipment = ship(asked, turn, run=run, sign=keys.sign)
        promotion = _promotion(asked, incumbent, turn, shipment, key, run=run)
        held = _Challenge(batch=batch, promotion=promotion, incumbent=bundle.load(incumbent.folder).contract)
        return _conclude(asked, turn, shipment, held, run=run)


@dataclass(frozen=True)
class _Challenge:
    """What `improve` adds to a turn."""

    batch: FeedbackBatch | None = None
    promotion: Promotion | None = None
    incumbent: Contract | None = None


def _crown_the_first(brief: Brief, shipment: Shipment, run: Run) -> None:
    root, sealed = run.workspace.root, shipment.sealed
    if sealed is not None and champions.current(run.ledger, brief.product, root) is None:
        reason = "first bundle of the product"
        champions.promote(run.ledger, brief.product, root, sealed.folder, digest=sealed.digest, reason=reason)


def _events_to_learn_from(product: str, run: Run) -> tuple[str, int]:
    """The id of this improvement's decision, and the last event that it may know of; fixed once it has begun."""
    prefix = f"improve/{product}/"
    made = [event for event, _ in champions.history(run.ledger, product) if event.id.startswith(prefix)]
    newest = run.ledger.newest(product, kinds=("prediction", "feedback", "truth", "decision"))
    quiet = bool(made) and made[-1].sequence == newest
    key = f"{prefix}{len(made) - 1 if quiet else len(made)}"
    upto = run.ledger.decide_once(key, newest)
    if not isinstance(upto, int):
        raise RunError(f"the ledger's fact {key} is {upto!r}, which is no number of an event")
    return key, upto


def _promotion(brief: Brief, incumbent: Champion, turn: Turn, shipment: Shipment, key: str, *, run: Run) -> Promotion:
    """What became of the challenger: decided once, written down with its evidence."""
    known = run.ledger.event(key)
    if known is not None:
        return Promotion.model_validate(champions.DecisionNote.model_validate(dict(known.payload)).evidence)
    sealed = shipment.sealed
    found = challenge(incumbent, sealed.folder if sealed else None, turn.dataset, shipment.settlement, run=run)
    promoted = found.action == "promote" and sealed is not None
    event = champions.decide(
        run.ledger,
        brief.product,
        run.workspace.root,
        action=found.action,
        bundle=sealed.folder if promoted and sealed else incumbent.folder,
        reason=found.reason,
        evidence=found.model_dump(mode="json"),
        id=key,
    )
    return Promotion.model_validate(champions.DecisionNote.model_validate(dict(event.payload)).evidence)


def _conclude(brief: Brief, turn: Turn, shipment: Shipment, held: _Challenge, *, run: Run) -> Outcome:
    """Write the report and the outcome of a run."""
    folder = run.workspace.root / "runs" / run.id
    notes = (*_trial_notes(turn), *floor_notes(turn), *follow_outcome(turn, shipment, run=run))
    story = _story(brief, turn, shipment, held, notes, run=run)
    report = write_report(story, folder / "report.html", workspace=run.workspace)
    sealed, winner, trial = shipment.sealed, turn.winner, turn.trial
    outcome = Outcome(
        product=brief.product,
        status=shipment.settlement.status,
        reason=shipment.settlement.reason,
        bundle=str(sealed.folder) if sealed else None,
        bundle_sha256=sealed.digest if sealed else None,
        report=str(report),
        winner=winner.name if winner else None,
        backbone=winner.backbone if winner else None,
        recipe=trial.recipe if trial else None,
        passes=winner.passes if winner else (),
        price=turn.decision.price,
        contract=shipment.settlement.contract,
        offers=tuple(OfferShare(offer=name, share=share) for name, share in turn.decision.shares.items()),
        simulated=turn.market.choice is not None and turn.market.choice.simulated,
        seconds=dict(run.seconds),
        champion=story.champion,
        promotion=held.promotion,
        champion_contract=held.incumbent,
        notes=notes,
    )
    write_atomic(folder / "outcome.json", outcome.model_dump_json(indent=1).encode())
    return outcome


def floor_notes(turn: Turn) -> tuple[str, ...]:
    """That the winner gains nothing over the floor of the shortlist, where it is so on the valid rows."""
    models, found = turn.models, turn.winner.measured("accuracy") if turn.winner else None
    if found is None or found.value > models.floor_accuracy:
        return ()
    return (
        f"The winner's accuracy on the {found.n:,} valid rows is {found.value:.4f}, that of character TF-IDF "
        f"{models.floor_accuracy:.4f} ({models.floor_low:.4f} to {models.floor_high:.4f}): by accuracy, nothing is "
        "gained over it. More minutes of tuning (budget.minutes), a larger backbone or more rows may change that.",
    )


def _trial_notes(turn: Turn) -> tuple[str, ...]:
    return tuple(f"Trial {trial.number}: {note}" for trial in turn.tuned.trials for note in trial.notes)


def _story(
    brief: Brief, turn: Turn, shipment: Shipment, held: _Challenge, notes: tuple[str, ...], *, run: Run
) -> Story:
    sealed = shipment.sealed
    current = champions.current(run.ledger, brief.product, run.workspace.root)
    return Story(
        product=brief.product,
        task=brief.task,
        command="run" if held.promotion is None else "improve",
        created=now(),
        seed=brief.seed,
        machine=turn.variants.machine,
        brief_file=brief.path.name,
        goal=brief.market.goal,
        dataset=turn.dataset,
        market=turn.market,
        models=turn.models,
        tuned=turn.tuned,
        variants=turn.variants,
        decision=turn.decision,
        settlement=shipment.settlement,
        seconds=dict(run.seconds),
        bundle=str(sealed.folder) if sealed else None,
        digest=sealed.digest if sealed else None,
        batch=held.batch,
        promotion=held.promotion,
        champion=sealed is not None and current is not None and current.digest == sealed.digest,
        notes=notes,
    )
