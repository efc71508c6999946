"""A chain in a process of its own: `python -P -m marketfit.demand.models.hierarchical.worker`.

Threads are no help to a chain of small arrays: they wait for each other between any two numpy calls. The work comes on
standard input and goes out on standard output as arrays in numpy's own format, without pickles; before the answer, one
byte tells every percent that is done.
"""

from __future__ import annotations

import io
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior, run_chain
from marketfit.demand.models.hierarchical.likelihood import PeopleLikelihood, TaskBlock

PERCENT, END = b".", b"\n"

if TYPE_CHECKING:
    from typing import Any

    Arrays: TypeAlias = dict[str, NDArray[Any]]  # of several types, held against them by what takes them


def main(received: BinaryIO, answer: BinaryIO) -> None:
    """Run the chain that is asked for."""
    posterior, length, seed = unpack_work(received.read())
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks * 100 // length.iterations > (ticks - 1) * 100 // length.iterations:
            answer.write(PERCENT)  # where nobody reads any more, this ends the process
            answer.flush()

    drawn = run_chain(posterior, length, seed, tick)
    answer.write(END + pack_draws(drawn))
    answer.flush()


def pack_work(posterior: Posterior, length: Length, seed: int) -> bytes:
    """What a chain needs, as bytes."""
    likelihood = posterior.likelihood
    arrays: Arrays = {
        "shape": np.array([likelihood.people, likelihood.tasks, likelihood.columns, len(likelihood.blocks), seed]),
        "length": np.array([length.iterations, length.burn_in, length.population_draws, length.people_draws]),
        "signs": posterior.signs,
        "start": posterior.start,
        "weights": posterior.weights,
    }
    for index, block in enumerate(likelihood.blocks):
        for field in fields(TaskBlock):
            value = getattr(block, field.name)
            if value is not None:
                arrays[f"{field.name} {index}"] = np.asarray(value)
    return _pack(arrays)


def unpack_work(content: bytes) -> tuple[Posterior, Length, int]:
    """The work that `pack_work` made bytes of."""
    arrays = _unpack(content)
    people, tasks, columns, blocks, seed = (int(number) for number in arrays["shape"])
    likelihood = PeopleLikelihood(tuple(_block(arrays, index) for index in range(blocks)), people, tasks, columns)
    length = Length(*(int(number) for number in arrays["length"]))
    return Posterior(likelihood, arrays["signs"], arrays["start"], arrays["weights"]), length, seed


def pack_draws(drawn: ChainDraws) -> bytes:
    """What a chain leaves behind, as bytes."""
    return _pack({field.name: np.asarray(getattr(drawn, field.name)) for field in fields(ChainDraws)})


def unpack_draws(content: bytes) -> ChainDraws:
    """The draws that `pack_draws` made bytes of."""
    arrays = _unpack(content)
    return ChainDraws(
        means=arrays["means"],
        covariances=arrays["covariances"],
        people=arrays["people"],
        people_mean=arrays["people_mean"],
        acceptance=float(arrays["acceptance"]),
    )


def _block(arrays: Arrays, index: int) -> TaskBlock:
    return TaskBlock(
        leads=arrays[f"leads {index}"],
        ceiling=arrays.get(f"ceiling {index}"),
        people=arrays[f"people {index}"],
        everybody=bool(arrays[f"everybody {index}"]),
        weights=arrays.get(f"weights {index}"),
    )


def _pack(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpack(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive.items())


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
