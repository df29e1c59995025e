"""fstab(5) as text, and what the kernel has mounted."""

from __future__ import annotations

from typing import Any

_FIELDS = ("src", "name", "fstype", "opts", "dump", "passno")


def escape_field(value: str) -> str:
    r"""A field as fstab has it: \, space and & as octal numbers."""
    return value.replace("\\", "\\134").replace(" ", "\\040").replace("&", "\\046")


def _format_entry(line: str, sizes: tuple[int, ...]) -> dict[str, str] | None:
    if not line.strip() or line.strip().startswith("#"):
        return None
    words = line.split("#", maxsplit=1)[0].split()
    if len(words) not in sizes:
        return None
    # Fields that a line leaves out are not what the task says: Ansible writes them.
    return {"dump": "", "passno": "", **dict(zip(_FIELDS, words))}


def _matches_entry(entry: dict[str, str], wanted: dict[str, Any]) -> bool:
    """Whether a line is the wanted one: by its mount point, swap by its source."""
    if entry["name"] != escape_field(wanted["name"]):
        return False
    swap = entry["name"] == "none" and entry["fstype"] == "swap" and wanted["src"] is not None
    return not swap or entry["src"] == wanted["src"]


def set_entry(lines: list[str], wanted: dict[str, Any]) -> list[str]:
    """The lines with the wanted entry; a line that says the same in other spaces stays."""
    found, there = [], False
    new = " ".join(escape_field(wanted[name]) for name in _FIELDS) + "\n"
    for line in lines:
        entry = _format_entry(line, (4, 5, 6))
        if entry is None or not _matches_entry(entry, wanted):
            found.append(line if line.endswith("\n") else line + "\n")
            continue
        there = True
        same = all(entry[name] == escape_field(wanted[name]) for name in _FIELDS)
        found.append(line if same else new)
    if not there:
        found.append(new)
    # A missing newline at the end alone is no change.
    return lines if "".join(found) == "".join(lines) + "\n" else found


def remove_entry(lines: list[str], wanted: dict[str, Any]) -> list[str]:
    """The lines less the entry."""
    return [
        line
        for line in lines
        for entry in [_format_entry(line, (6,))]
        if entry is None or not _matches_entry(entry, wanted)
    ]


def read_mounts(path: str = "/proc/self/mountinfo") -> dict[str, tuple[str, str]]:
    """What is mounted by its mount point: where from (for a bind the folder) and the device.

    The last mount over a point counts.
    """
    rows: dict[str, list[str]] = {}
    with open(path) as file:
        for line in file:
            words = line.split()
            rows[words[0]] = words
    found = {}
    for words in rows.values():
        root, point, device = words[3], words[4], words[-2]
        above = rows.get(words[1])
        source = device
        if words[1] != "1" and above is not None:
            if len(above[3]) > 1 and root.startswith(above[3] + "/"):
                root = root[len(above[3]) :]
            source = root if above[4] == "/" else above[4] + root
        found[point] = (source, device)
    return found
