"""The distillation term: what it is zero for, its limit at high temperature, rows without labels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from marketfit.errors import BriefError, DataError
from marketfit.records.models import TermSpec
from marketfit.training.terms import UNLABELLED, Batch, Facts, Outputs
from marketfit.training.terms.cross_entropy import CrossEntropy
from marketfit.training.terms.distillation import Distillation, divergence

FACTS = Facts(rows=4, asked=0, classes=3, taught=True)


def rows(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 3)


def term(**options: float) -> Distillation:
    return Distillation.prepare(TermSpec(name="distillation", weight=1.0, options=options), FACTS)


@given(
    student=st.lists(st.floats(-5, 5), min_size=6, max_size=6),
    teacher=st.lists(st.floats(-5, 5), min_size=6, max_size=6),
    temperature=st.floats(0.5, 20.0),
)
def test_the_divergence_is_a_cross_entropy_less_the_teachers_entropy(
    student: list[float], teacher: list[float], temperature: float
) -> None:
    """T² (H(t, s) − H(t)): zero where both say the same, never below."""
    said, wanted = rows(*student), rows(*teacher)
    value = float(divergence(said, wanted, temperature=temperature))
    p = torch.softmax(wanted / temperature, dim=1)
    cross = -(p * torch.log_softmax(said / temperature, dim=1)).sum(dim=1).mean()
    entropy = -(p * p.log()).sum(dim=1).mean()
    assert value == pytest.approx(float(temperature**2 * (cross - entropy)), abs=1e-9 * temperature**2)
    assert value >= -1e-9 * temperature**2
    assert float(divergence(wanted, wanted, temperature=temperature)) == pytest.approx(0.0, abs=1e-9)


def test_at_high_temperature_it_is_a_squared_distance_of_centred_logits() -> None:
    """Hinton et al. 2015: for T → ∞ the gradient is (z − t) / classes, logits centred; the value half its square."""
    said, wanted = rows(1.0, -0.5, 0.2), rows(0.3, 0.4, -1.0)
    said.requires_grad_()
    value = divergence(said, wanted, temperature=1e4)
    (gradient,) = torch.autograd.grad(value, said)
    gap = (said - said.mean()) - (wanted - wanted.mean())
    assert torch.allclose(gradient, gap / 3, atol=1e-3)
    assert float(value.detach()) == pytest.approx(float(gap.square().sum().detach()) / 6, abs=1e-3)


def test_matched_layers_add_their_mean_squared_error() -> None:
    logits = rows(0.1, 0.2, 0.3)
    layers, wanted = torch.zeros((1, 2, 4)), torch.full((1, 2, 4), 3.0)
    batch = Batch(torch.tensor([0]), None, teacher_logits=logits, teacher_layers=wanted)
    outputs = Outputs(logits=logits, features=torch.ones((1, 2)), layers=layers)
    assert float(term(hidden=0.5).loss(outputs, batch, torch.nn.Identity())) == pytest.approx(4.5)
    assert float(term().loss(outputs, batch, torch.nn.Identity())) == pytest.approx(0.0)


def test_rows_without_a_label_count_for_the_teacher_only() -> None:
    """Cross-entropy is the mean over the labelled rows, whatever the batches."""
    facts = Facts(rows=4, asked=0, classes=3, unlabelled=2, taught=True)
    labels = CrossEntropy.prepare(TermSpec(name="cross-entropy", weight=1.0), facts)
    logits = rows(1.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 9.0)
    targets = torch.tensor([0, UNLABELLED, 2, UNLABELLED])
    outputs = Outputs(logits=logits, features=torch.ones((4, 2)))
    value = float(labels.loss(outputs, Batch(targets, None), torch.nn.Identity()))
    wanted = torch.nn.functional.cross_entropy(logits[[0, 2]], targets[[0, 2]])
    assert value == pytest.approx(float(wanted))


def test_a_training_without_a_teacher_is_refused() -> None:
    with pytest.raises(DataError, match="the pass 'distil' has a teacher"):
        Distillation.prepare(TermSpec(name="distillation", weight=1.0), Facts(rows=4, asked=0, classes=3))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"temperature": 0}, "temperature"), ({"hidden": -1.0}, "hidden"), ({"temperature": "warm"}, "warm")],
)
def test_options_that_are_refused(options: dict[str, float | str], said: str) -> None:
    with pytest.raises(BriefError, match=said):
        Distillation.prepare(TermSpec(name="distillation", weight=1.0, options=options), FACTS)
