"""Hostile bundles are refused with a named reason, and good ones accepted, each within 1 second and 256 MB.

Whoever makes a hostile bundle here forges with care: bill of materials and manifest fit the changed files, so that the
reason that is asserted is the only thing that stands between the bundle and a runtime.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from marketfit.bundle import ModelCard, check_unsealed, new_keys, read_public_key, read_spec, seal
from marketfit.bundle.bom import make_bom, read_ingredients
from marketfit.bundle.layout import BOM, CARD, CONTRACT, GRAPH, MANIFEST, SEAL_FILES, SIGNATURE, SPEC, encode
from marketfit.bundle.manifest import Manifest, file_entry
from marketfit.bundle.sign import write_signature
from marketfit.contract import Contract
from marketfit.errors import BundleError
from marketfit.testing.tiny import tiny_bundle

SECONDS, MEGABYTES = 1.0, 256.0
TOKENIZER = "tokenizer.json"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """How a sound bundle is made hostile, and words of the reason for which it must be refused."""

    change: Change
    reason: str
    key: str = ""  # the trusted key's owner, where one is configured


@dataclass(frozen=True)
class Seen:
    """What verification said of a bundle in a process of its own, and what it took."""

    refusal: str
    seconds: float
    megabytes: float


# Forked for each bundle: the peak memory of a child is its own, interpreter and imports included.
WORKER = """
import json, os, sys, time
from pathlib import Path
from marketfit.bundle import verify
from marketfit.errors import BundleError

