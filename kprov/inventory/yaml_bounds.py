"""Bounds of YAML documents: how deep they nest, and how large their aliases make them.

PyYAML has neither. Ten lines of aliases of aliases are ten thousand million values for whoever reads
them. libyaml's composer calls itself for each level, and ends the process where its stack ends.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

#: Levels of lists and mappings in each other.
MAX_DEPTH = 100
#: Values of a document that has aliases, each alias counted with all that it stands for.
MAX_NODES = 1_000_000
#: Fewer levels than this do not exhaust the composer's stack.
_SAFE_DEPTH = 5_000
#: A block nests at most two levels for each column.
_DEEP_LINE = re.compile(rf"^[ \t?-]{{{_SAFE_DEPTH // 2},}}", re.MULTILINE)
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TOO_DEEP = f"lists and mappings are nested more than {MAX_DEPTH} levels deep"


class BoundsError(ValueError):
    """A document is beyond the bounds; `line` is where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def check_text(text: str) -> None:
    """Raise BoundsError for a text whose levels would exhaust the stack of the composer."""
    if text.count("[") + text.count("{") >= _SAFE_DEPTH or _DEEP_LINE.search(text):
        check_depth(text)


def check_depth(text: str) -> None:
    """Raise BoundsError for a text that is nested too deeply, without composing it."""
    depth = 0
    for event in yaml.parse(text, _Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                raise BoundsError(TOO_DEEP, mark.line + 1 if mark else 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def check_aliases(text: str, root: Any) -> None:
    """Raise BoundsError for a document whose aliases stand for too many values."""
    if root is None or "*" not in text or "&" not in text:
        return
    sizes: dict[int, int] = {}
    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        node, are_children_known = waiting.pop()
        if id(node) in sizes and not are_children_known:
            continue
        children = _list_children(node)
        if children and not are_children_known:
            # A node that contains itself counts as one value in itself.
            sizes[id(node)] = 1
            waiting.append((node, True))
            waiting += [(child, False) for child in children]
            continue
        sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
        if sizes[id(node)] > MAX_NODES:
            text = f"aliases make this value larger than {MAX_NODES:,} values"
            raise BoundsError(text, node.start_mark.line + 1)


def _list_children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def load_plain(text: str) -> list[Any]:
    """Return the documents of a text as PyYAML's safe loader makes them. Raises YAMLError or BoundsError."""
    check_depth(text)
    loader = _Parser(text)
    documents = []
    try:
        while loader.check_node():
            node = loader.get_node()
            check_aliases(text, node)
            documents.append(loader.construct_document(node))
    finally:
        loader.dispose()
    return documents


def load_json(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError, also for a text that is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
