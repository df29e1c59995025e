"""Checks and converts arguments of modules and roles by a table in Ansible's argument_spec format.

Source of names, conversions and messages: ansible-core's documented argument_spec and the texts it prints.
"""

from __future__ import annotations

import functools
import json
import os
from typing import Any

from kprov.agent.context import ModuleError, parse_boolean

#: Arguments of every module that writes files (`"file_arguments": True` in its RULES).
FILE_ARGUMENTS: dict[str, dict[str, Any]] = {
    "owner": {},
    "group": {},
    "mode": {"type": "raw"},
    "attributes": {"aliases": ["attr"]},
    "seuser": {},
    "serole": {},
    "setype": {},
    "selevel": {},
    "unsafe_writes": {"type": "bool", "default": False},
}


@functools.lru_cache(maxsize=None)
def spec_of(module: Any) -> dict[str, dict[str, Any]] | None:
    """Return the whole table of a module (or an action with ARGUMENTS and RULES); None without one."""
    table: dict[str, dict[str, Any]] | None = getattr(module, "ARGUMENTS", None)
    if table is None:
        return None
    if getattr(module, "RULES", {}).get("file_arguments"):
        return {**FILE_ARGUMENTS, **table}
    return table


def argument_names(spec: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return every name and alias of a table with the argument that it means."""
    names = {name: name for name in spec}
    for name, entry in spec.items():
        names.update(dict.fromkeys(entry.get("aliases") or [], name))
    return names


class _Table:
    """Facts about an argument_spec that every check needs, computed once."""

    def __init__(self, spec: dict[str, dict[str, Any]]) -> None:
        self.spec = spec
        self.names = argument_names(spec)
        self.empty: dict[str, Any] = dict.fromkeys(spec)
        self.refused = [(name, entry["refused"]) for name, entry in spec.items() if entry.get("refused")]
        self.required = sorted(name for name, entry in spec.items() if entry.get("required"))
        self.defaults = [
            (name, entry["default"]) for name, entry in spec.items() if entry.get("default") is not None
        ]
        #: Defaults that need no conversion.
        self.settled = {
            name for name, default in self.defaults if _is_settled_default(name, default, spec[name])
        }


def _is_settled_default(name: str, default: Any, entry: dict[str, Any]) -> bool:
    """Whether a default never changes in a conversion: no list, no path, a valid choice."""
    if not isinstance(default, (str, int, float)) or entry.get("type") == "path" or "options" in entry:
        return False
    try:
        converted = convert_value(name, default, entry)
        _check_choice(name, converted, entry)
    except ModuleError:
        return False
    return type(converted) is type(default) and bool(converted == default)


#: By the id of the specification, which each table keeps alive.
_tables: dict[int, _Table] = {}


def _table_of(spec: dict[str, dict[str, Any]]) -> _Table:
    table = _tables.get(id(spec))
    if table is None:
        table = _tables[id(spec)] = _Table(spec)
    return table


def check_arguments(
    what: str, args: dict[str, Any], spec: dict[str, dict[str, Any]], rules: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments with canonical names, defaults and types. Raises ModuleError with Ansible's text.

    Names that begin with "_" are internal to the engine and are not checked.
    """
    table = _table_of(spec)
    names = table.names
    unknown = sorted(name for name in args if name not in names and not name.startswith("_"))
    if unknown:
        raise UnsupportedError(what, unknown, _list_supported(spec))
    values = _collect_arguments(what, args, table)
    names_with_value = {name for name, value in values.items() if value is not None}
    for name, default in table.defaults:
        if values[name] is None:
            values[name] = default
    for name, entry in spec.items():
        if values[name] is not None and (name in names_with_value or name not in table.settled):
            _convert_argument(what, name, values, entry)
    check_rules(rules, values, names_with_value)
    return values


def _collect_arguments(what: str, args: dict[str, Any], table: _Table) -> dict[str, Any]:
    """Return all arguments under their canonical names. Raises ModuleError for refused and missing ones."""
    names = table.names
    values = dict(table.empty)
    for name, value in args.items():
        if names.get(name, name) == name or values.get(names[name]) is None:
            values[names.get(name, name)] = value
    for name, instead in table.refused:
        if values[name] is not None:
            raise ModuleError(f"{what}: {name} is not supported; {instead}")
    missing = [name for name in table.required if values[name] is None]
    if missing:
        raise ModuleError(f"missing required arguments: {', '.join(missing)}")
    return values


def _convert_argument(what: str, name: str, values: dict[str, Any], entry: dict[str, Any]) -> None:
    values[name] = convert_value(name, values[name], entry)
    _check_choice(name, values[name], entry)
    try:
        _check_suboptions(name, values, entry)
    except UnsupportedError as error:
        names = [f"{name}.{argument}" for argument in error.unknown]
        raise UnsupportedError(what, names, error.supported) from None


class UnsupportedError(ModuleError):
    """Arguments that a module does not support; the text, with the supported names, is Ansible's."""

    def __init__(self, what: str, unknown: list[str], supported: str) -> None:
        self.unknown = unknown
        self.supported = supported
        #: The message without the module.
        self.names = f"{', '.join(unknown)}. Supported parameters include: {supported}."
        super().__init__(f"Unsupported parameters for ({what}) module: {self.names}")


def _list_supported(spec: dict[str, dict[str, Any]]) -> str:
    return ", ".join(
        name + (f" ({', '.join(entry['aliases'])})" if entry.get("aliases") else "")
        for name, entry in sorted(spec.items())
    )


def convert_value(name: str, value: Any, entry: dict[str, Any]) -> Any:
    """Convert a value to the type of its entry. Raises ModuleError."""
    kind = entry.get("type", "str")
    try:
        converted = _CONVERT[kind](value)
        if kind == "list" and entry.get("elements"):
            return [_CONVERT[entry["elements"]](element) for element in converted]
        return converted
    except (TypeError, ValueError, ModuleError) as error:
        raise ModuleError(
            f"argument '{name}' is of type {type(value).__name__} "
            f"and we were unable to convert to {kind}: {error}"
        ) from None


def _check_choice(name: str, value: Any, entry: dict[str, Any]) -> None:
    choices = entry.get("choices")
    if choices is None:
        return
    for item in value if isinstance(value, list) else [value]:
        if item not in choices:
            choice_text = ", ".join(str(choice) for choice in choices)
            quantity = "one or more of" if isinstance(value, list) else "one of"
            raise ModuleError(f"value of {name} must be {quantity}: {choice_text}, got: {item}")


def _check_suboptions(name: str, values: dict[str, Any], entry: dict[str, Any]) -> None:
    options = entry.get("options")
    if options is None:
        return
    rules = {key: entry[key] for key in _TOGETHER if key in entry}
    value = values[name]
    try:
        if isinstance(value, dict):
            values[name] = check_arguments(name, value, options, rules)
        elif isinstance(value, list):
            values[name] = [check_arguments(name, item, options, rules) for item in value]
    except UnsupportedError:
        raise
    except ModuleError as error:
        raise ModuleError(f"{error} found in {name}") from None


_TOGETHER = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def check_rules(rules: dict[str, Any], values: dict[str, Any], names_with_value: set[str]) -> None:
    """Check the rules between arguments; a default does not count as given."""
    for group in rules.get("mutually_exclusive") or []:
        conflicting = [name for name in group if name in names_with_value]
        if len(conflicting) > 1:
            raise ModuleError(f"parameters are mutually exclusive: {'|'.join(group)}")
    for group in rules.get("required_together") or []:
        present = [name for name in group if name in names_with_value]
        if present and len(present) < len(group):
            raise ModuleError(f"parameters are required together: {', '.join(group)}")
    for group in rules.get("required_one_of") or []:
        if not any(name in names_with_value for name in group):
            raise ModuleError(f"one of the following is required: {', '.join(group)}")
    _check_required_if(rules, values)
    for name, needs in (rules.get("required_by") or {}).items():
        absent = [n for n in ([needs] if isinstance(needs, str) else needs) if values.get(n) is None]
        if values.get(name) is not None and absent:
            raise ModuleError(f"missing parameter(s) required by '{name}': {', '.join(absent)}")


def _check_required_if(rules: dict[str, Any], values: dict[str, Any]) -> None:
    for name, value, needs, *any_flag in rules.get("required_if") or []:
        absent = [need for need in needs if values.get(need) is None]
        is_complete = len(absent) < len(needs) if any_flag and any_flag[0] else not absent
        if values.get(name) == value and not is_complete:
            quantity = "any" if any_flag and any_flag[0] else "all"
            raise ModuleError(
                f"{name} is {value} but {quantity} of the following are missing: {', '.join(absent)}"
            )


def _to_raw(value: Any) -> Any:
    return value


def _to_str(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _to_int(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value != int(value):
        raise TypeError(f'"{value!r}" cannot be converted to an int')
    try:
        return int(value)
    except (TypeError, ValueError):
        raise TypeError(f'"{value!r}" cannot be converted to an int') from None


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f'"{value!r}" cannot be converted to a float') from None


def _to_list(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value else []
    elif isinstance(value, (int, float)):
        value = [str(value)]
    elif not isinstance(value, (list, tuple)):
        raise TypeError(f"{type(value)} cannot be converted to a list")
    return list(value)


def _to_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            data = json.loads(value)
            if isinstance(data, dict):
                return data
        elif "=" in value:
            pairs = [part.split("=", 1) for part in value.replace(",", " ").split()]
            if all(len(pair) == 2 for pair in pairs):
                return dict(pairs)
        raise TypeError("dictionary requested, could not parse JSON or key=value")
    raise TypeError(f"{type(value)} cannot be converted to a dict")


def _to_path(value: Any) -> str:
    return os.path.expanduser(os.path.expandvars(_to_str(value)))


def _to_json(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _to_size(value: Any, bits: bool) -> int:
    text = str(value).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ").strip()
    unit = text[len(number) :].strip()
    letters = unit[:1].upper()
    if letters and letters not in "YZEPTGMKB":
        raise ValueError(f"can't interpret following string: {value}")
    if unit[1:] and unit[1:] not in (("b", "bit", "bits") if bits else ("B", "byte", "bytes")):
        raise ValueError(f"can't interpret following string: {value}")
    powers = {"": 0, "B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6, "Z": 7, "Y": 8}
    size: int = round(float(number) * 1024 ** powers[letters])
    return size


_CONVERT: dict[str, Any] = {
    "str": _to_str,
    "bool": parse_boolean,
    "int": _to_int,
    "float": _to_float,
    "list": _to_list,
    "dict": _to_dict,
    "path": _to_path,
    "raw": _to_raw,
    "jsonarg": _to_json,
    "json": _to_json,
    "bytes": functools.partial(_to_size, bits=False),
    "bits": functools.partial(_to_size, bits=True),
}
