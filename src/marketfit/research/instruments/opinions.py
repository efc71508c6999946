"""Label opinions: what people say of single examples, and who among them can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.market import Opinions as OpinionRecord
from marketfit.records.questionnaire import Language, Option, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.dawid_skene import Answers, full_confusion, one_coin, unreliable
from marketfit.research.files import Column, name_rows, read_raw
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.respondents import Respondents, Standing, recoded
from marketfit.task import normalise_text

COLUMNS = ("item", "respondent", "label")

LEAST = 0.01
"""Labels less likely than this are left out of the consensus, and the others share what they had."""


class OpinionPlan(Record):
    """Items to ask about, each by `answers` of the respondents."""

    items: tuple[str, ...] = Limits(min_length=1)
    labels: tuple[str, ...] = Limits(min_length=2)
    respondents: Annotated[int, Limits(ge=1)]
    answers: Annotated[int, Limits(ge=1)] = 3


@dataclass(frozen=True, eq=False)
class OpinionAnswers:
    """Validated opinions: codes with the items and labels (normalised texts) and respondents that they stand for."""

    answers: Answers
    items: tuple[str, ...]
    respondents: tuple[str, ...]
    labels: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def who(self) -> Respondents:
        """Who gave them; all count alike, for the consensus weighs people by how often they are right."""
        return Respondents(pa.array(self.respondents, type=pa.large_string()), np.ones(len(self.respondents)))

    def counted(self, standing: Standing) -> OpinionAnswers:
        """The opinions of those who count; their weights are not used."""
        codes, who = self.answers, self.who.under(standing)
        rows, respondent = standing.rows(codes.respondent)
        item, items, lost = recoded(codes.item, rows, self.items)
        answers = replace(
            codes, item=item, respondent=respondent, label=codes.label[rows], items=len(items), respondents=who.count
        )
        notes = (*self.notes, *standing.notes, *lost)
        return replace(self, answers=answers, items=items, respondents=tuple(who.names.to_pylist()), notes=notes)


class Opinions:
    """Label opinions by Dawid–Skene."""

    plan: ClassVar[type[Record]] = OpinionPlan

    def design(self, plan: OpinionPlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """Who is asked about which item: `answers` different people for each, loads that differ by one at most.

        Each item, in random order, goes to those who have the least to do; ties are drawn.
        """
        texts = tuple(dict.fromkeys(normalise_text(item) for item in plan.items))
        problems = []
        if len(texts) < len(plan.items):
            found = f"{len(plan.items) - len(texts)} items are there twice"
            problems.append(Problem("items", found, "every item once", "drop the copies"))
        if plan.answers > plan.respondents:
            found = f"{plan.answers} answers an item from {plan.respondents} respondents"
            problems.append(Problem("answers", found, "every respondent once an item", "ask more people"))
        if problems:
            raise DataError(problems)
        rng = np.random.default_rng(seed)
        load = np.zeros(plan.respondents, dtype=np.int64)
        options = tuple(Option(name=label) for label in plan.labels)
        questions: list[tuple[int, Question]] = []
        for index in rng.permutation(len(texts)).tolist():
            asked = np.lexsort((rng.random(plan.respondents), load))[: plan.answers]
            load[asked] += 1
            text = texts[index]
            questions += [
                (person, Question(id=text, respondent=f"r{person + 1:03d}", text=text, options=options))
                for person in asked.tolist()
            ]
        questions.sort(key=lambda pair: pair[0])  # stable: each respondent's items stay in random order
        ordered = tuple(question for _, question in questions)
        title = INSTRUMENT_TEXTS[language].opinions_title
        return Questionnaire(instrument="opinions", title=title, columns=COLUMNS, keeps="pick", questions=ordered)

    def read(self, file: SurveyFile, market: MarketSpec) -> OpinionAnswers:  # noqa: ARG002 - opinions need no attributes
        """Read item, respondent, label: no cell empty, nobody asked twice about an item.

        Items and labels are compared in their normalised form, as everywhere in marketfit.
        """
        path, problems = file.source, list[Problem]()
        raw = read_raw(file, COLUMNS, problems)
        if raw is None:
            raise DataError(problems)
        problems.extend(raw.missing(COLUMNS))
        if not raw.table.num_rows:
            problems.append(Problem(str(path), "has no rows", "one row for each answer", "give the answers"))
        readers = {"item": cells.names, "respondent": cells.names, "label": cells.labels}
        read = {
            name: reader(raw, name, problems, required=True)
            for name, reader in readers.items()
            if name in raw.table.column_names
        }
        if len(read) < len(COLUMNS) or not raw.table.num_rows:
            raise DataError(problems)
        item, items = _codes(read["item"], normalised=True)
        respondent, respondents = _codes(read["respondent"])
        label, labels = _codes(read["label"], normalised=True)
        for name, codes, known in (("item", item, items), ("label", label, labels)):
            if "" in known:
                where = f"{path}: column '{name}', {name_rows((np.flatnonzero(codes == known.index('')) + 1).tolist())}"
                problems.append(Problem(where, "holds no printable character", "a text that one can see", "correct it"))
        _check_repeats(path, item, respondent, problems)
        if problems:
            raise DataError(problems)
        # Where all agree on one label there still was another one to say.
        answers = Answers(item, respondent, label, len(items), len(respondents), max(2, len(labels)))
        return OpinionAnswers(answers, items, respondents, labels, raw.unused)

    def estimate(self, answers: OpinionAnswers, market: MarketSpec, *, run: Run) -> OpinionRecord:
        """The consensus C⁰ and everybody's reliability.

        K is the number of labels seen among the opinions (at least 2). One coin, unless answers are many: see
        `dawid_skene.MANY`.
        """
        codes = answers.answers
        method = full_confusion if codes.many else one_coin
        with run.reporter.task("consensus of the opinions"):
            found = method(codes, least=LEAST)
        known = found.label < len(answers.labels)  # the unnamed second label of a unanimous survey
        item, label, probability = found.item[known], found.label[known], found.probability[known]
        probability = probability / np.bincount(item, weights=probability, minlength=codes.items)[item]
        consensus = pa.table(
            {
                "input": pa.array(answers.items).take(pa.array(item)),
                "label": pa.array(answers.labels).take(pa.array(label)),
                "probability": probability,
            }
        )
        people = pa.table(
            {
                "respondent": pa.array(answers.respondents),
                "answers": codes.load.astype(np.int64),
                "reliability": found.reliability,
                "low": found.low,
                "high": found.high,
            }
        )
        bad = np.flatnonzero(unreliable(found, codes.labels))
        return OpinionRecord(
            consensus=run.workspace.put_table(consensus),
            reliability=run.workspace.put_table(people),
            items=codes.items,
            answers=codes.item.size,
            respondents=codes.respondents,
            unreliable=tuple(answers.respondents[index] for index in bad.tolist()),
            mean_reliability=float(found.right.sum() / codes.item.size),
            method=method.__name__.replace("_", "-"),
            converged=found.converged,
            simulated=market.simulated,
        )


def _codes(
    column: Column, *, normalised: bool = False
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], tuple[str, ...]]:
    """Codes (rows,) into the sorted distinct names; −1 where the cell is empty."""
    encoded = pc.dictionary_encode(column)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    words: list[str] = encoded.dictionary.to_pylist()
    if normalised:
        words = [normalise_text(word) for word in words]
    names = sorted(set(words))
    place = {name: index for index, name in enumerate(names)}
    lookup = np.array([*(place[word] for word in words), -1], dtype=np.int64)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return lookup[codes], tuple(names)


def _check_repeats(path: Path, item: np.ndarray, respondent: np.ndarray, problems: list[Problem]) -> None:
    """The same respondent twice on one item: which of the two answers holds is not for us to say."""
    usable = np.flatnonzero((item >= 0) & (respondent >= 0))
    order = usable[np.lexsort((usable, respondent[usable], item[usable]))]
    same = (np.diff(item[order]) == 0) & (np.diff(respondent[order]) == 0)
    if not same.any():
        return
    rows = np.unique(np.concatenate([order[:-1][same], order[1:][same]])) + 1
    found = f"a respondent answers an item more than once ({int(same.sum())} times)"
    where = f"{path}: {name_rows(rows.tolist())}"
    problems.append(Problem(where, found, "one answer of a respondent to an item", "keep the answer that holds"))
