"""The directory that ships: write, seal, verify, load. Needs numpy and the task's runtime, nothing heavy."""

from marketfit.bundle.bom import Ingredients
from marketfit.bundle.bundle import Bundle, Prediction, load, load_unsealed
from marketfit.bundle.card import CardBackbone, CardData, ModelCard, render_card
from marketfit.bundle.layout import size_mb
from marketfit.bundle.manifest import FileEntry, Manifest
from marketfit.bundle.seal import Sealed, seal, sealed_contract
from marketfit.bundle.sign import KeyFiles, Signature, new_keys, public_key_of, read_public_key, read_signature
from marketfit.bundle.spec import read_spec, write_spec
from marketfit.bundle.verify import check_unsealed, read_manifest, verify

__all__ = [
    "Bundle",
    "CardBackbone",
    "CardData",
    "FileEntry",
    "Ingredients",
    "KeyFiles",
    "Manifest",
    "ModelCard",
    "Prediction",
    "Sealed",
    "Signature",
    "check_unsealed",
    "load",
    "load_unsealed",
    "new_keys",
    "public_key_of",
    "read_manifest",
    "read_public_key",
    "read_signature",
    "read_spec",
    "render_card",
    "seal",
    "sealed_contract",
    "size_mb",
    "verify",
    "write_spec",
]
