"""A tiny encoder with a few rows of two intents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from marketfit.task import Labelled
from marketfit.testing.encoders import tiny_encoder

TEXTS = (
    "turn on the light", "switch the lamp off", "light off please", "lamp on now", "turn the lamp on",
    "play a song", "stop the music", "play music please", "music off", "stop the song now",
    "UNHEARD of", "",
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny matrices are slower on two threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def rows() -> Labelled:
    targets = np.array([0] * 5 + [1] * 5 + [0, 1], dtype=np.int64)
    return Labelled(inputs=TEXTS, targets=targets, labels=("light", "music"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny encoder of each architecture that the tests use."""
    folder = tmp_path_factory.mktemp("encoders")
    for kind in ("bert", "distilbert", "electra", "roberta", "mpnet"):
        tiny_encoder(folder / kind, kind=kind)
    return folder
