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
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, FailFast, Field
from pydantic.alias_generators import to_camel

from marketfit.bundle.card import CardBackbone, ModelCard, plain
from marketfit.bundle.engines import ENGINES, package_of
from marketfit.bundle.layout import BOM, CARD, MANIFEST, MAX_BOM_BYTES, MAX_PROBLEMS, encode, read_bytes, read_record
from marketfit.bundle.manifest import FileEntry
from marketfit.errors import InputError, Problem
from marketfit.records.base import Record
from marketfit.records.bundle import BundleSpec, Engine

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# PEP 440, Coghlan and Stufft 2013, in its normal form.
_VERSION = re.compile(
    r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([._-][a-z0-9]+)*)?", re.ASCII
)
_PACKAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


class _Part(Record):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class _Hash(_Part):
    alg: Literal["SHA-256"] = "SHA-256"
    content: _Sha256


class _Reference(_Part):
    ref: str


class _Parameters(_Part):
    task: str
    datasets: tuple[_Reference, ...]


class _Considerations(_Part):
    use_cases: Annotated[tuple[str, ...], Field(min_length=1, max_length=1)]


class _Card(_Part):
    model_parameters: _Parameters
    considerations: _Considerations


class _Pedigree(_Part):
    notes: str


class _DataSet(_Part):
    type: Literal["dataset"] = "dataset"
    name: str


class _Component(_Part):
    """A file, a package, a model or data."""

    type: Literal["file", "library", "machine-learning-model", "data"]
    reference: Annotated[str, Field(alias="bom-ref")]
    name: str
    version: str | None = None
    purl: str | None = None
    hashes: Annotated[tuple[_Hash, ...], Field(min_length=1, max_length=1)] | None = None
    data: Annotated[tuple[_DataSet, ...], Field(min_length=1, max_length=1)] | None = None


class _Bundle(_Part):
    """The bundle itself: its pedigree is its lineage, one line for each step."""

    type: Literal["machine-learning-model"] = "machine-learning-model"
    reference: Annotated[Literal["bundle"], Field(alias="bom-ref")] = "bundle"
    name: str
    pedigree: _Pedigree
    model_card: _Card


class _Metadata(_Part):
    component: _Bundle


class _Dependency(_Part):
    ref: str
    depends_on: tuple[str, ...]


