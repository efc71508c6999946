"""How much memory the results of a graph's operators take, found from sizes alone: nothing is run.

Few bytes can ask for a lot: a tensor is repeated, spread over another or multiplied with itself until it fills the
machine, and how often may be computed from the shape of the request. So sizes are followed through the graph for a
request of 512 tokens, and for 512 of one token. An operator without a rule, or whose size is said by data, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from marketfit.bundle.folding import MAX_FOLDED, folded
from marketfit.bundle.operators import Known, UntoldError, filled_values, inner_values, is_bound, rule_of, told
from marketfit.bundle.outline import Array, Dims, Graph, Node
from marketfit.bundle.tensors import MAX_DENSE_VALUES

TOKENS = 512
_REQUESTS = ((1, TOKENS), (TOKENS, 1))  # sizes of the first free axis, and of all others
_BRANCHES = 100
_COPIES = 4  # times that what the file stores may be written in another form: turned, widened

Scope = dict[str, Known]


@dataclass(frozen=True)
class Growth:
    """What is wrong with an operator, and what would not be."""

    found: str
    allowed: str


def growth(graph: Graph) -> Growth | None:
    """The first operator that makes too much of a request, or of whose results nobody can tell the size."""
    for batch, tokens in _REQUESTS:
        fault = _Follower(batch, tokens).follow(graph, {})
        if fault is not None:
            return fault
    return None


@dataclass
class _Follower:
    """Follows sizes for one request.

    `live`: values of results that are still read later, `sizes`: result → values. Results that follow from what is
    stored, and are no larger, stay as long as the graph is open: `copied` values of them, `stored` in the file.
    """

    batch: int
    tokens: int
    live: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    stored: int = 0
    copied: int = 0
    branches: int = 0

    def follow(self, graph: Graph, outer: Scope) -> Growth | None:
        """Fill in what is known of every tensor of a graph; gives the first fault."""
        scope = outer | {name: Known(one.dims, one.values, stored=True) for name, one in graph.stored.items()}
        self.stored += sum(Known(one.dims).size for one in graph.stored.values())
        for name, dims in graph.inputs.items():
            if name not in graph.stored and dims is not None:
                scope[name] = self._asked(dims)
        last = {name: place for place, node in enumerate(graph.nodes) for name in _read(node)}
        for place, node in enumerate(graph.nodes):
            try:
                made = self._results(node, scope)
            except _FaultError as error:
                return error.growth
            except (ValueError, IndexError, KeyError, TypeError, ArithmeticError) as error:
                return Growth(f"how large the result of operator {node.operator!r} becomes can't be told ({error})",
                              "sizes that follow from those of the request")  # fmt: skip
            scope.update(made)
            fault = self._count(node, made)
            if fault is not None:
                return fault
            for name in {*_read(node), *made}:
                if last.get(name, -1) <= place and name not in graph.outputs:
                    self.live -= self.sizes.pop(name, 0)
        outer.update({name: scope[name] for name in graph.outputs if name in scope})
        return None

    def _asked(self, dims: tuple[int | None, ...]) -> Known:
        free = (self.batch if place == 0 else self.tokens for place in range(len(dims)))
        return Known(tuple(size if size is not None else asked for size, asked in zip(dims, free, strict=True)))

    def _results(self, node: Node, scope: Scope) -> Scope:
        """What is known of a node's outputs."""
        if node.operator == "If" and node.domain in ("", "ai.onnx"):
            return self._chosen(node, scope)
        if node.operator == "Constant" and node.domain in ("", "ai.onnx"):
            known = _constant(node)
            self.stored += known.size
            return {node.outputs[0]: known}
        rule = rule_of(node)
        if rule is None:
            raise _FaultError(
                Growth(f"operator {node.operator!r}, of which nobody here can tell how large its result becomes",
                       "operators whose results' sizes follow from those of what they read")
            )  # fmt: skip
        given = [_found(scope, name) if name else None for name in node.inputs]
        values = _values(node, given)
        shapes = [array.shape for array in values] if values else rule(node, given)
        exact = bool(values) or (all(known.exact for known in given if known) and not is_bound(node, given))
        most = max((known.size for known in given if known), default=0)
        is_stored = all(known.stored for known in given if known) and bool(given)
        made: Scope = {}
        if any(node.outputs[len(shapes) :]):
            raise UntoldError("it has more results than are known")
        for place, (name, dims) in enumerate(zip(node.outputs, shapes, strict=False)):
            is_copy = is_stored and Known(dims).size <= most
            made[name] = Known(dims, values[place] if values else None, exact, is_copy)
        made.pop("", None)
        if inner_values(node, given) > MAX_DENSE_VALUES:
            raise _FaultError(self._too_much(node, inner_values(node, given)))
        return made

    def _chosen(self, node: Node, scope: Scope) -> Scope:
        """Of two branches the larger result, axis by axis."""
        made: Scope = {}
        for attribute in node.attributes.values():
            (branch,) = attribute.graphs
            self.branches += 1
            if self.branches > _BRANCHES:
                raise UntoldError(f"there are more than {_BRANCHES} branches")
            inside = dict(scope)
            fault = self.follow(branch, inside)
            if fault is not None:
                raise _FaultError(fault)
            for name, inner in zip(node.outputs, branch.outputs, strict=True):
                one, other = _found(inside, inner), made.get(name)
                dims = one.dims if other is None else tuple(map(max, zip(one.dims, other.dims, strict=True)))
                made[name] = Known(dims, exact=other is None or one.dims == other.dims)
                self.live -= self.sizes.pop(inner, 0)
        return made

    def _count(self, node: Node, made: Scope) -> Growth | None:
        for name, known in made.items():
            if known.stored:
                self.copied += known.size
            else:
                self.live += known.size - self.sizes.pop(name, 0)
                self.sizes[name] = known.size
        if self.live > MAX_DENSE_VALUES:
            return self._too_much(node, self.live)
        too_many_copies = self.copied > MAX_DENSE_VALUES + _COPIES * self.stored
        return self._too_much(node, self.copied) if too_many_copies else None

    def _too_much(self, node: Node, values: int) -> Growth:
        asked = f"{self.batch} of {self.tokens} tokens" if self.batch > 1 else f"{self.tokens} tokens"
        return Growth(f"operator {node.operator!r} makes {float(values):.3g} values of a request of {asked}",
                      f"at most {MAX_DENSE_VALUES:,} at a time")  # fmt: skip


