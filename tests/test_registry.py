"""Where parts are found: marketfit's own first, then those of every installed package."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints, PackageNotFoundError

import pytest

from marketfit import registry
from marketfit.errors import InputError
from marketfit.tasks.text_classification.runtime import TextRuntime

NAME = "text-classification"


def test_a_built_in_part_is_found_without_looking_through_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_packages(*, group: str) -> EntryPoints:
        raise AssertionError(f"looked for {group} everywhere")

    monkeypatch.setattr(registry, "entry_points", all_packages)
    assert registry.runtime(NAME) is TextRuntime


def test_a_part_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in = EntryPoint("sound", "marketfit.tasks.text_classification.runtime:TextRuntime", "marketfit.runtimes")
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints([plug_in]).select(group=group))
    assert registry.runtime("sound") is TextRuntime
    with pytest.raises(InputError, match="there is no 'sond'; did you mean 'sound'"):
        registry.runtime("sond")


def test_marketfit_need_not_be_installed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(registry, "distribution", not_installed)
    assert registry.runtime(NAME) is TextRuntime
