"""Walk an ONNX file without the `onnx` package and say what in it marketfit does not let a runtime open.

A graph may name files outside its own (external data, compiled contexts) and operators of foreign libraries, or ask
for more memory than there is (`growth.py`). The values of tensors are read in pieces, never held. Field numbers are
those of `onnx/onnx.proto`. Where a parser could take the bytes in two ways (a field given twice, say) every reading
is checked; what it can't read at all is refused.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketfit.bundle.growth import growth
from marketfit.bundle.outline import Attribute, Graph, Node, Stored
from marketfit.bundle.tensors import MAX_DENSE_VALUES, MAX_KEPT, Tensor, few_values, has_nan, header_fault, varints
from marketfit.bundle.wire import MalformedError, Wire, need_bytes, value_name, value_sizes
from marketfit.errors import Problem

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})

# They run code, or open files, that are not in the graph.
FORBIDDEN_OPERATORS = frozenset({"EPContext", "PythonOp", "PythonOpGrad", "ATen"})

MAX_GRAPH_BYTES = 2**31 - 1  # protobuf's own limit
MAX_NODES = 12_000  # with their sizes followed, half a second
MAX_TEXT = 1_000_000  # bytes of a name or a documentation
MAX_DEPTH = 32
MAX_PROBLEMS = 20

# Runs of AttributeProto.ints and .floats, which onnx stores unpacked: a tree ensemble has millions of them.
_INT_RUN = re.compile(rb"(?:\x40[\x80-\xff]{0,9}+[\x00-\x7f])++")
_FLOAT_RUN = re.compile(rb"(?:\x3d[\x00-\xff]{4})++")
_RUN_BYTES = 1 << 20
_MAX_RUN_BYTES = 1 << 25
_SHORT = 1000  # bytes of a run whose numbers may be sizes


@dataclass
class _Walk:
    wire: Wire
    where: str
    nodes: int = 0
    graphs: int = 0
    opsets: int = 0
    domains: set[str] = field(default_factory=set)
    numbers: int = 0  # bytes of runs of numbers
    graph: Graph = field(default_factory=Graph)  # the one that is being walked through, as are node and attribute
    node: Node = field(default_factory=Node)
    attribute: Attribute = field(default_factory=Attribute)
    found: dict[str, Problem] = field(default_factory=dict)  # keyed by text: one line for each kind of fault

    def refuse(self, found: str, allowed: str, do: str) -> None:
        if len(self.found) < MAX_PROBLEMS:
            self.found.setdefault(found, Problem(self.where, found, allowed, do))

    def count_numbers(self, size: int) -> None:
        self.numbers += size
        if self.numbers > _MAX_RUN_BYTES:
            raise MalformedError(f"more than {_MAX_RUN_BYTES:,} bytes of numbers in attributes")


_Handler = Callable[[_Walk, int, int, int], None]
"""Called with (walk, start, end, depth) for a length-delimited field; for a varint, with (walk, value, -1, depth)."""


def graph_problems(path: Path) -> tuple[Problem, ...]:
    """Everything in an ONNX file that keeps it from being opened; empty when it may be.

    Refused: external data, operators and imported operator sets outside `ai.onnx`, `ai.onnx.ml` and
    `com.microsoft`, operators that load code or files, functions of the model's own, tensors whose header does not
    agree with what they store, operators that make too much of a request or nobody knows how much (`growth.py`),
    weights that are NaN, and bytes that are no ONNX model.
    """
    where = str(path)
    size = path.stat().st_size
    if not 0 < size <= MAX_GRAPH_BYTES:
        return (Problem(where, f"{size:,} bytes", f"allowed: 1 to {MAX_GRAPH_BYTES:,}", "export the model again"),)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        walk = _Walk(Wire(buffer, file), where)
        try:
            _message(walk, 0, size, 0, _MODEL)
            if not (walk.graphs and walk.opsets):
                raise MalformedError("it has no graph or no operator set")
            if not walk.found and not walk.domains - ALLOWED_DOMAINS:
                _refuse_growth(walk)
        except MalformedError as error:
            walk.refuse(f"this is not an ONNX model that can be checked ({error})", "", "export the model again")
    for domain in sorted(walk.domains - ALLOWED_DOMAINS):
        walk.refuse(
            f"operator domain {domain!r}",
            "allowed: " + ", ".join(sorted(ALLOWED_DOMAINS - {""})),
            "export without custom operators",
        )
    return tuple(walk.found.values())


def _message(walk: _Walk, start: int, end: int, depth: int, handlers: Mapping[int, _Handler]) -> None:
    """Step over the fields of one message and call the handler of each that has one."""
    if depth > MAX_DEPTH:
        raise MalformedError(f"nested deeper than {MAX_DEPTH}")
    skip = partial(_after_numbers, walk) if handlers is _ATTRIBUTE else None
    for number, first, last in walk.wire.fields(start, end, skip=skip):
        handler = handlers.get(number)
        if handler:
            handler(walk, first, last, depth)


def _after_numbers(walk: _Walk, at: int, end: int) -> int:
    """Where the numbers end that begin here, or as many of them as are looked at at once."""
    last = min(end, at + _RUN_BYTES)
    run = _INT_RUN.match(walk.wire.buffer, at, last) or _FLOAT_RUN.match(walk.wire.buffer, at, last)
    if run is None:
        return at
    content = run.group()
    walk.count_numbers(len(content))
    if walk.wire.buffer[at] == 0x3D:
        floats = np.frombuffer(content, dtype=[("tag", "u1"), ("value", "<f4")])["value"]
        _refuse_nan(walk, is_nan=bool(np.isnan(floats).any()))
        walk.attribute.count += len(floats)
    else:
        _take_numbers(walk, varints(content)[1::2] if len(content) < _SHORT else None, content)
    return run.end()


def _take_numbers(walk: _Walk, numbers: NDArray[np.uint64] | None, content: bytes) -> None:
    """Keep the numbers of a short list, and count those of a long one: a tag and a last byte for each."""
    attribute = walk.attribute
    if numbers is None:
        attribute.count += int((np.frombuffer(content, dtype=np.uint8) < 0x80).sum()) // 2
    else:
        attribute.count += len(numbers)
        attribute.numbers += numbers.view(np.int64).tolist()[: MAX_KEPT - len(attribute.numbers)]


def _domain(walk: _Walk, start: int, end: int, _depth: int) -> None:
    if len(walk.domains) < MAX_PROBLEMS + len(ALLOWED_DOMAINS):
        walk.domains.add(walk.wire.text(start, end))


def _node_domain(walk: _Walk, start: int, end: int, depth: int) -> None:
    _domain(walk, start, end, depth)
    walk.node.domain = walk.wire.text(start, end)


def _operator(walk: _Walk, start: int, end: int, _depth: int) -> None:
    walk.node.operator = name = walk.wire.text(start, end)
    if name in FORBIDDEN_OPERATORS:
        walk.refuse(f"operator {name!r}", "it loads code or files from outside the graph", "export without it")


def _node_input(walk: _Walk, start: int, end: int, _depth: int) -> None:
    walk.node.inputs.append(walk.wire.text(start, end))


def _node_output(walk: _Walk, start: int, end: int, _depth: int) -> None:
    walk.node.outputs.append(walk.wire.text(start, end))


def _external(walk: _Walk, start: int, end: int, _depth: int) -> None:
    is_default_location = end < 0 and start == 0  # data_location given as a number: 0 is "inside"
    if not is_default_location:
        walk.refuse("a tensor is stored outside the file", "all data inside model.onnx", "export as a single file")


def _tensor(walk: _Walk, start: int, end: int, depth: int) -> tuple[str, Stored]:
    """Check a tensor; gives its name and what it says of sizes."""
    need_bytes(end)
    tensor, name, is_outside = Tensor(), "", False
    for number, first, last in walk.wire.fields(start, end):
        tensor.take(number, first, last, walk.wire.read)
        if number in (13, 14):
            is_outside = True
            _external(walk, first, last, depth)
        elif number == 8:
            name = walk.wire.text(first, last)
    if is_outside and not (tensor.raw or tensor.packed or tensor.single):
        return name, Stored(())
    fault = header_fault(tensor, walk.wire.read)
    if fault:
        walk.refuse(fault, "a header that agrees with what is stored", "export the model again")
        return name, Stored(())
    _refuse_nan(walk, is_nan=has_nan(tensor, walk.wire.read))
    return name, Stored(tuple(tensor.dims), few_values(tensor, walk.wire.read))


def _sparse(walk: _Walk, start: int, end: int, depth: int) -> tuple[str, Stored]:
    need_bytes(end)
    dense, name = Tensor(), ""
    for number, first, last in walk.wire.fields(start, end):
        if number in (1, 2):
            found, _stored = _tensor(walk, first, last, depth + 1)
            name = found if number == 1 else name
        elif number == 3:
            dense.take(1, first, last, walk.wire.read)
    if not dense.has_sizes or dense.values > MAX_DENSE_VALUES:
        size = f"{float(dense.values):.3g}" if dense.has_sizes else "no possible number of"
        walk.refuse(
            f"few bytes that become a tensor of {size} values", f"at most {MAX_DENSE_VALUES:,}", "export it dense"
        )
    return name, Stored(tuple(dense.dims))


def _initializer(walk: _Walk, start: int, end: int, depth: int) -> None:
    _store(walk, *_tensor(walk, start, end, depth))


def _sparse_initializer(walk: _Walk, start: int, end: int, depth: int) -> None:
    _store(walk, *_sparse(walk, start, end, depth))


def _store(walk: _Walk, name: str, stored: Stored) -> None:
    if name in walk.graph.stored:
        raise MalformedError(f"two tensors are called {name[:100]!r}")
    walk.graph.stored[name] = stored


def _attribute_tensor(walk: _Walk, start: int, end: int, depth: int) -> None:
    _attach(walk, _tensor(walk, start, end, depth)[1])


def _attribute_sparse(walk: _Walk, start: int, end: int, depth: int) -> None:
    _attach(walk, _sparse(walk, start, end, depth)[1])


def _attach(walk: _Walk, stored: Stored) -> None:
    # Two tensors in the place of one would be merged by a parser; of a list of them no operator here makes a result.
    walk.attribute.tensor = stored if walk.attribute.tensor is None else Stored((MAX_DENSE_VALUES, MAX_DENSE_VALUES))


def _refuse_growth(walk: _Walk) -> None:
    found = growth(walk.graph)
    if found is not None:
        walk.refuse(found.found, found.allowed, "export without it")


def _refuse_nan(walk: _Walk, *, is_nan: bool) -> None:
    if is_nan:
        walk.refuse("a weight is NaN", "numbers", "train or export the model again")


def _float(walk: _Walk, start: int, end: int, _depth: int) -> None:
    need_bytes(end)
    walk.attribute.count += (end - start) // 4
    _refuse_nan(walk, is_nan=has_nan(Tensor(types={1}, raw=[(start, end)]), walk.wire.read))


def _function(walk: _Walk, start: int, end: int, depth: int) -> None:
    need_bytes(end)
    # Functions that call each other twice over are an exponential bomb, and one may shadow an operator.
    walk.refuse("the model has functions of its own", "operators only", "inline its functions")
    _message(walk, start, end, depth + 1, _FUNCTION)


def _long(_walk: _Walk, start: int, end: int, _depth: int) -> None:
    if end - start > MAX_TEXT:
        raise MalformedError(f"a text of over {MAX_TEXT:,} bytes")


def _node(walk: _Walk, start: int, end: int, depth: int) -> None:
    need_bytes(end)
    walk.nodes += 1
    if walk.nodes > MAX_NODES:
        raise MalformedError(f"more than {MAX_NODES:,} nodes")
    outer, walk.node = walk.node, Node()
    walk.graph.nodes.append(walk.node)
    _message(walk, start, end, depth + 1, _NODE)
    walk.node = outer


def _attribute(walk: _Walk, start: int, end: int, depth: int) -> None:
    need_bytes(end)
    outer, walk.attribute = walk.attribute, Attribute()
    _message(walk, start, end, depth + 1, _ATTRIBUTE)
    made, walk.attribute = walk.attribute, outer
    if made.name in walk.node.attributes:
        raise MalformedError(f"two attributes are called {made.name[:100]!r}")
    walk.node.attributes[made.name] = made


def _attribute_name(walk: _Walk, start: int, end: int, _depth: int) -> None:
    walk.attribute.name = walk.wire.text(start, end)


def _attribute_number(walk: _Walk, value: int, end: int, _depth: int) -> None:
    if end >= 0:
        raise MalformedError("a message where a number should be")
    walk.attribute.number = value - (1 << 64) if value >= 1 << 63 else value


def _attribute_numbers(walk: _Walk, start: int, end: int, _depth: int) -> None:
    walk.count_numbers(max(0, end - start))
    found = np.array([start], dtype=np.uint64) if end < 0 else varints(walk.wire.read(start, end))
    _take_numbers(walk, found, b"")


def _attribute_text(walk: _Walk, start: int, end: int, depth: int) -> None:
    _long(walk, start, end, depth)
    if 0 <= end - start <= _SHORT:
        walk.attribute.text = walk.wire.text(start, end)


def _attribute_texts(walk: _Walk, start: int, end: int, depth: int) -> None:
    _long(walk, start, end, depth)
    walk.attribute.count += 1


def _graph(walk: _Walk, start: int, end: int, depth: int) -> None:
    """The model's graph; given twice, a parser takes the parts of both together."""
    need_bytes(end)
    walk.graphs += 1
    _message(walk, start, end, depth + 1, _GRAPH)


