"""Finding fields that stand twice in one object of JSON or YAML, which parsers drop silently."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import orjson


class _Marked(dict[str, Any]):
    """An object as parsed, with the names that stood in it more than once."""

    twice: tuple[str, ...] = ()


def _hook(pairs: list[tuple[str, Any]]) -> _Marked:
    marked = _Marked(pairs)
    if len(marked) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        marked.twice = tuple(name for name, count in counts.items() if count > 1)
    return marked


def duplicate_fields(body: bytes, obj: Any) -> list[str]:
    """Paths of fields given again ("spec.replicas"), in document order, each once.

    `obj` is what orjson made of `body`. Clients send compact JSON: where encoding `obj` again takes as many
    bytes as came in, nothing was dropped, and the slow way is not gone.
    """
    if len(orjson.dumps(obj)) == len(body.strip()):
        return []
    found: dict[str, None] = {}
    _collect(json.loads(body, object_pairs_hook=_hook), "", found)
    return list(found)


def _collect(value: Any, path: str, found: dict[str, None]) -> None:
    if isinstance(value, _Marked):
        for name in value.twice:
            found[f"{path}.{name}".removeprefix(".")] = None
        for name, held in value.items():
            if isinstance(held, dict | list):
                _collect(held, f"{path}.{name}", found)
    elif isinstance(value, list):
        for index, held in enumerate(value):
            _collect(held, f"{path}[{index}]", found)


def yaml_duplicates(body: bytes) -> list[str]:
    """Keys of YAML mappings that stand there already: 'line 8: key "a" already set in map'.

    Source of the text: upstream's sigs.k8s.io/yaml (goyaml.v2, strict decoding).
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: list[tuple[int, str]] = []
    pending = [yaml.compose(body, Loader=loader)]
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
                        found.append((line, f"line {line}: key {json.dumps(key.value)} already set in map"))
                    seen.add(key.value)
                pending.append(value)
    return [text for _, text in sorted(found)]
