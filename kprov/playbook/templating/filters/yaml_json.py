"""Filters between values and YAML or JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import yaml

from kprov.inventory import yaml_bounds
from kprov.playbook.templating.values import FilterError, is_omitted, to_plain

#: libyaml's dumper, which breaks long lines like Ansible's.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _to_plain_shared(value: Any, converted: dict[int, Any]) -> Any:
    """Like to_plain, but a container that occurs twice stays one object, which YAML shows with an anchor."""
    if not isinstance(value, (dict, list)):
        return to_plain(value)
    if id(value) not in converted:
        plain: Any
        if isinstance(value, dict):
            plain = {
                to_plain(key): _to_plain_shared(item, converted)
                for key, item in value.items()
                if not is_omitted(item)
            }
        else:
            plain = [_to_plain_shared(item, converted) for item in value if not is_omitted(item)]
        # Keep the value, so that its id is not reused.
        converted[id(value)] = (plain, value)
    return converted[id(value)][0]


def _json_default(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def to_json(value: Any, **options: Any) -> str:
    """Return a value as JSON, with the options of json.dumps. Ansible's `profile` is not supported."""
    for name in ("vault_to_text", "preprocess_unsafe"):
        options.pop(name, None)
    if options.pop("profile", None) not in (None, "tagless"):
        raise FilterError("to_json: profile is not supported; remove it")
    return json.dumps(to_plain(value), default=_json_default, **options)


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    options.pop("separators", None)
    return to_json(value, indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def from_json(value: Any, profile: Any = None, **options: Any) -> Any:
    if profile not in (None, "tagless"):
        raise FilterError("from_json: profile is not supported; remove it")
    try:
        return json.loads(value, **options)
    except RecursionError:
        raise FilterError(f"not JSON: {yaml_bounds.TOO_DEEP}") from None


def to_yaml(value: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    for name in ("vault_to_text", "dump_vault_tags"):
        options.pop(name, None)
    return str(
        yaml.dump(
            _to_plain_shared(value, {}),
            Dumper=_Dumper,
            allow_unicode=True,
            default_flow_style=default_flow_style,
            **options,
        )
    )


def to_nice_yaml(value: Any, indent: int = 4, default_flow_style: bool = False, **options: Any) -> str:
    return to_yaml(value, default_flow_style, indent=indent, **options)


def _load_one(text: str) -> Any:
    documents = yaml_bounds.load_plain(text)
    if len(documents) > 1:
        raise FilterError("not YAML: expected a single document in the stream, but found another document")
    return documents[0] if documents else None


def from_yaml(value: Any) -> Any:
    try:
        return value if not isinstance(value, str) else _load_one(value)
    except (yaml.YAMLError, yaml_bounds.BoundsError) as error:
        raise FilterError(f"not YAML: {error}") from None


def from_yaml_all(value: Any) -> Any:
    if value is None:
        return []
    try:
        return value if not isinstance(value, str) else yaml_bounds.load_plain(value)
    except (yaml.YAMLError, yaml_bounds.BoundsError) as error:
        raise FilterError(f"not YAML: {error}") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "from_json": from_json,
    "to_yaml": to_yaml,
    "to_nice_yaml": to_nice_yaml,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
}
