"""The utilities of a choice study, as every step draws on them."""

from __future__ import annotations

import numpy as np

from marketfit.demand import UtilityDraws, model_from_json
from marketfit.records.market import ChoiceStudy
from marketfit.workspace import Workspace

DRAWS = 1000
"""Markets that are possible after the answers of a study: the ends of a 95 % interval rest on 25 of them each."""


def draws_of(study: ChoiceStudy, workspace: Workspace) -> UtilityDraws:
    """Draws (draws, people, columns) at the study's scale, with their coding and the weights of people.

    Raises RunError when a blob of the study is missing.
    """
    coding = model_from_json(workspace.path(study.model).read_text("utf-8")).coding
    values = workspace.array(study.draws).astype(np.float64)
    weights = None if study.weights is None else workspace.array(study.weights).astype(np.float64)
    return UtilityDraws(values, coding, study.respondents, weights)
