"""`bom.json`: the bill of materials of a sealed bundle, in CycloneDX 1.6 (OWASP Foundation, 2024; ECMA-424).

It names every file of the bundle with its SHA-256, the packages that the runtime is installed with and the engine of
the bundle where that is another one, the backbone with the SHA-256 of its weights, and the data that the bundle was
made and proved with. There is no serial number and no time in it, so that equal inputs give equal bytes. It is made
from few ingredients: whoever reads one takes them out, makes it again, and holds the two against each other, field by
field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from marketfit.bundle.card import CardBackbone, ModelCard, plain
from marketfit.bundle.engines import ENGINES, package_of
from marketfit.bundle.layout import BOM, CARD, MANIFEST, MAX_BOM_BYTES, MAX_PROBLEMS, encode, read_bytes, read_json
from marketfit.bundle.manifest import FileEntry
from marketfit.errors import InputError, Problem
from marketfit.records.bundle import BundleSpec, Engine
from marketfit.records.plain import JsonValue

# PEP 440, Coghlan and Stufft 2013, in its normal form.
_VERSION = re.compile(
    r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([._-][a-z0-9]+)*)?", re.ASCII
)
_PACKAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

Tree: TypeAlias = dict[str, JsonValue]
"""A JSON object. A bill is held against one that is made anew, so that no schema has to be built at each start."""


@dataclass(frozen=True)
class Ingredients:
    """What a bill of materials says beyond the bundle's spec and files.

    `packages` are name → version, `data` are name → SHA-256.
    """

    packages: Mapping[str, str]
    backbone: CardBackbone | None
    data: Mapping[str, str]
    intended_use: str


def ingredients(card: ModelCard, packages: Mapping[str, str]) -> Ingredients:
    """The ingredients of a bundle about to be sealed."""
    known = {"prepared rows": card.data.rows_digest, "test rows": card.data.test_digest}
    return Ingredients(
        packages=packages,
        backbone=card.backbone,
        data={name: digest for name, digest in known.items() if digest},
        intended_use=card.intended_use,
    )


def installed_packages(engine: Engine) -> Mapping[str, str]:
    """Name → version of marketfit, the packages that its core asks for and the engine, as they are installed here.

    Where another package brings onnxruntime (for GPUs) it stands for it.

    Raises:
        InputError: the engine is not installed.

    >>> {"marketfit", "numpy", "onnxruntime", "tokenizers"} <= set(installed_packages("onnxruntime"))
    True
    """
    from importlib import metadata  # email and zipfile come with it, and who only loads a bundle never calls this

    brought = package_of(engine)
    if brought is None:
        problem = Problem("this Python environment", f"{engine} is not installed", "", ENGINES[engine].get)
        raise InputError([problem])
    needs = [need for need in metadata.requires("marketfit") or () if "extra ==" not in need]
    asked = {_normal(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) for need in needs}
    names = {"marketfit", brought, package_of("onnxruntime") or "onnxruntime", *asked - {"onnxruntime"}}
    return {_normal(name): metadata.version(name) for name in sorted(names)}


def make_bom(spec: BundleSpec, files: Mapping[str, FileEntry], made_of: Ingredients) -> Tree:
    """The bill of materials of a bundle. The same arguments give the same bill."""
    data: list[Tree] = [
        {**_component("data", f"data:{name}", name), **_hashes(digest), "data": [{"type": "dataset", "name": name}]}
        for name, digest in sorted(made_of.data.items())
    ]
    components: list[Tree] = [
        *(
            {**_component("file", f"file:{name}", name), **_hashes(entry.sha256)}
            for name, entry in sorted(files.items())
        ),
        *(
            {**_component("library", _purl(name, version), name), "version": version, "purl": _purl(name, version)}
            for name, version in sorted(made_of.packages.items())
        ),
        *_backbone(made_of),
        *data,
    ]
    itself = _component("machine-learning-model", "bundle", spec.product)
    itself["pedigree"] = {"notes": "\n".join(spec.lineage)}  # one line for each step
    itself["modelCard"] = {
        "modelParameters": {"task": spec.task, "datasets": [{"ref": item["bom-ref"]} for item in data]},
        "considerations": {"useCases": [made_of.intended_use]},
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": itself},
        "components": [*components],
        "dependencies": [{"ref": "bundle", "dependsOn": [item["bom-ref"] for item in components]}],
    }


def read_ingredients(folder: Path) -> Ingredients:
    """What the bill of materials of a sealed bundle was made from, as far as it can be taken out.

    Raises:
        BundleError: it is missing or no JSON.
    """
    return _taken_out(read_json(folder / BOM, limit=MAX_BOM_BYTES))


def bom_problems(folder: Path, spec: BundleSpec, files: Mapping[str, FileEntry]) -> tuple[Problem, ...]:
    """Every field of `bom.json` that does not follow from the bundle, or is not well formed.

    `files` are those of the manifest. What the spec and the files tell must be said exactly; packages need well-formed
    names and versions; digests of the backbone and of data must be those of the model card, and of the lineage.

    Raises:
        BundleError: it is missing or no JSON.
    """
    where = str(folder / BOM)
    found = read_json(folder / BOM, limit=MAX_BOM_BYTES)
    made_of = _taken_out(found)
    made = make_bom(spec, {name: entry for name, entry in files.items() if name not in (BOM, MANIFEST)}, made_of)
    wrong = _differences(found, made)
    if not wrong and encode(made) != read_bytes(folder / BOM, limit=MAX_BOM_BYTES):
        wrong.append(("not in the form that marketfit writes", ""))
    wrong += _ill_formed(made_of, spec.session.engine)
    wrong += _not_in_the_card(made_of, spec, read_bytes(folder / CARD).decode(errors="replace"))
    return tuple(
        Problem(where, what, allowed, "fetch or seal the bundle again") for what, allowed in wrong[:MAX_PROBLEMS]
    )


def _taken_out(bill: object) -> Ingredients:
    """What is not where it should be is left out, so that the bill made from it differs."""
    components = _components(bill)
    model = next((item for item in components if item.get("type") == "machine-learning-model"), None)
    return Ingredients(
        packages={_text(item, "name"): _text(item, "version") for item in components if item.get("type") == "library"},
        backbone=None if model is None else CardBackbone(name=_text(model, "name"), weights_sha256=_digest(model)),
        data={_text(item, "name"): _digest(item) for item in components if item.get("type") == "data"},
        intended_use=_text(bill, "metadata", "component", "modelCard", "considerations", "useCases", 0),
    )


def _components(bill: object) -> list[Tree]:
    found = bill.get("components") if isinstance(bill, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _text(tree: object, *path: str | int) -> str:
    """The text at a path through objects and lists; empty where there is none."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return ""
    return tree if isinstance(tree, str) else ""