class Bom(_Part):
    """A bill of materials in the part of CycloneDX 1.6 that bundles use; nothing else may be in it."""

    bom_format: Literal["CycloneDX"] = "CycloneDX"
    spec_version: Literal["1.6"] = "1.6"
    version: Literal[1] = 1
    metadata: _Metadata
    components: Annotated[tuple[_Component, ...], FailFast()]
    dependencies: Annotated[tuple[_Dependency, ...], FailFast()]

    def encoded(self) -> bytes:
        """The bytes of `bom.json`."""
        return encode(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class Ingredients(Record):
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
    brought = package_of(engine)
    if brought is None:
        problem = Problem("this Python environment", f"{engine} is not installed", "", ENGINES[engine].get)
        raise InputError([problem])
    needs = [need for need in metadata.requires("marketfit") or () if "extra ==" not in need]
    asked = {_normal(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) for need in needs}
    names = {"marketfit", brought, package_of("onnxruntime") or "onnxruntime", *asked - {"onnxruntime"}}
    return {_normal(name): metadata.version(name) for name in sorted(names)}


def make_bom(spec: BundleSpec, files: Mapping[str, FileEntry], made_of: Ingredients) -> Bom:
    """The bill of materials of a bundle. The same arguments give the same bytes."""
    data = [
        _Component(
            type="data", reference=f"data:{name}", name=name, hashes=_hashes(digest), data=(_DataSet(name=name),)
        )
        for name, digest in sorted(made_of.data.items())
    ]
    components = [
        *(
            _Component(type="file", reference=f"file:{name}", name=name, hashes=_hashes(entry.sha256))
            for name, entry in sorted(files.items())
        ),
        *(
            _Component(
                type="library", reference=_purl(name, version), name=name, version=version, purl=_purl(name, version)
            )
            for name, version in sorted(made_of.packages.items())
        ),
        *_backbone(made_of),
        *data,
    ]
    use = _Considerations(use_cases=(made_of.intended_use,))
    parameters = _Parameters(task=spec.task, datasets=tuple(_Reference(ref=item.reference) for item in data))
    return Bom(
        metadata=_Metadata(
            component=_Bundle(
                name=spec.product,
                pedigree=_Pedigree(notes="\n".join(spec.lineage)),
                model_card=_Card(model_parameters=parameters, considerations=use),
            )
        ),
        components=tuple(components),
        dependencies=(_Dependency(ref="bundle", depends_on=tuple(item.reference for item in components)),),
    )


def read_ingredients(folder: Path) -> Ingredients:
    """What the bill of materials of a sealed bundle was made from, as far as it can be taken out.

    Raises:
        BundleError: missing, or not the part of CycloneDX that bundles use.
    """
    return _taken_out(read_record(folder / BOM, Bom, limit=MAX_BOM_BYTES))


def bom_problems(folder: Path, spec: BundleSpec, files: Mapping[str, FileEntry]) -> tuple[Problem, ...]:
    """Every field of `bom.json` that does not follow from the bundle, or is not well formed.

    `files` are those of the manifest. What the spec and the files tell must be said exactly; packages need well-formed
    names and versions; digests of the backbone and of data must be those of the model card, and of the lineage.

    Raises:
        BundleError: it is missing, or not the part of CycloneDX that bundles use.
    """
    where = str(folder / BOM)
    found = read_record(folder / BOM, Bom, limit=MAX_BOM_BYTES)
    made_of = _taken_out(found)
    listed = {name: entry for name, entry in files.items() if name not in (BOM, MANIFEST)}
    wrong = list(_differences(found, make_bom(spec, listed, made_of)))
    if not wrong and found.encoded() != read_bytes(folder / BOM, limit=MAX_BOM_BYTES):
        wrong.append(("not in the form that marketfit writes", ""))
    wrong += _ill_formed(made_of, spec.session.engine)
    wrong += _not_in_the_card(made_of, spec, read_bytes(folder / CARD).decode(errors="replace"))
    return tuple(
        Problem(where, what, allowed, "fetch or seal the bundle again") for what, allowed in wrong[:MAX_PROBLEMS]
    )


def _taken_out(bom: Bom) -> Ingredients:
    backbones = [item for item in bom.components if item.type == "machine-learning-model"]
    digests = {item.reference: item.hashes[0].content for item in bom.components if item.hashes}
    first = backbones[0] if backbones else None
    return Ingredients(
        packages={item.name: item.version or "" for item in bom.components if item.type == "library"},
        backbone=CardBackbone(name=first.name, weights_sha256=digests[first.reference])
        if first and first.reference in digests
        else None,
        data={item.name: digests.get(item.reference, "") for item in bom.components if item.type == "data"},
        intended_use=bom.metadata.component.model_card.considerations.use_cases[0],
    )


def _differences(found: Bom, made: Bom) -> list[tuple[str, str]]:
    """What is found and what should be, one line for each component that differs."""
    here = {item.reference: item for item in found.components}
    wanted = {item.reference: item for item in made.components}
    lines = [(f"{name!r} is missing", "every file is listed") for name in wanted if name not in here]
    lines += [(f"{name!r} is listed", "the bundle has no such part") for name in here if name not in wanted]
    lines += [
        (f"{name!r} is not described as it is", "its name, version, purl and SHA-256 follow from the bundle")
        for name in wanted
        if name in here and here[name] != wanted[name]
    ]
    if found.metadata != made.metadata:
        lines.append(("the bundle is not described as it is", "its name, task, data and lineage are those of its spec"))
    if not lines and found != made:
        lines.append(("the components are not in the order in which marketfit writes them", "each once"))
    return lines


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
        if not digest or digest not in card
    ]
    if made_of.backbone is not None:
        name, digest = made_of.backbone.name, made_of.backbone.weights_sha256
        told = [match[1] for step in spec.lineage if (match := re.search(r"\bweights ([0-9a-f]{16})", step))]
        if plain(made_of.backbone.sentence) not in card or any(digest[:16] != known for known in told):
            lines.append((f"the backbone {name!r} has the SHA-256 {digest[:16]}…", "card or lineage say another"))
    if f"\n{plain(made_of.intended_use)}\n" not in card:
        lines.append((f"the intended use is {made_of.intended_use[:100]!r}", "the model card says another"))
    return lines


def _backbone(made_of: Ingredients) -> tuple[_Component, ...]:
    model = made_of.backbone
    if model is None:
        return ()
    hashes = _hashes(model.weights_sha256)
    return (_Component(type="machine-learning-model", reference="backbone", name=model.name, hashes=hashes),)


def _hashes(digest: str) -> tuple[_Hash, ...] | None:
    return (_Hash(content=digest),) if digest else None


def _purl(name: str, version: str) -> str:
    """Package URL (ECMA-427) of a package of the Python index; '+' and '!' are percent-encoded."""
    return f"pkg:pypi/{name}@{version.replace('!', '%21').replace('+', '%2B')}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
