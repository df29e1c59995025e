"""Edits fstab(5) as lines of text, and reads the mounted file systems from the kernel."""

from __future__ import annotations

from typing import Any

_FIELDS = ("src", "name", "fstype", "opts", "dump", "passno")


def escape_field(value: str) -> str:
    r"""Escape a field for fstab: \, space and & as octal numbers."""
    return value.replace("\\", "\\134").replace(" ", "\\040").replace("&", "\\046")


def _parse_entry(line: str, sizes: tuple[int, ...]) -> dict[str, str] | None:
    if not line.strip() or line.strip().startswith("#"):
        return None
    words = line.split("#", maxsplit=1)[0].split()
    if len(words) not in sizes:
        return None
    # A line without dump and passno differs from every request, as in Ansible: it writes all six fields.
    return {"dump": "", "passno": "", **dict(zip(_FIELDS, words))}


def _matches_entry(entry: dict[str, str], requested: dict[str, Any]) -> bool:
    """Whether an entry has the requested mount point; swap has none, so compare its source."""
    if entry["name"] != escape_field(requested["name"]):
        return False
    swap = entry["name"] == "none" and entry["fstype"] == "swap" and requested["src"] is not None
    return not swap or entry["src"] == requested["src"]


def set_entry(lines: list[str], requested: dict[str, Any]) -> list[str]:
    """Return the lines with the requested entry. A line that differs only in white space stays as it is."""
    result, is_present = [], False
    new = " ".join(escape_field(requested[name]) for name in _FIELDS) + "\n"
    for line in lines:
        entry = _parse_entry(line, (4, 5, 6))
        if entry is None or not _matches_entry(entry, requested):
            result.append(line if line.endswith("\n") else line + "\n")
            continue
        is_present = True
        same = all(entry[name] == escape_field(requested[name]) for name in _FIELDS)
        result.append(line if same else new)
    if not is_present:
        result.append(new)
    # If only the newline at the end of the file is missing, nothing changes.
    return lines if "".join(result) == "".join(lines) + "\n" else result


def remove_entry(lines: list[str], requested: dict[str, Any]) -> list[str]:
    """Return the lines without the entry."""
    return [
        line
        for line in lines
        for entry in [_parse_entry(line, (6,))]
        if entry is None or not _matches_entry(entry, requested)
    ]


def read_mounts(path: str = "/proc/self/mountinfo") -> dict[str, tuple[str, str]]:
    """Return source (for a bind mount, the folder) and device by mount point.

    If several file systems are mounted on one mount point, return the last one.
    """
    rows: dict[str, list[str]] = {}
    with open(path) as file:
        for line in file:
            words = line.split()
            rows[words[0]] = words
    mounts = {}
    for words in rows.values():
        root, point, device = words[3], words[4], words[-2]
        above = rows.get(words[1])
        source = device
        if words[1] != "1" and above is not None:
            if len(above[3]) > 1 and root.startswith(above[3] + "/"):
                root = root[len(above[3]) :]
            source = root if above[4] == "/" else above[4] + root
        mounts[point] = (source, device)
    return mounts
