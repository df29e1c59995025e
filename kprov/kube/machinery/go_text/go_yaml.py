"""YAML as upstream reads it: the first document, with JSON's types, and Go's error messages.

Source: sigs.k8s.io/yaml and its fork of go-yaml (yaml.go: fail, decode.go: the ratio of aliases).
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any, Final

import orjson

from kprov.kube.machinery.go_text import go_json, go_yaml_scalars

_MERGE: Final = "tag:yaml.org,2002:merge"
_TEXT: Final = "tag:yaml.org,2002:str"
_LIST: Final = "tag:yaml.org,2002:seq"
_MAP: Final = "tag:yaml.org,2002:map"
#: Tag of an unquoted scalar, whose text decides its type.
_WORD: Final = "!word"
#: Limits for aliases. Up to the first number of nodes 99% may come from aliases, from the second on 10%.
_ALIASES_FREE: Final = 400_000
_ALIASES_FEW: Final = 4_000_000
_SHARE_FREE: Final = 0.99
_SHARE_FEW: Final = 0.10
_OPENING: Final = (b"{", b"[", b"- ", b": ", b":\n", b"-\n", b"? ")
#: Limit of fields that merge keys (<<) may add to a document.
_MAX_MERGED: Final = 50_000
#: Matches in documents that have floats or exponents.
_FLOAT: Final = re.compile(rb"[0-9][.eE][0-9+-]")
#: Documents with at most so many nodes are not checked.
_ALWAYS: Final = 1000


class YamlError(ValueError):
    """Invalid YAML. The message is Go's and starts with "yaml: "."""


def loads(data: bytes) -> Any:
    """Decode the first document, with strings as keys. None if there is none. Raises YamlError."""
    if data.lstrip()[:1] == b"{":
        try:
            document = go_json.reject_deep(orjson.loads(data), data)
            return _use_json_keys(document) if _FLOAT.search(data) else document
        except orjson.JSONDecodeError:
            pass
        except go_json.JsonError as error:
            raise YamlError(f"yaml: {error} of 10000") from None
    import yaml

    try:
        _check_shape(data)
        loader = _make_loader()(data)
        try:
            document = loader.get_data()
        finally:
            loader.dispose()
    except YamlError:
        raise
    except yaml.YAMLError as error:
        raise YamlError(_describe_error(error)) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise YamlError(f"yaml: {error}") from None
    if b"&" in data and _is_excessive(document):
        raise YamlError("yaml: document contains excessive aliasing")
    return _use_json_keys(document)


