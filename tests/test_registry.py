"""Where parts are found: marketfit's own first, then those of every installed package."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import EntryPoint, EntryPoints
from typing import get_args

import pytest

from marketfit import registry
from marketfit.errors import InputError
from marketfit.tasks.text_classification.runtime import TextRuntime

NAME = "text-classification"


def nowhere(*, group: str) -> EntryPoints:
    raise AssertionError(f"looked for {group} everywhere")


def test_a_built_in_part_is_found_without_looking_through_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", nowhere)
    assert registry.runtime(NAME) is TextRuntime


@pytest.mark.parametrize("kind", get_args(registry.Kind))
def test_the_quick_way_finds_what_python_finds(kind: registry.Kind) -> None:
    installed = importlib.metadata.distribution("marketfit").entry_points.select(group=f"marketfit.{kind}")
    assert registry._own(kind) == {point.name: point.value for point in installed}
    assert set(registry._own(kind)) <= set(registry.names(kind))
    assert registry._own(kind)


def test_a_part_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    place = "marketfit.tasks.text_classification.runtime:TextRuntime [audio]"  # with an extra, as packages may write it
    plug_in = EntryPoint("sound", place, "marketfit.runtimes")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: EntryPoints([plug_in]).select(group=group))
    assert registry.runtime("sound") is TextRuntime
    with pytest.raises(InputError, match="there is no 'sond'; did you mean 'sound'"):
        registry.runtime("sond")


def test_marketfit_need_not_be_installed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert registry._own("runtimes") == {}
    point = EntryPoint(NAME, "marketfit.tasks.text_classification.runtime:TextRuntime", "marketfit.runtimes")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: EntryPoints([point]).select(group=group))
    assert registry.runtime(NAME) is TextRuntime
