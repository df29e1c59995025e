"""Parses and formats modes in Ansible's forms: "0644", 420, "u=rw,g+r,o=", "a+X"."""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from kprov.agent.context import ModuleError

_RIGHTS = {"r": 4, "w": 2, "x": 1}
_SHIFT = {"u": 6, "g": 3, "o": 0}
_SPECIAL = {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": stat.S_ISVTX}
_CLAUSE = re.compile(r"([ugo]+|a|)((?:[-+=][rwxXstugo]*)+)")


def read_umask() -> int:
    """Return the umask. The kernel returns it only when it is set, so set it twice."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def format_mode(mode: int) -> str:
    """Format a mode for results, with four digits or more."""
    return f"0{mode:03o}"


def parse_mode(mode: Any, current: int, *, directory: bool = False) -> int:
    """Parse a mode; a symbolic one changes `current`. Raises ModuleError."""
    if isinstance(mode, int):
        return mode
    try:
        return int(str(mode), 8)
    except ValueError:
        pass
    for clause in str(mode).split(","):
        match = _CLAUSE.fullmatch(clause)
        if not match:
            raise ModuleError(
                "mode must be in octal or symbolic form",
                details=f"bad symbolic permission for mode: {clause}",
            )
        classes = "ugo" if match[1] in ("", "a") else match[1]
        for action, letters in re.findall(r"([-+=])([^-+=]*)", match[2]):
            for permission_class in classes:
                bits = _symbolic_bits(
                    permission_class, letters, current, directory=directory, masked=match[1] == ""
                )
                if action == "+":
                    current |= bits
                elif action == "-":
                    current &= ~bits
                else:
                    current = current & ~(7 << _SHIFT[permission_class] | _SPECIAL[permission_class]) | bits
    return current


def _symbolic_bits(
    permission_class: str, letters: str, current: int, *, directory: bool, masked: bool
) -> int:
    """Return the bits of the letters for user, group or others; `masked` applies the umask."""
    bits = 0
    shift = _SHIFT[permission_class]
    for letter in letters:
        if letter in _RIGHTS:
            right = _RIGHTS[letter] << shift
            bits |= right & ~read_umask() if masked else right
        elif letter == "X":
            bits |= 1 << shift if directory or current & 0o111 else 0
        elif letter in _SHIFT:
            bits |= (current >> _SHIFT[letter] & 7) << shift
        elif (letter == "s" and permission_class != "o") or (letter == "t" and permission_class == "o"):
            bits |= _SPECIAL[permission_class]
    return bits
