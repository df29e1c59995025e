"""Load configuration files of the API server: YAML of a known kind with known fields only.

A shape describes a document: a type for a value, `[shape]` for a list, a dict of shapes for an object, `dict`
for an object with any fields, `StringMap` for strings by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

__all__ = [
    "ConfigError",
    "ConfigFile",
    "StringMap",
    "find_problems",
    "load",
    "parse",
    "parse_duration",
    "raise_errors",
]

_NAMES: Final = {str: "a string", int: "an integer", bool: "a boolean", dict: "an object", float: "a number"}


class StringMap:
    """The shape of an object whose values are strings."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file of a flag. `versions`: the supported apiVersions, newest first."""

    flag: str
    kind: str
    versions: tuple[str, ...]
    shape: Mapping[str, Any]


def load(file: ConfigFile, path: str) -> JsonObject:
    """Load and check a file. Raise ConfigError with the flag, the file and the field."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"--{file.flag}: {path}: {error.strerror}") from error
    return parse(file, path, data)


def parse(file: ConfigFile, path: str, data: bytes) -> JsonObject:
    """As load, for bytes that were read already."""
    import yaml

    where = f"--{file.flag}: {path}"
    if not data.strip():
        raise ConfigError(f"{where}: the file is empty")
    try:
        document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: expected an object with apiVersion and kind")
    if document.get("kind") != file.kind:
        raise ConfigError(f"{where}: kind: expected {file.kind}, found {document.get('kind')!r}")
    if document.get("apiVersion") not in file.versions:
        known = " or ".join(file.versions)
        raise ConfigError(f"{where}: apiVersion: expected {known}, found {document.get('apiVersion')!r}")
    problems = list(find_problems(document, file.shape))
    if problems:
        raise ConfigError(f"{where}: {'; '.join(problems)}")
    return document


def find_problems(document: Any, shape: Mapping[str, Any], at: str = "") -> Iterable[str]:
    """Yield the differences from a shape. at: the path of the object in the file, "" for the whole."""
    return _check(document, {"apiVersion": str, "kind": str, **shape}, at)


def raise_errors(file: ConfigFile, path: str, errors: Iterable[FieldError]) -> None:
    """Raise ConfigError with all errors, if there are any."""
    told = [f"{error.field}: {error.detail}" for error in errors]
    if told:
        raise ConfigError(f"--{file.flag}: {path}: {'; '.join(told)}")


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as 1m30s, None for an invalid one."""
    from kprov.kube.component_base import durations

    try:
        return durations.parse(text)
    except ValueError:
        return None


def _check(value: Any, shape: Any, at: str) -> Iterable[str]:
    if value is None:
        return
    if isinstance(shape, Mapping):
        yield from _check_object(value, shape, at)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{at}: expected a list, found {_name_type(value)}"
            return
        for index, item in enumerate(value):
            yield from _check(item, shape[0], f"{at}[{index}]")
    elif shape is StringMap:
        if not isinstance(value, dict):
            yield f"{at}: expected an object, found {_name_type(value)}"
            return
        for name, item in value.items():
            yield from _check(item, str, f"{at}[{name}]")
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        yield f"{at}: expected {_NAMES[shape]}, found {_name_type(value)}"


def _check_object(value: Any, shape: Mapping[str, Any], at: str) -> Iterable[str]:
    if not isinstance(value, dict):
        yield f"{at or 'the document'}: expected an object, found {_name_type(value)}"
        return
    for name, item in value.items():
        place = f"{at}.{name}" if at else str(name)
        if name not in shape:
            yield f'unknown field "{place}"'
        else:
            yield from _check(item, shape[name], place)


def _name_type(value: Any) -> str:
    return _NAMES.get(type(value), "a list" if isinstance(value, list) else re.sub("'", "", str(type(value))))
