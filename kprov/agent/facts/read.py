"""Reads small files, such as those of /proc and /sys."""

from __future__ import annotations


def read_text(path: str) -> str | None:
    """Return a file's text without surrounding white space; None if it is unreadable or empty."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip() or None
    except OSError:
        return None


def read_line(path: str) -> str:
    """Return a file's first line; "" if the file is unreadable or empty."""
    return (read_text(path) or "").partition("\n")[0].strip()


def read_lines(path: str) -> list[str]:
    return (read_text(path) or "").splitlines()
