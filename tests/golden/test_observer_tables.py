"""The worked example of Dawid & Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM
algorithm", Applied Statistics 28: five anaesthetists rate the fitness of 45 patients from 1 to 4.
"""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.research.dawid_skene import Answers, Prior, full_confusion

# Table 1: a patient a line; the first anaesthetist rated each three times.
RATINGS = """
111 1 1 1 1 | 333 4 3 3 4 | 112 2 1 2 2 | 222 3 1 2 1 | 222 3 2 2 2
222 3 3 2 2 | 122 2 1 1 1 | 333 3 4 3 3 | 222 2 2 2 3 | 232 2 2 2 3
444 4 4 4 4 | 222 3 3 4 3 | 111 1 1 1 1 | 222 3 2 1 2 | 121 1 1 1 1
111 2 1 1 1 | 111 1 1 1 1 | 111 1 1 1 1 | 222 2 2 2 1 | 222 1 3 2 2
222 2 2 2 2 | 222 2 2 2 1 | 222 3 2 2 2 | 221 2 2 2 2 | 111 1 1 1 1
111 1 1 1 1 | 232 2 2 2 2 | 111 1 1 1 1 | 111 1 1 1 1 | 112 1 1 2 1
111 1 1 1 1 | 333 3 2 3 3 | 111 1 1 1 1 | 222 2 2 2 2 | 222 3 2 3 2
433 4 3 4 3 | 221 2 2 3 2 | 232 3 2 3 3 | 333 3 4 3 2 | 111 1 1 1 1
111 1 1 1 1 | 121 2 1 1 1 | 232 2 2 2 2 | 121 1 1 1 1 | 222 2 2 2 2
"""


def answers() -> Answers:
    patients = RATINGS.replace("\n", "|").strip("|").split("|")
    rated = [
        (patient, anaesthetist, int(fitness) - 1)
        for patient, line in enumerate(patients)
        for anaesthetist, ratings in enumerate(line.split())
        for fitness in ratings
    ]
    item, respondent, label = np.array(rated).T
    return Answers(item, respondent, label, items=45, respondents=5, labels=4)


def test_the_frequencies_and_the_likelihood_are_those_of_the_paper() -> None:
    found = full_confusion(answers(), least=0.0, prior=Prior(right=1e-9, wrong=1e-9, frequency=1e-9))
    table = found.probability.reshape(45, 4)
    assert table.mean(axis=0).round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.objective[-1] == pytest.approx(-192.89, abs=0.005)  # from the one-coin consensus alone: -193.97
