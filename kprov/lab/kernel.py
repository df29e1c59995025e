"""Raises kernel parameters of the machine for its labs; restores them after the last lab."""

from __future__ import annotations

import json
from pathlib import Path

from kprov.lab.definition import STATE

# Minimums. All hosts share the machine's inotify limits, and each systemd and containerd needs dozens.
WANTED = {
    "net/ipv4/ip_forward": 1,
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
    "kernel/keys/maxkeys": 20000,
    "kernel/keys/maxbytes": 2000000,
}


def raise_limits(*, proc: Path = Path("/proc/sys"), state: Path = STATE) -> list[str]:
    """Raise parameters below the minimum; save the old values in the state; return the changes."""
    record = state / "sysctl.json"
    before: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
    changes = {}
    for name, least in WANTED.items():
        file = proc / name
        if file.exists() and (now := int(file.read_text())) < least:
            changes[name] = now
    if not changes:
        return []
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({**changes, **before}))
    for name in changes:
        (proc / name).write_text(str(WANTED[name]))
    return [name.replace("/", ".") for name in changes]


def restore_limits(*, proc: Path = Path("/proc/sys"), state: Path = STATE) -> None:
    """Restore the values before `raise_limits`, unless they have changed since."""
    record = state / "sysctl.json"
    if not record.exists():
        return
    for name, value in json.loads(record.read_text()).items():
        file = proc / name
        if file.exists() and int(file.read_text()) == WANTED.get(name):
            file.write_text(str(value))
    record.unlink()
