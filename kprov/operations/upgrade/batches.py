"""Splits hosts into batches that an upgrade works on at the same time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kprov.errors import InputError


def read_serial(text: str, count: int) -> int:
    """Return the number of hosts in a batch of `count` hosts, from a number or a percentage as in Ansible.

    Raises InputError.
    """
    match = re.fullmatch(r"(\d+)(%?)", text.strip())
    number = int(match[1]) if match else 0
    if match is None or number < 1 or (match[2] and number > 100):
        raise InputError(
            f"{text!r} is not a number of hosts from 1, or a percentage such as 20%", field="--serial"
        )
    return max(1, count * number // 100) if match[2] else number


def split_hosts(hosts: Sequence[str], size: int) -> list[list[str]]:
    """Split hosts into batches of at most `size`, in their order."""
    return [list(hosts[start : start + size]) for start in range(0, len(hosts), size)]