class _FaultError(Exception):
    """A fault that was found within."""

    def __init__(self, growth: Growth) -> None:
        super().__init__(growth.found)
        self.growth = growth


def _read(node: Node) -> Iterator[str]:
    """The names that a node reads, itself or in its branches."""
    yield from node.inputs
    for attribute in node.attributes.values():
        for graph in attribute.graphs:
            for inner in graph.nodes:
                yield from _read(inner)
            yield from graph.outputs


def _found(scope: Scope, name: str) -> Known:
    if name not in scope:
        raise UntoldError(f"nothing is known of its input {name[:100]!r}")
    return scope[name]


def _constant(node: Node) -> Known:
    """A tensor of the file, or numbers in an attribute."""
    (found,) = node.attributes.values()
    if found.tensor is not None:
        return Known(found.tensor.dims, found.tensor.values, stored=True)
    if found.name == "value_int" and found.number is not None:
        return Known((), np.array(found.number, dtype=np.int64), stored=True)
    if found.name == "value_ints" and found.count == len(found.numbers):
        return Known((found.count,), np.array(found.numbers, dtype=np.int64), stored=True)
    return Known(() if found.name in ("value_float", "value_string") else (found.count,), stored=True)


def _values(node: Node, given: Sequence[Known | None]) -> Sequence[Array]:
    """The values of small results that follow from shapes; none where they do not."""
    known = [one for one in given if one is not None]
    if node.operator in ("Shape", "Size") and known and known[0].exact:
        return [_shape_values(node, known[0].dims)]
    arrays = [one.values for one in known if one.values is not None and one.exact]
    if len(arrays) != len(given) or not arrays:
        return ()
    try:
        if node.operator == "ConstantOfShape":
            filled = filled_values(tuple(max(0, size) for size in told(given[0])), node)
            return () if filled is None else [filled]
        if node.operator == "Range":
            return _counted(arrays)
        found = folded(node, arrays) or ()
        return found if len(found) == len(node.outputs) else ()
    except (ValueError, IndexError, KeyError, TypeError, ArithmeticError):
        return ()  # the sizes may be known all the same


def _shape_values(node: Node, dims: Dims) -> Array:
    if node.operator == "Size":
        return np.array(Known(dims).size, dtype=np.int64)
    return np.array(dims[node.number("start", 0) : node.number("end", len(dims))], dtype=np.int64)


def _counted(parts: Sequence[Array]) -> Sequence[Array]:
    start, limit, step = (part.ravel().tolist()[0] for part in parts)
    if abs(limit - start) / abs(step) > MAX_FOLDED:
        return ()
    return [np.arange(start, limit, step, dtype=parts[0].dtype)]
