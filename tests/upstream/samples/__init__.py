"""One object of each kind, with what is worth defaulting, validating and printing. One file a group."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import yaml

from kprov.kube.machinery.json_object import JsonObject


def find(kind: str) -> JsonObject:
    """A copy of the sample."""
    return copy.deepcopy(_by_kind()[kind])


def kinds() -> list[str]:
    return list(_by_kind())


@functools.cache
def _by_kind() -> dict[str, JsonObject]:
    files = sorted(Path(__file__).parent.glob("*.yml"))
    documents = [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return {document["kind"]: document for document in documents}
