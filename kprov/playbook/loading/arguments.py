"""Parse and check the arguments of a task: a mapping, NAME=VALUE words or free form."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.loading import module_names
from kprov.transport import agent_modules

_Spec = dict[str, dict[str, Any]]
_JINJA = {"{{": "}}", "{%": "%}", "{#": "#}"}


def parse_arguments(module: str, value: Any, more: Any, file: Path, line: int | None) -> dict[str, Any]:
    """Return a task's arguments; free form is `_raw_params`, a template of a mapping `_variable_params`."""
    args: dict[str, Any] = dict(more) if isinstance(more, dict) else {}
    if isinstance(more, str):
        args["_variable_params"] = more
    elif more is not None and not isinstance(more, dict):
        raise InputError("args must be a mapping", file=file, line=line, field="args")
    if value is None:
        return args
    if isinstance(value, dict):
        return {**args, **value}
    if not isinstance(value, str) and module not in module_names.FREE_FORM:
        raise InputError(f"arguments of {module} must be a mapping", file=file, line=line)
    return {**args, **_parse_text(module, str(value), file, line)}


def _parse_text(module: str, value: str, file: Path, line: int | None) -> dict[str, Any]:
    """Parse free form, or NAME=VALUE words."""
    if module in module_names.SINGLE_VALUE:
        return {"_raw_params": value}
    try:
        words = split_words(value)
    except ValueError as error:
        raise InputError(f"{error}: {value!r}", file=file, line=line) from None
    if module in module_names.FREE_FORM:
        return _parse_free_form(module, value, words)
    if len(words) == 1 and words[0].startswith("{{") and words[0].endswith("}}"):
        return {"_variable_params": value}
    pairs = [word.partition("=") for word in words]
    if not all(equals for _, equals, _ in pairs):
        raise InputError(f"arguments of {module} must be NAME=VALUE or a mapping", file=file, line=line)
    return {name: strip_quotes(text) for name, _, text in pairs}


def _parse_free_form(module: str, value: str, words: list[str]) -> dict[str, Any]:
    named_arguments = {}
    for word in words:
        name, equals, text = word.partition("=")
        if equals and name in module_names.FREE_FORM_OPTIONS:
            named_arguments[name] = strip_quotes(text)
    if not named_arguments or module == "raw":
        return {"_raw_params": value}
    rest = [word for word in words if word.partition("=")[0] not in named_arguments or "=" not in word]
    return {**named_arguments, "_raw_params": " ".join(rest)}


def split_words(text: str) -> list[str]:
    """Split a text into words; quotes and Jinja braces group. Raises ValueError if one is not closed."""
    words: list[str] = []
    word, quote, index = "", "", 0
    while index < len(text):
        pair, char = text[index : index + 2], text[index]
        if pair in _JINJA:
            step = text[index : _end_of_template(text, index)]
        elif quote:
            step = pair if char == "\\" and quote == '"' else char
            quote = "" if char == quote else quote
        elif char in "\"'":
            step, quote = char, char
        elif char == "\\" and len(pair) == 2:
            step = pair
        elif char.isspace():
            if word:
                words.append(word)
            word, step = "", char
            index += 1
            continue
        else:
            step = char
        word += step
        index += len(step)
    if quote:
        raise ValueError("quotes or braces are not closed")
    return [*words, word] if word else words


def _end_of_template(text: str, start: int) -> int:
    """Return the end of the template that starts at `start`; as in Jinja, braces in its strings are text."""
    closing = _JINJA[text[start : start + 2]]
    if closing != "#}":
        quote, index = "", start + 2
        while index < len(text):
            char = text[index]
            if quote:
                index += 2 if char == "\\" else 1
                quote = "" if char == quote else quote
            elif text.startswith(closing, index):
                return index + 2
            else:
                quote = char if char in "\"'" else ""
                index += 1
    # An apostrophe did not start a string, as in a comment or raw block.
    end = text.find(closing, start + 2)
    if end < 0:
        raise ValueError("quotes or braces are not closed")
    return end + 2


def strip_quotes(text: str) -> str:
    """Return a word without the quotes around it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[-2] != "\\":
        return text[1:-1]
    return text


def find_argument_table(module: str) -> agent_modules.Table | None:
    """Return the argument table of a module; None for a module with free arguments."""
    if module in module_names.ACTION_FILES:
        table = agent_modules.table_of(importlib.import_module(f"kprov.playbook.actions.modules.{module}"))
        if table is not None:
            return table
    if module in module_names.RUN_ACTIONS:
        return module_names.RUN_ACTIONS[module]
    return agent_modules.module_table(module) if module in agent_modules.module_names() else None


def check_arguments(
    word: str, module: str, args: dict[str, Any], file: Path, line: int | None, entry: Any
) -> None:
    """Raise InputError for unknown, missing and impossible arguments, before their templates are rendered."""
    table = find_argument_table(module)
    if table is None or "_variable_params" in args:
        return
    spec, rules = table
    names = {
        alias: name for name, argument in spec.items() for alias in (name, *(argument.get("aliases") or []))
    }

    def find_line(name: str) -> int | None:
        return _find_line(entry, word, name) or line

    for name, value in args.items():
        if not str(name).startswith("_") and "{{" not in str(name):
            _check_name(module, name, value, spec, names, file, find_line(name))
    values = {names[name]: value for name, value in args.items() if name in names}
    missing = [
        name for name, argument in spec.items() if argument.get("required") and values.get(name) is None
    ]
    if missing and not any("{{" in str(name) for name in args):
        raise InputError(f"{module} needs {', '.join(sorted(missing))}", file=file, line=line)
    for name, value in values.items():
        if value is not None and not _has_template(value) and not spec[name].get("options"):
            written_name = next(key for key in args if names.get(key) == name)
            _check_value(module, name, value, spec[name], file, find_line(written_name))
    for group in rules.get("mutually_exclusive") or []:
        both = [name for name in group if values.get(name) is not None and not _has_template(values[name])]
        if len(both) > 1:
            raise InputError(f"{module}: use only one of {', '.join(both)}", file=file, line=line)


def _check_name(
    module: str, name: str, value: Any, spec: _Spec, names: dict[str, str], file: Path, line: int | None
) -> None:
    if name not in names:
        hint = suggestions.hint(str(name), names)
        raise InputError(f"{module} takes no argument {name!r}{hint}", file=file, line=line)
    instead = spec[names[name]].get("refused")
    if instead and value is not None:
        raise InputError(f"{module}: {name!r} is not supported; {instead}", file=file, line=line)


def _check_value(
    module: str, name: str, value: Any, entry: dict[str, Any], file: Path, line: int | None
) -> None:
    try:
        agent_modules.check_arguments(module, {name: value}, {name: {**entry, "required": False}}, {})
    except agent_modules.ArgumentError as error:
        raise InputError(f"{module}: {error}", file=file, line=line) from None


def _find_line(entry: Any, word: str, name: str) -> int | None:
    value = entry.get(word) if isinstance(entry, dict) else None
    for mapping in (value, entry.get("args") if isinstance(entry, dict) else None):
        if isinstance(mapping, dict) and name in mapping:
            return yaml_file.line_of(mapping, name)
    return None


def _has_template(value: Any) -> bool:
    return bool(re.search(r"\{[{%#]", str(value)))
