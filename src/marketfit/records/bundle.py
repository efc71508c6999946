"""What a bundle says of itself to its runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from marketfit.records.plain import JsonValue

Engine = Literal["onnxruntime", "onnxruntime-cuda", "openvino"]
"""What runs a graph, and where. See `marketfit.bundle.engines`."""

Device = Literal["cpu", "gpu"]
"""Where an engine runs a graph."""


@dataclass(frozen=True)
class SessionSettings:
    """How the runtime is started; part of the variant and measured with it.

    `spinning` threads wait busily for the next request, and an `arena` keeps memory between requests: both are
    onnxruntime's on a processor.
    """

    engine: Engine = "onnxruntime"
    threads: int = 1
    spinning: bool = False
    arena: bool = True


@dataclass(frozen=True)
class BundleSpec:
    """`bundle.json`: all that is needed to run a bundle, beside the graph and the preprocessor's files.

    `input_name` is the column that the inputs came from. `preprocessor` belongs to the task's Runtime. `labels` is
    empty for a headless bundle, which only embeds. Scores are `softmax(logits / temperature)`; below `abstain_below`
    the answer is marked as an abstention.
    """

    product: str
    task: str
    labels: tuple[str, ...]
    format: Literal[1] = 1
    input_name: str = ""
    temperature: float = 1.0
    abstain_below: float = 0.0
    session: SessionSettings = SessionSettings()
    preprocessor: Mapping[str, JsonValue] = field(default_factory=dict)
    lineage: tuple[str, ...] = ()  # backbone, recipe, passes, in order


@dataclass(frozen=True)
class InputReport:
    """What the preprocessor could not carry into the model: shares of unknown tokens and of truncated inputs."""

    unknown: float
    truncated: float
