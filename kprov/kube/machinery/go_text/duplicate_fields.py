"""Duplicate fields of JSON and YAML objects, which parsers drop silently."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import orjson

#: Limit of reported errors, as in upstream's decoder.
_MAX_ERRORS: Final = 100


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with duplicate fields kept."""


def has_no_duplicates(body: bytes, obj: Any) -> bool:
    """Whether `obj`, decoded from `body`, has as many fields as `body`: then no field was duplicate.

    It compares the number of colons. Each field has one, and strings have the same ones in both unless the
    body escapes them. False may also mean that this test cannot decide.
    """
    if b"\\u003a" in body or b"\\u003A" in body:
        return False
    return orjson.dumps(obj).count(b":") == body.count(b":")


def list_strict_errors(body: bytes, unknown: Collection[str]) -> list[str]:
    """Messages for unknown and duplicate fields in the order of the body, each once, 100 at most.

    Source: sigs.k8s.io/json, strict decoding.
    """
    messages: dict[str, None] = {}
    text = body.decode("utf-8", "replace")
    # Numbers do not matter here, and some are too large to parse.
    written = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    _collect(written, "", frozenset(unknown), messages)
    return list(messages)


def describe_unknown_fields(unknown: Iterable[str]) -> list[str]:
    """Messages for unknown fields in their order, each once, 100 at most."""
    return [_describe_unknown(path) for path in islice(dict.fromkeys(unknown), _MAX_ERRORS)]


def list_unknown_fields(unknown: Collection[str]) -> list[str]:
    """Messages for unknown fields, sorted by name and list index."""
    return [_describe_unknown(path) for path in sorted(unknown, key=_steps)]


def _steps(path: str) -> list[tuple[int, int, str]]:
    steps = re.findall(r"\[(\d+)\]|([^.\[]+)", path)
    return [(0, int(index), "") if index else (1, 0, name) for index, name in steps]


def _describe_unknown(path: str) -> str:
    return f"unknown field {json.dumps(path, ensure_ascii=False)}"


def _collect(value: Any, path: str, unknown: frozenset[str], messages: dict[str, None]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, held in value:
            if len(messages) >= _MAX_ERRORS:
                return
            here = f"{path}.{name}" if path else name
            if here in unknown:
                messages[_describe_unknown(here)] = None
                continue
            if name in seen:
                messages[f"duplicate field {json.dumps(here, ensure_ascii=False)}"] = None
            seen.add(name)
            _collect(held, here, unknown, messages)
    elif isinstance(value, list):
        for index, held in enumerate(value):
            _collect(held, f"{path}[{index}]", unknown, messages)


def find_yaml_duplicates(body: bytes) -> list[str]:
    """Messages for duplicate keys of YAML mappings: 'line 8: key "a" already set in map'.

    Source of the text: upstream's sigs.k8s.io/yaml (goyaml.v2, strict decoding).
    """
    # Most clients send JSON, which takes a hundred times as long as YAML.
    with suppress(orjson.JSONDecodeError):
        if has_no_duplicates(body, orjson.loads(body)):
            return []
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    duplicates: list[tuple[int, str]] = []
    composer = loader(body)
    try:
        # Only the first document counts.
        pending = [composer.get_node()] if composer.check_node() else []
    except yaml.YAMLError:
        return []
    finally:
        composer.dispose()
    while pending:
        node = pending.pop()
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        line = key.start_mark.line + 1
                        duplicates.append(
                            (line, f"line {line}: key {json.dumps(key.value)} already set in map")
                        )
                    seen.add(key.value)
                pending.append(value)
    return [text for _, text in sorted(duplicates)]
