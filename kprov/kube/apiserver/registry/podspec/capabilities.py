"""What the server allows pods to do. --allow-privileged sets it once at start."""

from __future__ import annotations

_allowed = {"privileged": True}


def set_up(*, allow_privileged: bool) -> None:
    _allowed["privileged"] = allow_privileged


def allows_privileged() -> bool:
    """Whether containers may be privileged, and host processes on Windows."""
    return _allowed["privileged"]
