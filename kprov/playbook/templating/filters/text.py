"""Filters for texts: regular expressions, quoting, comments, splitting."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

from kprov.inventory import bounded_regex
from kprov.playbook.templating.values import FilterError, to_text

_COMMENTS: dict[str, dict[str, str]] = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}


def _make_flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    replaced, matches = bounded_regex.substitute(
        pattern, replacement, to_text(value), _make_flags(ignorecase, multiline), count
    )
    if mandatory_count and mandatory_count != matches:
        raise FilterError(
            f"'{pattern}' should match {mandatory_count} times, but matches {matches} times in '{value}'"
        )
    return replaced


def regex_search(
    value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    """Return the match, or a list of groups (by number or name); None without a match."""
    group_references: list[int | str] = []
    for group in groups:
        name = re.match(r"\\g<(\S+)>|\\(\d+)", group)
        if name is None:
            raise FilterError(f"Unknown argument {group!r}; groups are given as '\\1' or '\\g<name>'")
        group_references.append(name[1] if name[1] is not None else int(name[2]))
    flags = _make_flags(ignorecase, multiline)
    texts = bounded_regex.find("search", regex, to_text(value), flags, tuple(group_references))
    return texts if texts is None or group_references else texts[0]


def regex_findall(value: Any, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return bounded_regex.find_all(regex, to_text(value), _make_flags(ignorecase, multiline))


def regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(to_text(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", to_text(value))
    raise FilterError(f"Invalid regex type ({re_type}); use python or posix_basic")


def quote(value: Any) -> str:
    return shlex.quote("" if value is None else to_text(value))


def comment(value: str, style: str = "plain", **settings: Any) -> str:
    """Return a text as a comment, in a named style or with custom parts."""
    if style not in _COMMENTS:
        raise FilterError(f"Invalid style {style!r}. Available styles: {', '.join(_COMMENTS)}")
    edge = settings.get("decoration", _COMMENTS[style]["decoration"]).rstrip()
    part: dict[str, Any] = {
        "newline": "\n",
        "beginning": "",
        "prefix": edge,
        "prefix_count": 1,
        "postfix": edge,
        "postfix_count": 1,
        "end": "",
        **_COMMENTS[style],
        **settings,
    }
    newline, mark = part["newline"], part["decoration"]
    beginning = f"{part['beginning']}{newline}" if part["beginning"] else ""
    prefix = part["prefix"] if part["prefix"] == newline else f"{part['prefix']}{newline}"
    body = (mark + value.replace(newline, newline + mark)).replace(mark + newline, mark.rstrip() + newline)
    postfix = "".join(newline + part["postfix"] for _ in range(int(part["postfix_count"])))
    end = f"{newline}{part['end']}" if part["end"] else ""
    return f"{beginning}{prefix * int(part['prefix_count']) if part['prefix'] else ''}{body}{postfix}{end}"


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "regex_findall": regex_findall,
    "regex_escape": regex_escape,
    "quote": quote,
    "comment": comment,
    "split": lambda value, sep=None, maxsplit=-1: str.split(value, sep, maxsplit),
}
