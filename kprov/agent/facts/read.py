"""Small files of /proc and /sys."""

from __future__ import annotations


def read_text(path: str) -> str | None:
    """A file's text without the white space around it; None where it cannot be read or is empty."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip() or None
    except OSError:
        return None


def read_line(path: str) -> str:
    """A file's first line; empty where it cannot be read."""
    return (read_text(path) or "").partition("\n")[0].strip()


def read_lines(path: str) -> list[str]:
    return (read_text(path) or "").splitlines()