for folder, key in json.load(sys.stdin):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        began, refusal = time.perf_counter(), ""
        try:
            verify(Path(folder), key=Path(key) if key else None)
        except BundleError as error:
            refusal = str(error)
        with os.fdopen(writer, "w") as stream:
            json.dump([refusal, time.perf_counter() - began], stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        refusal, seconds = json.load(stream)
    usage = os.wait4(child, 0)[2]
    print(json.dumps([refusal, seconds, usage.ru_maxrss * 1024 / 1e6]), flush=True)
"""


def watch(orders: list[tuple[Path, Path | None]]) -> list[Seen]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WORKER],
        input=json.dumps([[str(folder), str(key) if key else None] for folder, key in orders]),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Seen(*json.loads(line)) for line in done.stdout.splitlines()]


def forge(folder: Path) -> None:
    """Bill of materials and manifest that fit the files, as one who tampers with care would write them."""
    old = json.loads((folder / MANIFEST).read_bytes())
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {name: file_entry(folder / name) for name in names if name not in (BOM, MANIFEST, SIGNATURE)}
    try:
        made = make_bom(read_spec(folder), files, read_ingredients(folder))
        (folder / BOM).write_bytes(made.encoded())
    except BundleError:
        pass  # a spec that nobody can read: its bill stays
    files[BOM] = file_entry(folder / BOM)
    (folder / MANIFEST).write_bytes(encode(Manifest(product=old["product"], task=old["task"], files=files)))


# Files


def flip(name: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def swap(one: str, other: str) -> Change:
    def change(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)

    return change


def from_another(name: str) -> Change:
    def change(folder: Path) -> None:
        shutil.copyfile(folder.parent / "another" / name, folder / name)

    return change


def names_outside(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder.parent / "outside.txt").write_text("secret")
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": 6}
        (folder / MANIFEST).write_bytes(encode(manifest))

    return change


def link(name: str, target: str) -> Change:
    """`target` is relative to the folder of all bundles, or absolute."""

    def change(folder: Path) -> None:
        if (folder / name).exists():
            (folder / name).unlink()
        (folder / name).symlink_to(target if target.startswith("/") else f"../{target}")

    return change


def put(name: str, content: bytes | Callable[[], bytes], *, forged: bool = True) -> Change:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content())
        if forged:
            forge(folder)

    return change


def hole(name: str, size: int) -> Change:
    """A file of `size` zeros that takes no room on the disk."""

    def change(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return change


def lying_hole(name: str, size: int) -> Change:
    """The same, with a manifest of that size: only hashing it all would tell."""

    def change(folder: Path) -> None:
        hole(name, size)(folder)
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": size}
        (folder / MANIFEST).write_bytes(encode(manifest))

    return change


def zipped() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", bytes(100_000_000))
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../outside.txt"))
    return stream.getvalue()


# Graphs

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
NAN = float("nan")


def relu() -> NodeProto:
    return helper.make_node("Relu", ["x"], ["y"])


def model(*nodes: NodeProto, constants: tuple[TensorProto, ...] = (), domains: tuple[str, ...] = ("",)) -> ModelProto:
    graph = helper.make_graph(list(nodes) or [relu()], "g", [FLOATS], [RESULT], list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 17) for domain in domains])


def branch(*nodes: NodeProto, constants: tuple[TensorProto, ...] = ()) -> GraphProto:
    return helper.make_graph(list(nodes) or [relu()], "branch", [], [RESULT], list(constants))


def within_if(inner: GraphProto) -> ModelProto:
    return model(helper.make_node("If", ["x"], ["y"], then_branch=inner))


def graph(made: ModelProto | Callable[[], bytes]) -> Change:
    return put(GRAPH, made.SerializeToString() if isinstance(made, ModelProto) else made)


def external(*, location: bool = True, entry: bool = True, path: str = "../../etc/passwd") -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    if location:
        tensor.data_location = TensorProto.EXTERNAL
    if entry:
        tensor.external_data.add(key="location", value=path)
    return tensor


def says(*dims: int, stored: int = 8, kind: int = TensorProto.FLOAT) -> ModelProto:
    """A tensor of these sizes of which `stored` bytes are there."""
    return model(constants=(TensorProto(name="w", data_type=kind, dims=list(dims), raw_data=bytes(stored)),))


def twice() -> ModelProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], raw_data=bytes(8), float_data=[1.0, 2.0])
    return model(constants=(tensor,))


def sparse(*dims: int) -> ModelProto:
    made = model()
    item = made.graph.sparse_initializer.add()
    item.values.CopyFrom(TensorProto(name="s", data_type=TensorProto.FLOAT, dims=[1], raw_data=bytes(4)))
    item.indices.CopyFrom(TensorProto(data_type=TensorProto.INT64, dims=[1], raw_data=bytes(8)))
    item.dims.extend(dims)
    return made


def grown(operator: str, *, is_node: bool = False) -> ModelProto:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "shape")
    inputs = ["shape"] if operator == "ConstantOfShape" else ["x", "shape"]
    nodes = [helper.make_node(operator, inputs, ["y"])]
    if is_node:
        return model(helper.make_node("Constant", [], ["shape"], value=shape), *nodes)
    return model(*nodes, constants=(shape,))


def laughs() -> ModelProto:
    """Each function calls the one before it twice: two to the fortieth nodes once they are inlined."""
    made = model(helper.make_node("f40", ["x"], ["y"]))
    opset = [helper.make_opsetid("", 17)]
    for level in range(1, 41):
        inner = f"f{level - 1}" if level > 1 else "Relu"
        nodes = [helper.make_node(inner, ["x"], ["t"]), helper.make_node(inner, ["t"], ["y"])]
        made.functions.append(helper.make_function("ai.onnx", f"f{level}", ["x"], ["y"], nodes, opset))
    return made


def weights(values: object, kind: str) -> ModelProto:
    return model(constants=(numpy_helper.from_array(np.array(values, dtype=kind), "w"),))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of the protobuf wire format."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def many_nodes() -> bytes:
    return field(7, field(1, field(4, b"A")) * 2_000_000) + field(8, b"\x10\x11")


def many_fields() -> bytes:
    return field(7, field(1, b"\x18\x00" * 4_000_000)) + field(8, b"\x10\x11")


def many_numbers() -> bytes:
    return field(7, field(1, field(5, b"\x40\x01" * 50_000_000))) + field(8, b"\x10\x11")


def long_varints() -> bytes:
    tensor = b"\x08\x01\x10\x07" + field(7, b"\x80" * 100_000_000 + b"\x01")
    return field(7, field(5, tensor)) + field(8, b"\x10\x11")


BF16 = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=b"\x80\x3f\xc0\x7f")
HALVES = TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[2], int32_data=[0x3C00, 0x7E00])
LISTED = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], float_data=[1.0, NAN])


# JSON


def spec_with(**changes: object) -> Change:
    def change(folder: Path) -> None:
        content = json.loads((folder / SPEC).read_bytes()) | changes
        (folder / SPEC).write_text(json.dumps(content))
        forge(folder)

    return change


def unknown_keys() -> bytes:
    return json.dumps({"format": 1} | {f"{n:x}": 0 for n in range(90_000)}, separators=(",", ":")).encode()


def many_files(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"] |= {f"f{n}": {"sha256": "0" * 64, "bytes": 1} for n in range(3_000)}
    (folder / MANIFEST).write_bytes(encode(manifest))


def bill_of(folder: Path, parts: list[dict[str, str]]) -> None:
    bill = json.loads((folder / BOM).read_bytes()) | {"components": parts}
    (folder / BOM).write_bytes(json.dumps(bill).encode())
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][BOM] = file_entry(folder / BOM).model_dump()
    (folder / MANIFEST).write_bytes(encode(manifest))


def many_parts(folder: Path) -> None:
    bill_of(folder, [{"type": "file", "name": "a", "bom-ref": f"part {n}"} for n in range(30_000)])


def many_empty_parts(folder: Path) -> None:
    bill_of(folder, [{}] * 450_000)


def fewer_clauses() -> bytes:
    return json.dumps({"clauses": [{}] * 49_000}).encode()


def many_clauses() -> bytes:
    return json.dumps({"clauses": [{}] * 400_000}).encode()


def then(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def signed_by(owner: str) -> Change:
    return lambda folder: write_signature(folder, folder.parent / owner / "private.pem")


def under_our_name(folder: Path) -> None:
    signed_by("theirs")(folder)
    ours = read_public_key(folder.parent / "ours" / "public.pem")
    content = json.loads((folder / SIGNATURE).read_bytes()) | {"public_key": ours}
    (folder / SIGNATURE).write_bytes(encode(content))


def resealed(folder: Path) -> None:
    """Another card, with a bill and a manifest that fit it, under the old signature."""
    (folder / CARD).write_text((folder / CARD).read_text("utf-8") + "\nTrust me.\n", "utf-8")
    forge(folder)


CHANGED, LINK, OUTSIDE = "the file was changed", "this is a symbolic link", "stored outside the file"
FOREIGN, ANNOUNCES, IS_NAN = "operator domain 'com.evil'", "of a tensor announces", "a weight is NaN"

HOSTILE: dict[str, Hostile] = {
    **{f"changed byte of {name}": Hostile(flip(name), CHANGED) for name in (GRAPH, TOKENIZER, CARD)},
    **{f"changed byte of {name}": Hostile(flip(name), name) for name in (SPEC, CONTRACT, BOM, MANIFEST)},
    "swapped card and contract": Hostile(swap(CARD, CONTRACT), CHANGED),
    "swapped tokenizer and graph": Hostile(swap(TOKENIZER, GRAPH), CHANGED),
    **{f"{name} of another bundle": Hostile(from_another(name), CHANGED) for name in (GRAPH, TOKENIZER, BOM)},
    "manifest of another bundle": Hostile(from_another(MANIFEST), CHANGED),
    **{
        f"path traversal {name!r}": Hostile(names_outside(name), "unsafe file name")
        for name in ("../outside.txt", "/etc/passwd", "a/../../outside.txt", "..\\outside.txt", "./card.md", "a//b",
                     "C:\\x", "x" * 300, "")
    },
    "link to a file": Hostile(link(TOKENIZER, f"another/{TOKENIZER}"), LINK),
    "link to a system file": Hostile(link(CARD, "/etc/passwd"), LINK),
    "link to a folder": Hostile(link("more", "another"), LINK),
    "link to nothing": Hostile(link("more", "nowhere"), LINK),
    "link to itself": Hostile(link("more", "bundle/more"), LINK),
    "link as manifest": Hostile(link(MANIFEST, f"another/{MANIFEST}"), LINK),
    "link as signature": Hostile(link(SIGNATURE, f"another/{CARD}"), LINK),
    "a pipe": Hostile(lambda folder: os.mkfifo(folder / "pipe"), "neither a file nor a folder"),
    "a file that nobody listed": Hostile(put("model.onnx.data", b"x", forged=False), "not in the manifest"),
    "external data": Hostile(graph(model(constants=(external(),))), OUTSIDE),
    "external data, location only": Hostile(graph(model(constants=(external(entry=False),))), OUTSIDE),
    "external data, entry only": Hostile(graph(model(constants=(external(location=False),))), OUTSIDE),
    "external data beside": Hostile(graph(model(constants=(external(path=TOKENIZER),))), OUTSIDE),
    "external data in a branch": Hostile(graph(within_if(branch(constants=(external(),)))), OUTSIDE),
    "external data of an attribute": Hostile(
        graph(model(helper.make_node("Constant", [], ["y"], value=external()))), OUTSIDE
    ),
    "foreign node": Hostile(graph(model(helper.make_node("Evil", ["x"], ["y"], domain="com.evil"))), FOREIGN),
    "foreign import": Hostile(graph(model(domains=("", "com.evil"))), FOREIGN),
    "foreign node in a branch": Hostile(
        graph(within_if(branch(helper.make_node("Evil", ["x"], ["y"], domain="com.evil")))), FOREIGN
    ),
    "domain that looks right": Hostile(
        graph(model(helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft "))), "operator domain"
    ),
    **{
        f"operator {name}": Hostile(
            graph(model(helper.make_node(name, ["x"], ["y"], domain="com.microsoft"))), f"operator '{name}'"
        )
        for name in ("EPContext", "PythonOp", "ATen")
    },
    "huge header": Hostile(graph(says(1 << 40)), ANNOUNCES),
    "huge header that wraps to nothing": Hostile(graph(says(1 << 32, 1 << 32, stored=0)), ANNOUNCES),
    "negative header": Hostile(graph(says(-1, 2)), ANNOUNCES),
    "header of a gigabyte": Hostile(graph(says(1 << 14, 1 << 14)), ANNOUNCES),
    "header too small": Hostile(graph(says(1)), ANNOUNCES),
    "header of a thousand sizes": Hostile(graph(says(*[1 << 62] * 1000)), ANNOUNCES),
    "header of an unknown type": Hostile(graph(says(2, kind=99)), "data types [99]"),
    "values stored twice": Hostile(graph(twice()), "stores its values twice"),
    "numbers without end": Hostile(graph(long_varints), "longer than numbers can be"),
    "sparse tensor of a terabyte": Hostile(graph(sparse(1 << 20, 1 << 20)), "few bytes that become"),
    "constant of a huge shape": Hostile(graph(grown("ConstantOfShape")), "few bytes that become"),
    "constant of a huge shape, by a node": Hostile(graph(grown("ConstantOfShape", is_node=True)), "few bytes that"),
    "expansion to a huge shape": Hostile(graph(grown("Expand")), "few bytes that become"),
    "functions that call each other": Hostile(graph(laughs()), "functions of its own"),
    "millions of nodes": Hostile(graph(many_nodes), "more than 50,000 nodes"),
    "millions of fields": Hostile(graph(many_fields), "more than 300,000 fields"),
    "millions of numbers": Hostile(graph(many_numbers), "bytes of numbers in attributes"),
    "zip bomb": Hostile(put("weights.bin", zipped), "this is a zip archive"),
    "zip bomb as the graph": Hostile(put(GRAPH, zipped), "this is a zip archive"),
    "gzip bomb as the tokenizer": Hostile(put(TOKENIZER, lambda: gzip.compress(bytes(100_000_000))), "gzip archive"),
    "tar that climbs out": Hostile(put("more.txt", tarred), "this is a tar archive"),
    "zstd frame": Hostile(put("more.txt", b"\x28\xb5\x2f\xfd" + bytes(20)), "this is a zstd archive"),
    "pickle": Hostile(put("more.txt", pickle.dumps({"a": 1}, protocol=4)), "this is a pickle"),
    "JSON of empty lists": Hostile(put(SPEC, b"[" + b"[]," * 330_000 + b"[]]"), "unknown format"),
    "JSON that is deep": Hostile(put(SPEC, b"[" * 990_000), "not JSON"),
    "JSON of unknown keys": Hostile(put(SPEC, unknown_keys), "90,003 fields are missing, unknown or wrong"),
    "manifest of many files": Hostile(many_files, "3,006 files are listed"),
    "bill of many parts": Hostile(many_parts, "'part 7' is listed"),
    "bill of many parts that are none": Hostile(many_empty_parts, "bom.json:components:0"),
    "contract of many clauses": Hostile(put(CONTRACT, many_clauses), "larger than 200,000 bytes"),
    "contract of fewer clauses": Hostile(put(CONTRACT, fewer_clauses), "fields are missing, unknown or wrong"),
    "JSON without end": Hostile(hole(MANIFEST, 3 * 10**9), "larger than 500,000 bytes"),
    "folder of five gigabytes": Hostile(hole("big.bin", 5 * 10**9), "at most 4,000,000,000"),
    "graph of three gigabytes": Hostile(lying_hole(GRAPH, 3 * 10**9), "allowed: 1 to 2,147,483,647"),
    "graph of zeros": Hostile(lying_hole(GRAPH, 2 * 10**9), "not an ONNX model"),
    "NaN weight": Hostile(graph(weights([1.0, NAN], "float32")), IS_NAN),
    "NaN weight at the end of many": Hostile(graph(weights([*[1.0] * 1_000_000, NAN], "float32")), IS_NAN),
    "NaN weight of 64 bits": Hostile(graph(weights([1.0, NAN], "float64")), IS_NAN),
    "NaN weight of 16 bits": Hostile(graph(weights([1.0, NAN], "float16")), IS_NAN),
    "NaN weight as bfloat16": Hostile(graph(model(constants=(BF16,))), IS_NAN),
    "NaN weight of 16 bits as int32": Hostile(graph(model(constants=(HALVES,))), IS_NAN),
    "NaN weight in a list": Hostile(graph(model(constants=(LISTED,))), IS_NAN),
    "NaN attribute": Hostile(graph(model(helper.make_node("Elu", ["x"], ["y"], alpha=NAN))), IS_NAN),
    "NaN in an attribute's list": Hostile(
        graph(model(NodeProto(op_type="Constant", output=["y"],
                              attribute=[AttributeProto(name="value_floats", floats=[1.0, NAN])]))), IS_NAN
    ),
    "NaN weight in a branch": Hostile(
        graph(within_if(branch(constants=(numpy_helper.from_array(np.float32([NAN]), "w"),)))), IS_NAN
    ),
    "NaN temperature": Hostile(spec_with(temperature=NAN), "bundle.json:temperature"),
    "no signature": Hostile(then(), "the signature is missing", "ours"),
    "foreign signature": Hostile(signed_by("theirs"), "a foreign signature", "ours"),
    "foreign signature under our name": Hostile(under_our_name, "a wrong signature", "ours"),
    "signature of another manifest": Hostile(then(signed_by("ours"), resealed), "a wrong signature", "ours"),
    "changed byte of the signature": Hostile(then(signed_by("ours"), flip(SIGNATURE)), SIGNATURE, "ours"),
    "signature that is none": Hostile(put(SIGNATURE, b"{}", forged=False), "Field required", "ours"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound bundle, another one, and two pairs of keys."""
    root = tmp_path_factory.mktemp("hostile")
    tiny_bundle(root / "sound", {"hello": "greeting", "bye": "farewell"}, labels=["farewell", "greeting"])
    tiny_bundle(root / "another", {"bye": "farewell", "hi": "greeting"}, labels=["greeting", "farewell"])
    new_keys(root / "ours")
    new_keys(root / "theirs")
    return root


@pytest.fixture(scope="module")
def refused(sound: Path) -> Iterator[dict[str, Seen]]:
    orders = []
    for number, hostile in enumerate(HOSTILE.values()):
        place = sound / f"{number}"
        place.mkdir()
        for name in ("another", "ours", "theirs"):
            (place / name).symlink_to(sound / name)
        shutil.copytree(sound / "sound", place / "bundle")
        hostile.change(place / "bundle")
        orders.append((place / "bundle", sound / hostile.key / "public.pem" if hostile.key else None))
    yield dict(zip(HOSTILE, watch(orders), strict=True))
    for number in range(len(HOSTILE)):
        shutil.rmtree(sound / f"{number}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_by_name(refused: dict[str, Seen], name: str) -> None:
    seen = refused[name]
    assert HOSTILE[name].reason in seen.refusal
    assert seen.seconds < SECONDS, seen
    assert seen.megabytes < MEGABYTES, seen


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


GOOD_GRAPHS: dict[str, ModelProto] = {
    "minus infinity is no NaN": weights([1.0, -np.inf], "float32"),
    "a tensor of many megabytes": weights(np.ones(5_000_000), "float32"),
    "half precision": weights([1.0, 2.0], "float16"),
    "half precision in a list": model(
        constants=(TensorProto(name="w", data_type=TensorProto.FLOAT16, dims=[2], int32_data=[0x3C00, 0x4000]),)
    ),
    "integers": weights([[1, 2], [3, -4]], "int8"),
    "booleans": weights([True, False], "bool"),
    "long integers in a list": model(constants=(helper.make_tensor("w", TensorProto.INT64, [3], [1, -2, 300]),)),
    "texts": model(constants=(helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"bc"]),)),
    "a scalar": weights(1.0, "float32"),
    "an empty tensor": weights(np.zeros((0, 3)), "float32"),
    "four bits": model(constants=(TensorProto(name="w", data_type=TensorProto.INT4, dims=[3], raw_data=b"\x21\x03"),)),
    "a sparse tensor": sparse(100, 100),
    "a small shape": model(
        helper.make_node("ConstantOfShape", ["shape"], ["y"]),
        constants=(numpy_helper.from_array(np.array([8, 8]), "shape"),),
    ),
    "a tree with many numbers": model(
        helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", nodes_values=[0.5] * 50_000,
                         nodes_nodeids=list(range(50_000))),
        domains=("", "ai.onnx.ml"),
    ),
    "fused operators": model(
        helper.make_node("Attention", ["x"], ["y"], domain="com.microsoft"), domains=("", "com.microsoft")
    ),
    "a branch": within_if(branch()),
}  # fmt: skip


