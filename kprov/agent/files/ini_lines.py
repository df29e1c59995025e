"""The lines of INI files, edited as community.general.ini_file does it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Optional

_BLANK = re.compile(r"^[ \t]*([#;].*)?$")


class Section(NamedTuple):
    """A section by its name (None: what stands before all sections) and by options and values in it."""

    name: Optional[str]
    conditions: list[tuple[str, list[str]]]

    def meant(self, lines: list[str]) -> bool:
        """Whether a section of the right name is the one."""
        return all(
            any(
                match and (not values or match[2] in values)
                for match in (_match_option(option, line, inactive=True) for line in lines)
            )
            for option, values in self.conditions
        )


def _match_option(option: str, line: str, *, inactive: bool) -> re.Match[str] | None:
    """An assignment to an option: [1] the sign that makes it a comment, [2] the value."""
    comment = r"[ \t]*([#;]?)" if inactive else "()"
    return re.match(rf"{comment}[ \t]*{re.escape(option)}[ \t]*(?:=|$)[ \t]*(.*)", line)


def edit_lines(text: str, section: Section, values: list[str], args: dict[str, Any]) -> tuple[str, bool, str]:
    """The new text, whether it is another one, and what was done."""
    lines = text.splitlines(keepends=True) or ["\n"]
    changed = not lines[-1].endswith("\n")
    if changed:
        lines[-1] += "\n"
    place = _find_section(lines, section)
    if place is None:
        if args["state"] == "absent":
            return "".join(lines), changed, "OK"
        added, message = _new_section(section, values, args)
        return "".join(lines + added), True, message
    start, end = place
    editor = _SectionEditor(lines[start:end], list(values), args)
    if args["state"] == "present":
        editor.present()
    else:
        editor.absent(header=section.name is not None)
    return "".join(lines[:start] + editor.lines + lines[end:]), changed or editor.changed, editor.message


def _find_section(lines: list[str], section: Section) -> tuple[int, int] | None:
    """Where the section begins (its header) and ends."""
    headers = [number for number, line in enumerate(lines) if line.startswith("[")]
    if not section.name:
        return 0, headers[0] if headers else len(lines)
    pattern = re.compile(rf"^\[\s*{re.escape(section.name.strip())}\s*]")
    for start, end in zip(headers, [*headers[1:], len(lines)]):
        if pattern.match(lines[start]) and section.meant(lines[start:end]):
            return start, end
    return None


def _format_assignment(option: str, value: str | None, args: dict[str, Any]) -> str:
    if value is None:
        return f"{option}\n"
    return f"{option}={value}\n" if args["no_extra_spaces"] else f"{option} = {value}\n"


def _new_section(section: Section, values: list[str], args: dict[str, Any]) -> tuple[list[str], str]:
    """A section that is not there, with the options that it is known by."""
    added, option, wanted = [f"[{section.name}]\n"], args["option"], list(values)
    for name, required in section.conditions:
        if name != option:
            if required:
                added += [_format_assignment(name, value, args) for value in required]
            elif args["allow_no_value"]:
                added.append(_format_assignment(name, None, args))
        elif not args["exclusive"]:
            wanted += [value for value in required if value not in wanted]
    if option and wanted:
        added += [_format_assignment(option, value, args) for value in wanted]
    elif option and args["allow_no_value"]:
        added.append(_format_assignment(option, None, args))
    else:
        return added, "only section added"
    return added, "section and option added"


class _SectionEditor:
    """The lines of one section, its header among them."""

    def __init__(self, lines: list[str], values: list[str], args: dict[str, Any]) -> None:
        self.lines = lines
        self.values = values
        self.args = args
        self.option = args["option"]
        self.done: set[int] = set()
        self.changed = False
        self.message = "OK"

    def _matches(self, line: str, *, active: bool = False) -> re.Match[str] | None:
        inactive = self.args["modify_inactive_option"] and not active
        return _match_option(self.option, line, inactive=inactive)

    def _put(self, number: int, new: str) -> None:
        self.done.add(number)
        old = _match_option(self.option, self.lines[number], inactive=True)
        other = _match_option(self.option, new, inactive=True)
        if self.args["ignore_spaces"] and old and other and not old[1]:
            differs = old[2] != other[2]
        else:
            differs = self.lines[number] != new
        if differs:
            self.lines[number] = new
            self._set_changed("option changed")

    def _set_changed(self, message: str) -> None:
        self.changed, self.message = True, message

    def present(self) -> None:
        """Have the option with its values."""
        if not self.option:
            return
        bare = self._keep()
        if self.args["exclusive"] and not self.args["allow_no_value"]:
            self._rewrite()
        self._insert(bare=bare)

    def _keep(self) -> bool:
        """Those lines that have a wanted value; whether one without a value is among them."""
        bare = False
        for number, line in enumerate(self.lines):
            match = self._matches(line)
            if not match:
                continue
            if self.values and match[2] in self.values:
                bare = bare or (not match[2] and self.args["allow_no_value"])
                value = None if not match[2] and self.args["allow_no_value"] else match[2]
                self._put(number, _format_assignment(self.option, value, self.args))
                self.values.remove(match[2])
            elif not self.values and self.args["allow_no_value"]:
                self._put(number, _format_assignment(self.option, None, self.args))
                return True
        return bare

    def _rewrite(self) -> None:
        """Other lines of the option get the values that are left; those that remain go."""
        for number, line in enumerate(self.lines):
            if self.values and number not in self.done and self._matches(line):
                self._put(number, _format_assignment(self.option, self.values.pop(0), self.args))
        kept = [
            line for number, line in enumerate(self.lines) if number in self.done or not self._matches(line)
        ]
        if len(kept) < len(self.lines):
            self.lines = kept
            self._set_changed("option changed")

    def _insert(self, *, bare: bool) -> None:
        """What is missing comes after the section's last line that is neither blank nor a comment."""
        last = max((n for n, line in enumerate(self.lines) if not _BLANK.match(line)), default=-1)
        missing: list[str | None] = list(self.values)
        if not self.values and self.args["allow_no_value"] and not bare:
            missing = [None]
        if missing:
            self.lines[last + 1 : last + 1] = [
                _format_assignment(self.option, one, self.args) for one in missing
            ]
            self._set_changed("option added")

    def absent(self, *, header: bool) -> None:
        """Take the option away, or those of its lines with a value; without an option the section."""
        if not self.option:
            if self.lines:
                self.lines = []
                self._set_changed("section removed")
            return
        kept = []
        for line in self.lines:
            match = self._matches(line, active=True)
            if not match or not (self.args["exclusive"] or match[2] in self.values):
                kept.append(line)
        if len(kept) < len(self.lines):
            self.lines = kept
            self._set_changed("option changed")
