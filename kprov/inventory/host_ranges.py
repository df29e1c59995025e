"""Expands host names of a source: node[01:10], node[a:c], node[1:9:2], and ports as in node1:2222."""

from __future__ import annotations

import ipaddress
import re
import string

from kprov.errors import InputError

#: Hosts that one entry may name.
MAX_HOSTS = 100_000
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_BOUNDS = re.compile(r"([0-9]*|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?")
_NAME = re.compile(r"\w([\w-]*[^\W_])?(\.\w([\w-]*[^\W_])?)*", re.UNICODE)


def expand_entry(name: str, file: str = "", line: int | None = None) -> tuple[list[str], int | None]:
    """Return the names of an entry, and its port or None."""
    pattern, port = split_port(name)
    return expand_ranges(pattern, file, line), port


def split_port(name: str) -> tuple[str, int | None]:
    """Split NAME:PORT or [ADDRESS]:PORT; an IPv6 address without brackets has no port."""
    match = re.fullmatch(r"\[(.+)\]:([0-9]+)", name) or re.fullmatch(
        r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)", name
    )
    if match and is_address(match[1]):
        return match[1], int(match[2])
    return name, None


def is_address(name: str) -> bool:
    """Whether a name, without its ranges, is a valid host name or address."""
    address = re.sub(r"\[([0-9a-zA-Z]+):[0-9a-zA-Z]+(:[0-9]+)?\]", r"\1", name)
    return bool(_NAME.fullmatch(address)) or is_ip(address)


def is_ip(text: str) -> bool:
    """Whether a text is an address of IPv4 or IPv6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def expand_ranges(name: str, file: str = "", line: int | None = None) -> list[str]:
    """Return all names of a name with ranges; leading zeros are kept. Raises InputError."""
    names, rest = [""], name
    while match := _RANGE.search(rest):
        try:
            values = _range_values(match[1])
        except ValueError as error:
            raise InputError(f"{match[0]} {error}", file=file or None, line=line, field=name) from None
        if len(names) * len(values) > MAX_HOSTS:
            text = f"the range has more than {MAX_HOSTS:,} hosts"
            raise InputError(text, file=file or None, line=line, field=name)
        before = rest[: match.start()]
        names = [f"{start}{before}{value}" for start in names for value in values]
        rest = rest[match.end() :]
    if "[" in rest:
        raise InputError("a range of hosts has no closing bracket", file=file or None, line=line, field=name)
    return [start + rest for start in names]


def _range_values(text: str) -> list[str]:
    bounds = _BOUNDS.fullmatch(text)
    if not bounds:
        raise ValueError("is not a range: [BEGIN:END] or [BEGIN:END:STEP]")
    start, end, step = bounds[1] or "0", bounds[2], int((bounds[3] or "1")[:18])
    if start.isdigit() != end.isdigit() or step < 1:
        raise ValueError("is not a range: both ends are numbers or letters, the step is 1 or more")
    if start.isdigit():
        width = len(start) if start.startswith("0") and len(start) > 1 else 0
        if width and len(end) != width:
            raise ValueError("must have ends of the same length, as the first has a leading zero")
        if max(len(start), len(end)) > 18:
            raise ValueError("has a number that is too large")
        numbers = range(int(start), int(end) + 1, step)
        if len(numbers) > MAX_HOSTS:
            raise ValueError(f"has {len(numbers):,} hosts; one entry may have {MAX_HOSTS:,}")
        values = [f"{number:0{width}d}" for number in numbers]
    else:
        letters = string.ascii_letters
        values = list(letters[letters.index(start) : letters.index(end) + 1 : step])
    if not values:
        raise ValueError("is an empty range")
    return values
