"""standard-operators: a graph of onnxruntime's fused operators, written in standard ones (ai.onnx).

Engines that know no others, such as OpenVINO, can run it, and static quantisation finds its matrix products. The
answers are the same to rounding. It makes nothing smaller, and on onnxruntime nothing faster: a plan tries it only
where there is another engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marketfit.bundle.engines import ENGINES, available
from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.decomposition import decomposed, is_fused, obstacle
from marketfit.compress.passes.graph_file import read_graph, rewrite


class StandardOperators(Untrained):
    """Fused operators taken apart. Takes no options."""

    stage: Stage = "graph"
    role: Role = "rewrite"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - Pass contract
        """It needs a fused operator, and none that it does not know."""
        model = read_graph(artefact)
        return obstacle(model) if is_fused(model) else "all operators are standard ones"

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        """Its defaults where an engine that needs them is installed; else nothing is gained."""
        needed = any(available(engine) for engine, facts in ENGINES.items() if not facts.any_graph)
        return ({},) if needed and not self.applies(artefact, context) else ()

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Take every fused operator apart."""
        refuse_unknown("standard-operators", options, ())
        made = rewrite(artefact, context.into, step="standard operators", change=_decompose)
        context.progress(1.0)
        return made


def _decompose(before: Path, after: Path) -> None:
    import onnx

    onnx.save_model(decomposed(onnx.load(str(before), load_external_data=False)), str(after))
