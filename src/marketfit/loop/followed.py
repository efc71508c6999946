"""What a run came to, told to the trackers of its brief."""

from __future__ import annotations

from marketfit.engine import Run
from marketfit.loop.turn import Shipment, Turn


def follow_outcome(turn: Turn, shipment: Shipment, *, run: Run) -> tuple[str, ...]:
    """Tell the winner, the measured contract and the seconds of each step; gives what the trackers could not do."""
    winner, settlement = turn.winner, shipment.settlement
    parameters: dict[str, str | int | float] = {
        "status": settlement.status,
        "winner": winner.name if winner else "none",
        "backbone": winner.backbone if winner else "none",
        "passes": (", ".join(winner.passes) if winner else "") or "none",
        "bundle_sha256": shipment.sealed.digest if shipment.sealed else "none",
    }
    if turn.decision.price is not None:
        parameters["price"] = turn.decision.price
    figures = {f"seconds/{step}": seconds for step, seconds in run.seconds.items()}
    for clause in settlement.contract.clauses:
        if clause.measurement is not None:
            figures[f"contract/{clause.requirement.metric}"] = clause.measurement.value
    with run.tracking.recording("outcome", parameters) as recording:
        recording.complete(figures)
    for note in recording.notes:
        run.reporter.say(f"outcome: {note}")
    return tuple(f"Outcome: {note}" for note in recording.notes)
