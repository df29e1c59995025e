# Paths stay texts, as they come from templates.
# ruff: noqa: PTH113, PTH118, PTH207
"""Lookups that find and read files of the operator's machine: file, template, fileglob, csvfile."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kprov.inventory import operator_files
from kprov.playbook.templating.filters.choices import boolean
from kprov.playbook.templating.filters.vaults import read_text
from kprov.playbook.templating.lookups.search import (
    check_options,
    find_file,
    parse_key_values,
    playbook_folder,
    require_file,
    search_folders,
)
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.template_variables import make_template_variables
from kprov.playbook.templating.undefined import Marker
from kprov.playbook.templating.values import FilterError, is_sequence


def _file(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    options = check_options(keywords, {"rstrip": True, "lstrip": False}, "file")
    contents = []
    for term in terms:
        text = read_text(require_file(scope, "files", term))
        text = text.lstrip() if boolean(options["lstrip"]) else text
        contents.append(text.rstrip() if boolean(options["rstrip"]) else text)
    return contents


def _template(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    defaults: dict[str, Any] = {
        "template_vars": {},
        "variable_start_string": "{{",
        "variable_end_string": "}}",
        "comment_start_string": "{#",
        "comment_end_string": "#}",
        "trim_blocks": True,
        "convert_data": None,
        "jinja2_native": None,
    }
    options = check_options(keywords, defaults, "template")
    settings = {name: options[name] for name in defaults if name.endswith("_string")}
    settings["trim_blocks"] = boolean(options["trim_blocks"])
    texts = []
    for term in terms:
        path = require_file(scope, "templates", term)
        above = {
            **make_template_variables(path, str(term), managed="ansible_managed" not in scope),
            **options["template_vars"],
        }
        search = [inner for folder in search_folders(scope) for inner in (folder / "templates", folder)]
        texts.append(scope.templar.render_file_value(path, scope.extend(above), tuple(search), settings))
    return texts


def _fileglob(scope: Scope, terms: list[Any]) -> list[Any]:
    paths: list[Any] = []
    for term in terms:
        folder, name = os.path.split(str(term))
        if folder:
            place = find_file(scope, "files", folder)
            places = [] if place is None else [place]
        else:
            places = [
                inner
                for base in [*search_folders(scope), playbook_folder(scope)]
                for inner in (base / "files", base)
            ]
        for base in places:
            hits = [path for path in glob.glob(str(base / name)) if os.path.isfile(path)]
            if hits:
                paths += hits
                break
    return paths


_FIRST_FOUND_OPTIONS: dict[str, Any] = {"files": [], "paths": [], "skip": False}


def _first_found(scope: Scope, terms: list[Any], kind: str = "", **keywords: Any) -> list[Any]:
    """Return the first file that exists; terms are names, lists, or mappings with files, paths, skip."""
    options = check_options(keywords, _FIRST_FOUND_OPTIONS, "first_found")
    names: list[str] = []
    _collect_names(terms or _to_list(options["files"]), options, names)
    kinds = [kind] if kind else ["files", "templates", "vars", "tasks"]
    for name in names:
        for subfolder in kinds:
            path = find_file(scope, subfolder, name)
            if path is not None:
                return [os.path.normpath(path)]
    if boolean(options["skip"]):
        return []
    raise FilterError(f"No file was found when using first_found: {', '.join(names)}")


def _collect_names(terms: Any, options: dict[str, Any], names: list[str]) -> None:
    """Add the names of the terms to `names`; a mapping changes `options` for later terms."""
    for term in terms:
        if isinstance(term, Marker):
            term.trip()
        if isinstance(term, Mapping):
            own = check_options(dict(term), _FIRST_FOUND_OPTIONS, "first_found")
            options.update({"skip": False, "paths": [], **own})
            _add_names(names, options["files"], options["paths"])
        elif isinstance(term, str):
            _add_names(names, [term], options["paths"])
        elif is_sequence(term):
            _collect_names(term, options, names)
        else:
            raise FilterError("Invalid term supplied. A string, dict or list is required")


def _to_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _add_names(names: list[str], files: Any, paths: Any) -> None:
    file_names = [name for entry in _to_list(files) for name in re.split("[,;]", entry)]
    within = [folder for entry in _to_list(paths) for folder in re.split("[,:;]", entry)]
    names += (
        [os.path.join(folder, name) for folder in within for name in file_names] if within else file_names
    )


def _csvfile(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    defaults: dict[str, Any] = {
        "file": "ansible.csv",
        "delimiter": "TAB",
        "encoding": "utf-8",
        "default": None,
        "col": 1,
        "keycol": 0,
    }
    if not terms:
        raise FilterError("Search key is required but was not found")
    cells: list[Any] = []
    for term in terms:
        key, inline = parse_key_values(str(term))
        if not key:
            raise FilterError("Search key is required but was not found")
        options = check_options({**keywords, **inline}, defaults, "csvfile")
        delimiter = "\t" if options["delimiter"] == "TAB" else options["delimiter"]
        data = operator_files.read_bytes(require_file(scope, "files", options["file"]))
        with io.StringIO(data.decode(options["encoding"]), newline="") as file:
            rows = csv.reader(file, dialect=csv.excel, delimiter=delimiter)
            hit = next((row for row in rows if row and row[int(options["keycol"])] == key), None)
        value = options["default"] if hit is None else hit[int(options["col"])]
        cells += [] if value is None else _to_list(value)
    return cells


def _unvault(scope: Scope, terms: list[Any]) -> list[Any]:
    return [read_text(Path(require_file(scope, "files", term))) for term in terms]


LOOKUPS: dict[str, Callable[..., list[Any]]] = {
    "file": _file,
    "template": _template,
    "fileglob": _fileglob,
    "first_found": _first_found,
    "csvfile": _csvfile,
    "unvault": _unvault,
}
