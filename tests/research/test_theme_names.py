from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketfit.research.theme_names import theme_names
from marketfit.task import FloatMatrix

PRICE = ["it is far too teuer", "this is too teuer", "is it never billig", "too teuer"]
SPEED = ["my robot waits, never fast", "my robot waits", "waits so long"]
MEANING = {"teuer": 0, "billig": 0, "waits": 1, "fast": 1, "long": 1, "robot": 1}
CENTRES = np.array([[1.0, 0.1, 0.5], [0.1, 1.0, 0.5]], dtype=np.float32)


def meant(texts: Sequence[str]) -> FloatMatrix:
    """Words of a theme point to it; all others, such as 'never', to neither."""
    return np.eye(3, dtype=np.float32)[[MEANING.get(text, 2) for text in texts]]


def test_names_are_words_that_mean_the_theme() -> None:
    """'too' stands in three of four statements on price, and in no other: log-odds alone take it."""
    assert "too" in theme_names([PRICE, SPEED], CENTRES)[0]
    assert theme_names([PRICE, SPEED], CENTRES, meant) == ("teuer, billig", "waits, robot, fast")
    assert theme_names([PRICE], CENTRES[:1], meant)[0].startswith("teuer")


def test_words_of_all_themes_alike_are_none_of_their_names() -> None:
    both = [[f"shared {word}"] * 10 for word in ("one", "two", "six")]
    assert theme_names(both, np.eye(3, dtype=np.float32)) == ("one", "two", "six")


def test_no_words_are_said() -> None:
    assert theme_names([["4"], ["5 !"]], CENTRES, meant) == ("(no words)", "(no words)")


texts = st.lists(st.text("abc xü", max_size=12), min_size=1, max_size=6)


@given(themes=st.lists(texts, min_size=2, max_size=4), seed=st.integers(0, 99))
def test_every_theme_has_a_name_whatever_the_order(themes: list[list[str]], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(themes))
    centres = np.eye(4, dtype=np.float32)[: len(themes)]
    names = theme_names(themes, centres)
    assert all(names)
    assert [names[k] for k in order] == list(theme_names([themes[k] for k in order], centres[order]))
