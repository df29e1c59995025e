# Paths are used as the texts they arrive as.
# ruff: noqa: PTH113, PTH117, PTH118, PTH207
"""Ansible's lookups, and the functions that templates may call."""

from __future__ import annotations

import datetime as dt
import glob
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import jinja2.utils
from jinja2.runtime import Context

from kprov.playbook.filters import FilterError, dict2items


def _folders(context: Context, kind: str) -> list[Path]:
    found = []
    for name in ("role_path", "playbook_dir"):
        folder = context.get(name)
        if folder:
            found += [Path(folder) / kind, Path(folder)]
    return found


def find_file(context: Context, name: str, kind: str) -> Path | None:
    """A file of the operator's machine as Ansible looks for it."""
    path = Path(name).expanduser()
    tried = [path] if path.is_absolute() else [folder / path for folder in _folders(context, kind)]
    return next((candidate for candidate in tried if candidate.exists()), None)


def _must(context: Context, name: str, kind: str) -> Path:
    path = find_file(context, name, kind)
    if path is None:
        raise FilterError(f"the file {name} was not found in {kind}/ of the role or beside the playbook")
    return path


def _file(
    context: Context, terms: list[Any], rstrip: bool = True, lstrip: bool = False, **_: Any
) -> list[Any]:
    texts = [_must(context, term, "files").read_text() for term in terms]
    return [
        (text.rstrip() if rstrip else text).lstrip() if lstrip else text.rstrip() if rstrip else text
        for text in texts
    ]


def _template(context: Context, terms: list[Any], **_: Any) -> list[Any]:
    templar = context["kprov_templar_"]
    scope = templar.scope_of(context)
    return [templar.file(_must(context, term, "templates"), scope, ()) for term in terms]


def _env(_context: Context, terms: list[Any], default: Any = "", **_: Any) -> list[Any]:
    return [os.environ.get(term, default) for term in terms]


def _pipe(_context: Context, terms: list[Any], **_: Any) -> list[Any]:
    return [
        subprocess.run(term, shell=True, check=True, capture_output=True, text=True).stdout.rstrip()  # noqa: S602 - this is what the lookup is
        for term in terms
    ]


def _vars(context: Context, terms: list[Any], **options: Any) -> list[Any]:
    found = []
    for term in terms:
        value = context.resolve_or_missing(term)
        if value is jinja2.utils.missing or isinstance(value, jinja2.Undefined):
            if "default" not in options:
                raise FilterError(f"No variable found with this name: {term}")
            value = options["default"]
        found.append(value)
    return found


def _fileglob(context: Context, terms: list[Any], **_: Any) -> list[Any]:
    found: list[Any] = []
    for term in terms:
        folders = [""] if os.path.isabs(term) else [str(folder) for folder in _folders(context, "files")]
        for folder in folders:
            hits = sorted(path for path in glob.glob(os.path.join(folder, term)) if os.path.isfile(path))
            if hits:
                found += hits
                break
    return found


def _first_found(context: Context, terms: list[Any], **options: Any) -> list[Any]:
    names, skip = [], options.get("skip", False)
    for term in terms or [options]:
        if isinstance(term, dict):
            skip = term.get("skip", skip)
            folders = term.get("paths") or [""]
            names += [os.path.join(folder, name) for folder in folders for name in term.get("files", [])]
        else:
            names += term if isinstance(term, list) else [term]
    for name in names:
        for kind in ("files", "templates", "vars", "tasks"):
            path = find_file(context, name, kind)
            if path is not None:
                return [str(path)]
    if skip:
        return []
    raise FilterError(f"No file was found when using first_found: {', '.join(names)}")


LOOKUPS: dict[str, Callable[..., list[Any]]] = {
    "file": _file,
    "env": _env,
    "pipe": _pipe,
    "vars": _vars,
    "fileglob": _fileglob,
    "first_found": _first_found,
    "dict": lambda _c, terms, **_: [item for term in terms for item in dict2items(term)],
    "items": lambda _c, terms, **_: [
        x for term in terms for x in (term if isinstance(term, list) else [term])
    ],
    "list": lambda _c, terms, **_: terms,
    "indexed_items": lambda _c, terms, **_: [list(p) for p in enumerate(terms)],
    "lines": lambda c, terms, **_: [line for text in _pipe(c, terms) for line in text.splitlines()],
}


def _run(context: Context, name: str, terms: tuple[Any, ...], options: dict[str, Any]) -> list[Any]:
    name = name.removeprefix("ansible.builtin.")
    if name not in LOOKUPS:
        raise FilterError(f"the lookup {name!r} is not supported; there are {', '.join(sorted(LOOKUPS))}")
    errors = options.pop("errors", "strict")
    options.pop("wantlist", None)
    flat = [
        entry
        for term in terms
        for entry in (term if isinstance(term, list) and name not in ("list", "items") else [term])
    ]
    try:
        return LOOKUPS[name](context, flat, **options)
    except (FilterError, OSError, subprocess.SubprocessError) as error:
        if errors == "ignore":
            return []
        raise FilterError(f"lookup {name}: {error}") from None


@jinja2.pass_context
def lookup(context: Context, name: str, *terms: Any, **options: Any) -> Any:
    """A lookup's values joined by commas, or its only value."""
    wantlist = options.get("wantlist", False)
    found = _run(context, name, terms, options)
    if wantlist:
        return found
    return (
        found[0]
        if len(found) == 1
        else ",".join(map(str, found))
        if all(isinstance(f, str) for f in found)
        else found
    )


@jinja2.pass_context
def query(context: Context, name: str, *terms: Any, **options: Any) -> list[Any]:
    """A lookup's values as a list."""
    return _run(context, name, terms, options)


def undef(hint: str | None = None) -> jinja2.Undefined:
    """A value that is an error when it is used; the hint is its message."""
    return jinja2.StrictUndefined(hint)


def now(utc: bool = False, fmt: str | None = None) -> Any:
    time = dt.datetime.now(dt.UTC) if utc else dt.datetime.now().astimezone()
    return time.strftime(fmt) if fmt else time


GLOBALS: dict[str, Any] = {"lookup": lookup, "query": query, "q": query, "undef": undef, "now": now}
