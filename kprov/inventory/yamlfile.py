"""YAML files with the lines of their keys, so that an error can name its place; duplicate keys are errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from kprov.errors import InputError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unsafe(str):
    """A text marked `!unsafe`: never a template."""

    __slots__ = ()


class Mapping(dict[str, Any]):
    """A mapping of a file; `line` where it starts, `lines` of its keys."""

    file: str = ""
    line: int = 0
    lines: dict[str, int]


class Sequence(list[Any]):
    """A list of a file; `line` where it starts, `lines` of its entries."""

    file: str = ""
    line: int = 0
    lines: list[int]


class _Loader(_Base):  # type: ignore[misc]
    """PyYAML's safe loader that keeps places."""

    file = ""


def _mapping(loader: Any, node: Any) -> Any:
    found = Mapping()
    found.file, found.line, found.lines = loader.file, node.start_mark.line + 1, {}
    yield found
    # What `<<` brings may be said again; what is written here may not.
    own = {id(key_node) for key_node, _ in node.value}
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if isinstance(key, (list, dict)):
            message = "a key of a mapping is itself a mapping or list; quote what starts with {{"
            raise InputError(message, file=loader.file, line=line)
        if id(key_node) in own and key in found.lines:
            message = f"the key is already there in line {found.lines[key]}"
            raise InputError(message, file=loader.file, line=line, field=str(key))
        if id(key_node) in own:
            found.lines[key] = line
        found[key] = loader.construct_object(value_node, deep=True)


def _sequence(loader: Any, node: Any) -> Any:
    found = Sequence()
    found.file, found.line = loader.file, node.start_mark.line + 1
    found.lines = [entry.start_mark.line + 1 for entry in node.value]
    yield found
    found.extend(loader.construct_object(entry, deep=True) for entry in node.value)


def _vault(loader: Any, node: Any) -> Any:
    raise InputError(
        "values encrypted with ansible-vault are not supported yet",
        file=loader.file,
        line=node.start_mark.line + 1,
    )


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _sequence)
_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))
_Loader.add_constructor("!vault", _vault)


def load(path: Path) -> Any:
    """The document of a file; None when it is empty. InputError names the line of a mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("there is no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    if text.startswith("$ANSIBLE_VAULT"):
        raise InputError("files encrypted with ansible-vault are not supported yet", file=path)
    return parse(text, str(path))


def parse(text: str, file: str) -> Any:
    """The document of a text that comes from `file`."""
    loader = _Loader(text)
    loader.file = file
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InputError(f"YAML: {error.problem or error.context}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"YAML: {error}", file=file) from None
    finally:
        loader.dispose()


def line_of(container: Any, key: Any) -> int | None:
    """The line of a key of a mapping or an entry of a list; None when it is not known."""
    if isinstance(container, Mapping):
        return container.lines.get(key, container.line)
    if isinstance(container, Sequence) and isinstance(key, int) and key < len(container.lines):
        return container.lines[key]
    return None