def _digest(component: Tree) -> str:
    return _text(component, "hashes", 0, "content")


def _differences(found: object, made: Tree) -> list[tuple[str, str]]:
    """What is found and what should be, one line for each field and component that differs."""
    if not isinstance(found, dict):
        return [("this is no JSON object", "a bill in the part of CycloneDX 1.6 that bundles use")]
    lines = [(f"there is no field {name!r} in it", "as marketfit writes it") for name in made if name not in found]
    lines += [(f"there is a field {name!r} in it", "none but those of marketfit") for name in found if name not in made]
    lines += [
        (f"{name} is {str(found[name])[:60]!r}", f"it is {made[name]!r}")
        for name in ("bomFormat", "specVersion", "version")
        if name in found and found[name] != made[name]
    ]
    lines += _differing_components(_components(found), _components(made))
    if found.get("metadata") != made["metadata"]:
        lines.append(("the bundle is not described as it is", "its name, task, data and lineage are those of its spec"))
    if not lines and found != made:
        lines.append(("the components are not in the order in which marketfit writes them", "each once"))
    return lines


def _differing_components(found: list[Tree], made: list[Tree]) -> list[tuple[str, str]]:
    here = {_text(item, "bom-ref"): item for item in found}
    wanted = {_text(item, "bom-ref"): item for item in made}
    lines = [(f"{name!r} is missing", "every file is listed") for name in wanted if name not in here]
    lines += [(f"{name!r} is listed", "the bundle has no such part") for name in here if name not in wanted]
    return lines + [
        (f"{name!r} is not described as it is", "its name, version, purl and SHA-256 follow from the bundle")
        for name in wanted
        if name in here and here[name] != wanted[name]
    ]


def _ill_formed(made_of: Ingredients, engine: Engine) -> list[tuple[str, str]]:
    lines = [
        (f"the package {name!r} has the version {version!r}", "a normal name with a version after PEP 440")
        for name, version in made_of.packages.items()
        if not (_PACKAGE.fullmatch(name) and _VERSION.fullmatch(version))
    ]
    if "marketfit" not in made_of.packages:
        lines.append(("the package 'marketfit' is missing", "every bundle needs it"))
    bring = ENGINES[engine].packages
    if not {*bring} & {*made_of.packages}:
        lines.append((f"the package {bring[0]!r} is missing", "it is the engine that the bundle was measured with"))
    others = {name for facts in ENGINES.values() for name in facts.packages}
    others -= {*bring, *ENGINES["onnxruntime"].packages}
    lines += [
        (f"the package {other!r} is listed", f"the engine that the bundle was measured with is {engine}")
        for other in sorted(others & {*made_of.packages})
    ]
    return lines


def _not_in_the_card(made_of: Ingredients, spec: BundleSpec, card: str) -> list[tuple[str, str]]:
    lines = [
        (f"{name!r} has the SHA-256 {digest[:16]}…", "the model card says another")
        for name, digest in made_of.data.items()
        if not _DIGEST.fullmatch(digest) or digest not in card
    ]
    if made_of.backbone is not None:
        name, digest = made_of.backbone.name, made_of.backbone.weights_sha256
        told = [match[1] for step in spec.lineage if (match := re.search(r"\bweights ([0-9a-f]{16})", step))]
        well_formed = _DIGEST.fullmatch(digest) and plain(made_of.backbone.sentence) in card
        if not well_formed or any(digest[:16] != known for known in told):
            lines.append((f"the backbone {name!r} has the SHA-256 {digest[:16]}…", "card or lineage say another"))
    if f"\n{plain(made_of.intended_use)}\n" not in card:
        lines.append((f"the intended use is {made_of.intended_use[:100]!r}", "the model card says another"))
    return lines


def _component(kind: str, reference: str, name: str) -> Tree:
    """A file, a package, a model or data."""
    return {"type": kind, "bom-ref": reference, "name": name}


def _backbone(made_of: Ingredients) -> tuple[Tree, ...]:
    model = made_of.backbone
    if model is None:
        return ()
    return ({**_component("machine-learning-model", "backbone", model.name), **_hashes(model.weights_sha256)},)


def _hashes(digest: str) -> Tree:
    return {"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}


def _purl(name: str, version: str) -> str:
    """Package URL (ECMA-427) of a package of the Python index; '+' and '!' are percent-encoded."""
    return f"pkg:pypi/{name}@{version.replace('!', '%21').replace('+', '%2B')}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
