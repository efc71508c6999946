"""What one turn of the loop came to: the document of `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from marketfit.contract import Contract
from marketfit.records.base import Record
from marketfit.records.decision import Promotion
from marketfit.records.models import Recipe
from marketfit.report.text import contract_table, describe_outcome, describe_promotion


class OfferShare(Record):
    """Predicted share of one offer at the price of the winner."""

    offer: str
    share: float


class Outcome(Record):
    """What one turn of the loop came to.

    `bundle` and `report` are paths of what was written, `bundle_sha256` is the digest of the bundle's manifest;
    `champion` says whether that bundle is in service now, `simulated` that the survey behind the shares was answered
    by a program; `notes` say which trackers could not follow the run, and that the winner does not beat the floor of
    the shortlist, if so. After `improve`, `promotion` says what became of the challenger and `champion_contract` is
    the contract of the bundle that was in service before. `winner` and its parts are also given where the locked test
    refused it.
    """

    product: str
    status: Literal["shipped", "refused"]
    reason: str
    bundle: str | None
    bundle_sha256: str | None
    report: str
    winner: str | None
    backbone: str | None
    recipe: Recipe | None
    passes: tuple[str, ...]
    price: float | None
    contract: Contract
    offers: tuple[OfferShare, ...]
    simulated: bool
    seconds: Mapping[str, float]
    champion: bool
    promotion: Promotion | None = None
    champion_contract: Contract | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, JsonValue]:
        """The document of `--json`: contracts are flat lists of clauses."""
        document: dict[str, JsonValue] = self.model_dump(mode="json")
        document["contract"] = rows_of(self.contract)
        if self.champion_contract is not None:
            document["champion_contract"] = rows_of(self.champion_contract)
        if self.promotion is not None and self.promotion.contract is not None:
            promotion: dict[str, JsonValue] = self.promotion.model_dump(mode="json")
            document["promotion"] = {**promotion, "contract": rows_of(self.promotion.contract)}
        return document

    def as_text(self) -> str:
        """The same for a person."""
        told = describe_outcome(
            product=self.product,
            status=self.status,
            reason=self.reason,
            winner=self.winner,
            price=self.price,
            contract=self.contract,
            offers=[(offer.offer, offer.share) for offer in self.offers],
            bundle=self.bundle,
            report=self.report,
            seconds=self.seconds,
            champion=self.champion,
            simulated=self.simulated,
        )
        if self.notes:
            told += "\n\nNotes\n" + "\n".join(f"  {note}" for note in self.notes)
        if self.promotion is None:
            return told
        before = (
            f"Contract of the champion before\n{contract_table(self.champion_contract)}\n\n"
            if (self.champion_contract is not None)
            else ""
        )
        return f"{before}{told}\n\n{describe_promotion(self.promotion)}"


def rows_of(contract: Contract) -> list[JsonValue]:
    """A contract as a flat list of metric, op, limit, value, low, high, n, verdict."""
    return [dict(clause.as_row()) for clause in contract.clauses]