def _check_shape(data: bytes) -> None:
    """Reject a document that is nested too deeply or contains itself, before it is built.

    Raises YamlError, yaml.YAMLError.
    """
    if b"*" not in data and sum(map(data.count, _OPENING)) <= go_json.MAX_DEPTH:
        return
    import yaml

    names: list[str | None] = []
    for event in yaml.parse(data, Loader=_make_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            names.append(event.anchor)
            if len(names) > go_json.MAX_DEPTH:
                raise YamlError("yaml: exceeded max depth of 10000")
        elif isinstance(event, yaml.CollectionEndEvent):
            names.pop()
        elif isinstance(event, yaml.AliasEvent) and event.anchor in names:
            raise YamlError(f"yaml: anchor '{event.anchor}' value contains itself")
        elif isinstance(event, yaml.DocumentEndEvent):
            return  # only the first document counts


def _describe_error(error: Any) -> str:
    """Go counts lines from 0, except in errors of the scanner, and omits line 0."""
    from yaml.scanner import ScannerError

    problem = getattr(error, "problem", None) or str(error)
    line = 0
    for mark in (getattr(error, "context_mark", None), getattr(error, "problem_mark", None)):
        if mark is not None and mark.line and not line:
            line = mark.line + isinstance(error, ScannerError)
    return f"yaml: line {line}: {problem}" if line else f"yaml: {problem}"


@functools.cache
def _make_loader() -> Any:
    """Return a safe loader that resolves scalars as Go does and ignores unknown tags."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    made: Any = type(
        "_Loader", (base,), {"resolve": _resolve_tag, "flatten_mapping": _merge_mappings, "merged": 0}
    )
    made.add_constructor(_WORD, lambda _, node: go_yaml_scalars.parse_scalar(node.value))
    made.add_constructor(None, _construct_untagged)
    return made


def _resolve_tag(_loader: Any, kind: Any, value: str, implicit: Any) -> str:
    """Return the tag of a node without an explicit one. implicit[0]: whether a scalar is unquoted."""
    import yaml

    if kind is yaml.ScalarNode:
        if not implicit[0]:
            return _TEXT
        return _MERGE if value == "<<" else _WORD
    return _LIST if kind is yaml.SequenceNode else _MAP


def _merge_mappings(loader: Any, node: Any) -> None:
    """Add the fields of merge keys (<<) to a mapping, as PyYAML does. Raises YamlError if they are too many.

    A few merge keys can make a small document very large.
    """
    import yaml
    from yaml.constructor import ConstructorError

    if all(key.tag != _MERGE for key, _ in node.value):
        return
    merged: list[Any] = []
    own: list[Any] = []
    for key, value in node.value:
        if key.tag != _MERGE:
            own.append((key, value))
            continue
        for source in reversed(value.value) if isinstance(value, yaml.SequenceNode) else (value,):
            if not isinstance(source, yaml.MappingNode):
                raise ConstructorError(
                    "while constructing a mapping",
                    node.start_mark,
                    f"expected a mapping or list of mappings for merging, but found {source.id}",
                    source.start_mark,
                )
            loader.merged += len(source.value)
            if loader.merged > _MAX_MERGED:
                raise YamlError("yaml: document contains excessive aliasing")
            _merge_mappings(loader, source)
            loader.merged += len(source.value)
            merged += source.value
    node.value = merged + own


def _construct_untagged(loader: Any, node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


def _is_excessive(document: Any) -> bool:
    """Whether aliases make a small document large. All aliases of an anchor are one Python object."""
    sizes: dict[int, int] = {}

    def size(value: Any) -> int:
        if not isinstance(value, dict | list):
            return 1
        known = sizes.get(id(value))
        if known is None:
            sizes[id(value)] = 1  # for a value that contains itself
            children = value.values() if isinstance(value, dict) else value
            known = sizes[id(value)] = 1 + sum(size(child) for child in children)
        return known

    total = size(document)
    if total <= _ALWAYS:
        return False
    written = sum(len(value) for value in _list_containers(document)) + 1
    share = (total - written) / total
    if total <= _ALIASES_FREE:
        return share > _SHARE_FREE
    if total >= _ALIASES_FEW:
        return share > _SHARE_FEW
    part = (total - _ALIASES_FREE) / (_ALIASES_FEW - _ALIASES_FREE)
    return share > _SHARE_FREE - (_SHARE_FREE - _SHARE_FEW) * part


def _list_containers(document: Any) -> list[Any]:
    """Every object and list of a document once, even if aliases repeat it."""
    seen: dict[int, Any] = {}
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict | list) and id(value) not in seen:
            seen[id(value)] = value
            todo += value.values() if isinstance(value, dict) else value
    return list(seen.values())


def _use_json_keys(value: Any) -> Any:
    if isinstance(value, dict):
        if all(type(name) is str for name in value):
            return {name: _use_json_keys(entry) for name, entry in value.items()}
        if None in value:
            shown = go_json.format_value(value[None])
            raise YamlError(f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}")
        return {_format_key(name): _use_json_keys(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_use_json_keys(entry) for entry in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
            raise YamlError(f"json: unsupported value: {shown}")
        return go_json.round_trip_number(value)
    return value


def _format_key(name: Any) -> str:
    if isinstance(name, bool):
        return "true" if name else "false"
    return str(name)