def _branch(walk: _Walk, start: int, end: int, depth: int) -> None:
    outer, walk.graph = walk.graph, Graph()
    _graph(walk, start, end, depth)
    inner, walk.graph = walk.graph, outer
    walk.attribute.graphs.append(inner)


def _graph_input(walk: _Walk, start: int, end: int, _depth: int) -> None:
    need_bytes(end)
    walk.graph.inputs[value_name(walk.wire, (start, end))] = value_sizes(walk.wire, (start, end))


def _graph_output(walk: _Walk, start: int, end: int, _depth: int) -> None:
    need_bytes(end)
    walk.graph.outputs.append(value_name(walk.wire, (start, end)))


def _opset(walk: _Walk, start: int, end: int, depth: int) -> None:
    need_bytes(end)
    walk.opsets += 1
    _message(walk, start, end, depth + 1, _OPSET)


def _training(walk: _Walk, start: int, end: int, depth: int) -> None:
    """Graphs that nobody runs here."""
    need_bytes(end)
    outer, walk.graph = walk.graph, Graph()
    _message(walk, start, end, depth + 1, _TRAINING)
    walk.graph = outer


_OPSET: Mapping[int, _Handler] = {1: _domain}
_ATTRIBUTE: Mapping[int, _Handler] = {
    1: _attribute_name,
    2: _float,
    3: _attribute_number,
    4: _attribute_text,
    5: _attribute_tensor,
    6: _branch,
    7: _float,
    8: _attribute_numbers,
    9: _attribute_texts,
    10: _attribute_tensor,
    11: _branch,
    13: _long,
    22: _attribute_sparse,
    23: _attribute_sparse,
}
_NODE: Mapping[int, _Handler] = {
    1: _node_input, 2: _node_output, 3: _long, 4: _operator, 5: _attribute, 6: _long, 7: _node_domain,
}  # fmt: skip
_GRAPH: Mapping[int, _Handler] = {
    1: _node, 2: _long, 5: _initializer, 10: _long, 11: _graph_input, 12: _graph_output, 15: _sparse_initializer,
}  # fmt: skip
_TRAINING: Mapping[int, _Handler] = {1: _graph, 2: _graph}
_FUNCTION: Mapping[int, _Handler] = {7: _node, 9: _opset, 10: _domain, 11: _attribute}
_MODEL: Mapping[int, _Handler] = {6: _long, 7: _graph, 8: _opset, 20: _training, 25: _function}