def test_good_bundles_are_accepted(sound: Path, card: ModelCard) -> None:
    orders: list[tuple[Path, Path | None]] = []
    for number, made in enumerate(GOOD_GRAPHS.values()):
        open_folder = sound / f"open{number}"
        shutil.copytree(sound / "sound", open_folder, ignore=shutil.ignore_patterns(*SEAL_FILES))
        (open_folder / GRAPH).write_bytes(made.SerializeToString())
        check_unsealed(open_folder)
        orders.append(
            (seal(open_folder, contract=Contract(clauses=()), card=card, into=sound / f"good{number}").folder, None)
        )
    for number in range(4):
        words = {f"word{n}": f"l{n % (number + 2)}" for n in range(50)}
        labels = [f"l{n}" for n in range(number + 2)]
        made_folder = tiny_bundle(sound / f"words{number}", words, labels=labels, abstain_below=number / 10).folder
        write_signature(made_folder, sound / "ours" / "private.pem")
        orders.append((made_folder, sound / "ours" / "public.pem" if number % 2 else None))
    assert len(orders) >= 20
    for (folder, _), seen in zip(orders, watch(orders), strict=True):
        assert seen.refusal == "", folder
        assert seen.seconds < SECONDS, seen
        assert seen.megabytes < MEGABYTES, seen
