"""Host names with ranges: node[01:10], node[a:c], node[1:9:2]."""

from __future__ import annotations

import re
import string

from kprov.errors import InputError

_RANGE = re.compile(r"\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?\]")


def expand(name: str, file: str = "", line: int | None = None) -> list[str]:
    """All names that a name with ranges stands for; leading zeros are kept."""
    found = _RANGE.search(name)
    if not found:
        return [name]
    start, end, step = found[1], found[2], int(found[3] or 1)
    if start.isdigit() != end.isdigit() or step < 1:
        raise InputError(f"{found[0]} is not a range", file=file or None, line=line, field=name)
    if start.isdigit():
        width = len(start) if start.startswith("0") else 0
        values = [f"{number:0{width}d}" for number in range(int(start), int(end) + 1, step)]
    else:
        letters = string.ascii_letters
        values = list(letters[letters.index(start) : letters.index(end) + 1 : step])
    if not values:
        raise InputError(f"{found[0]} is an empty range", file=file or None, line=line, field=name)
    return [
        whole
        for value in values
        for whole in expand(name[: found.start()] + value + name[found.end() :], file, line)
    ]
