"""Defaults of a module's table are what their conversion makes of them, every time anew."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import kprov.agent.modules
from kprov.agent import arguments
from kprov.agent.context import ModuleError

TABLES = sorted(path.stem for path in Path(kprov.agent.modules.__path__[0]).glob("[!_]*.py"))


@pytest.mark.parametrize("name", TABLES)
def test_defaults_of_modules_are_of_their_type(name: str) -> None:
    spec = arguments.spec_of(importlib.import_module(f"kprov.agent.modules.{name}")) or {}
    plain = {key: {**entry, "required": False} for key, entry in spec.items()}
    found = arguments.check_arguments(name, {}, plain, {})
    for key, entry in plain.items():
        default = entry.get("default")
        wanted = None if default is None else arguments.convert_value(key, default, entry)
        assert (found[key], type(found[key])) == (wanted, type(wanted)), key


def test_a_default_of_another_type_is_converted() -> None:
    spec: dict[str, dict[str, Any]] = {"port": {"type": "int", "default": "80"}}
    assert arguments.check_arguments("m", {}, spec, {}) == {"port": 80}
    assert arguments.check_arguments("m", {"port": "81"}, spec, {}) == {"port": 81}


def test_a_list_of_a_default_is_nobody_elses() -> None:
    spec: dict[str, dict[str, Any]] = {"names": {"type": "list", "default": ["a"]}}
    arguments.check_arguments("m", {}, spec, {})["names"].append("b")
    assert arguments.check_arguments("m", {}, spec, {}) == {"names": ["a"]}


def test_a_path_is_expanded_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    spec: dict[str, dict[str, Any]] = {"home": {"type": "path", "default": "$PLACE/x"}}
    for place in ("/one", "/two"):
        monkeypatch.setenv("PLACE", place)
        assert arguments.check_arguments("m", {}, spec, {}) == {"home": f"{place}/x"}


def test_a_default_that_is_no_choice_is_refused() -> None:
    spec: dict[str, dict[str, Any]] = {"state": {"choices": ["a"], "default": "b"}}
    with pytest.raises(ModuleError, match="value of state must be one of: a, got: b"):
        arguments.check_arguments("m", {}, spec, {})
