# Paths stay texts, as they come from templates.
# ruff: noqa: PTH118, PTH113, PTH207
"""Filters for paths of the operator's machine, as texts."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.values import FilterError, describe_type, is_sequence


def path_join(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not is_sequence(value):
        raise FilterError(f"|path_join expects string or sequence, got {describe_type(value)} instead.")
    return str(os.path.join(*value))


def commonpath(value: Any) -> str:
    if not is_sequence(value):
        raise FilterError(f"|commonpath expects sequence, got {describe_type(value)} instead.")
    return str(os.path.commonpath(value))


FILTERS: dict[str, Callable[..., Any]] = {
    "basename": os.path.basename,
    "dirname": os.path.dirname,
    "expanduser": os.path.expanduser,
    "expandvars": os.path.expandvars,
    "realpath": os.path.realpath,
    "relpath": os.path.relpath,
    "normpath": os.path.normpath,
    "splitext": os.path.splitext,
    "path_join": path_join,
    "commonpath": commonpath,
    "fileglob": lambda pattern: [path for path in glob.glob(pattern) if os.path.isfile(path)],
}
