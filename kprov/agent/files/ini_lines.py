"""Edits the lines of INI files as community.general.ini_file does."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional

_BLANK = re.compile(r"^[ \t]*([#;].*)?$")


class Section(NamedTuple):
    """Selects a section by its name (None: the part before all sections) and by options and values in it."""

    name: Optional[str]
    conditions: list[tuple[str, list[str]]]

    def fulfils_conditions(self, lines: list[str]) -> bool:
        """Whether the lines of a section have the required options and values."""
        return all(
            any(
                match and (not values or match[2] in values)
                for match in (_match_option(option, line, inactive=True) for line in lines)
            )
            for option, values in self.conditions
        )


def _match_option(option: str, line: str, *, inactive: bool) -> re.Match[str] | None:
    """Match an assignment to an option: [1] is the comment sign, [2] is the value."""
    comment = r"[ \t]*([#;]?)" if inactive else "()"
    return re.match(rf"{comment}[ \t]*{re.escape(option)}[ \t]*(?:=|$)[ \t]*(.*)", line)


def edit_lines(text: str, section: Section, values: list[str], args: dict[str, Any]) -> tuple[str, bool, str]:
    """Return the new text, whether it differs, and a message about the change."""
    lines = text.splitlines(keepends=True) or ["\n"]
    changed = not lines[-1].endswith("\n")
    if changed:
        lines[-1] += "\n"
    bounds = _find_section(lines, section)
    if bounds is None:
        if args["state"] == "absent":
            return "".join(lines), changed, "OK"
        added, message = _new_section(section, values, args)
        return "".join(lines + added), True, message
    start, end = bounds
    editor = _SectionEditor(lines[start:end], list(values), args)
    if args["state"] == "present":
        editor.set_values()
    else:
        editor.remove_values()
    return "".join(lines[:start] + editor.lines + lines[end:]), changed or editor.changed, editor.message


def _find_section(lines: list[str], section: Section) -> tuple[int, int] | None:
    """Return the line numbers of the section's start (its header) and end."""
    headers = [number for number, line in enumerate(lines) if line.startswith("[")]
    if not section.name:
        return 0, headers[0] if headers else len(lines)
    pattern = re.compile(rf"^\[\s*{re.escape(section.name.strip())}\s*]")
    for start, end in zip(headers, [*headers[1:], len(lines)]):
        if pattern.match(lines[start]) and section.fulfils_conditions(lines[start:end]):
            return start, end
    return None


def _format_assignment(option: str, value: str | None, args: dict[str, Any]) -> str:
    if value is None:
        return f"{option}\n"
    return f"{option}={value}\n" if args["no_extra_spaces"] else f"{option} = {value}\n"


def _new_section(section: Section, values: list[str], args: dict[str, Any]) -> tuple[list[str], str]:
    """Return the lines of a new section with the options that select it, and the message."""
    added, option, section_values = [f"[{section.name}]\n"], args["option"], list(values)
    for name, required in section.conditions:
        if name != option:
            if required:
                added += [_format_assignment(name, value, args) for value in required]
            elif args["allow_no_value"]:
                added.append(_format_assignment(name, None, args))
        elif not args["exclusive"]:
            section_values += [value for value in required if value not in section_values]
    if option and section_values:
        added += [_format_assignment(option, value, args) for value in section_values]
    elif option and args["allow_no_value"]:
        added.append(_format_assignment(option, None, args))
    else:
        return added, "only section added"
    return added, "section and option added"


class _SectionEditor:
    """Edits the lines of one section; the first line is its header."""

    def __init__(self, lines: list[str], values: list[str], args: dict[str, Any]) -> None:
        self.lines = lines
        self.values = values
        self.args = args
        self.option = args["option"]
        self.finished: set[int] = set()
        self.changed = False
        self.message = "OK"

    def _matches(self, line: str, *, active: bool = False) -> re.Match[str] | None:
        inactive = self.args["modify_inactive_option"] and not active
        return _match_option(self.option, line, inactive=inactive)

    def _set_line(self, number: int, new: str) -> None:
        self.finished.add(number)
        old_match = _match_option(self.option, self.lines[number], inactive=True)
        new_match = _match_option(self.option, new, inactive=True)
        if self.args["ignore_spaces"] and old_match and new_match and not old_match[1]:
            differs = old_match[2] != new_match[2]
        else:
            differs = self.lines[number] != new
        if differs:
            self.lines[number] = new
            self._set_changed("option changed")

    def _set_changed(self, message: str) -> None:
        self.changed, self.message = True, message

    def set_values(self) -> None:
        """Set the option to its values."""
        if not self.option:
            return
        has_bare_line = self._set_present_values()
        if self.args["exclusive"] and not self.args["allow_no_value"]:
            self._replace_other_values()
        self._insert_missing(has_bare_line=has_bare_line)

    def _set_present_values(self) -> bool:
        """Finish the lines with a requested value; return whether one of them has no value."""
        has_bare_line = False
        for number, line in enumerate(self.lines):
            match = self._matches(line)
            if not match:
                continue
            if self.values and match[2] in self.values:
                has_bare_line = has_bare_line or (not match[2] and self.args["allow_no_value"])
                value = None if not match[2] and self.args["allow_no_value"] else match[2]
                self._set_line(number, _format_assignment(self.option, value, self.args))
                self.values.remove(match[2])
            elif not self.values and self.args["allow_no_value"]:
                self._set_line(number, _format_assignment(self.option, None, self.args))
                return True
        return has_bare_line

    def _replace_other_values(self) -> None:
        """Give other lines of the option the remaining values; remove those for which no value remains."""
        for number, line in enumerate(self.lines):
            if self.values and number not in self.finished and self._matches(line):
                self._set_line(number, _format_assignment(self.option, self.values.pop(0), self.args))
        remaining = [
            line
            for number, line in enumerate(self.lines)
            if number in self.finished or not self._matches(line)
        ]
        if len(remaining) < len(self.lines):
            self.lines = remaining
            self._set_changed("option changed")

    def _insert_missing(self, *, has_bare_line: bool) -> None:
        """Insert the missing values after the section's last line that is neither blank nor a comment."""
        last_line = max((n for n, line in enumerate(self.lines) if not _BLANK.match(line)), default=-1)
        missing: list[str | None] = list(self.values)
        if not self.values and self.args["allow_no_value"] and not has_bare_line:
            missing = [None]
        if missing:
            self.lines[last_line + 1 : last_line + 1] = [
                _format_assignment(self.option, value, self.args) for value in missing
            ]
            self._set_changed("option added")

    def remove_values(self) -> None:
        """Remove the option, or without `exclusive` only these values; without an option, the section."""
        if not self.option:
            if self.lines:
                self.lines = []
                self._set_changed("section removed")
            return
        remaining = []
        for line in self.lines:
            match = self._matches(line, active=True)
            if not match or not (self.args["exclusive"] or match[2] in self.values):
                remaining.append(line)
        if len(remaining) < len(self.lines):
            self.lines = remaining
            self._set_changed("option changed")
