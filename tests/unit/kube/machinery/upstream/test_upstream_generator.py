"""`make upstream`: what it shows, and that the file in the repository is what it writes."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[5]
SOURCE = os.environ.get("KPROV_UPSTREAM_SOURCE", "")
GO = shutil.which(os.environ.get("GO", "go"))


@pytest.fixture(scope="module")
def regenerate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("regenerate", ROOT / "tools/upstream/regenerate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_changes_name_types_fields_and_values(regenerate: ModuleType) -> None:
    name = {"name": "a", "go": "A", "type": "string"}
    old = {
        "gone": {},
        "t": {"fields": [name, {"name": "b", "go": "B", "type": "bool"}]},
        "e": {"enum": ["x"]},
    }
    new = {"more": {}, "t": {"fields": [name | {"number": 1}, {"go": "C"}]}, "e": {"enum": ["x", "y"]}}
    assert list(regenerate.describe_changes(old, new)) == [
        "+ type more",
        "- type gone",
        "+ value e y",
        "+ field t.C",
        "- field t.B",
        '  field t.A: {"name":"a","go":"A","type":"string"} > {"name":"a","go":"A","type":"string","number":1}',
    ]


@pytest.mark.skipif(
    not SOURCE, reason="KPROV_UPSTREAM_SOURCE names no Kubernetes source tree of this release"
)
@pytest.mark.skipif(GO is None, reason="there is no Go: set GO to the program")
def test_the_generator_writes_the_file_of_the_repository(regenerate: ModuleType) -> None:
    (file,) = regenerate.FACTS.glob("*.json")
    assert regenerate.generate(Path(SOURCE), GO) == file.read_text()
