"""Kernel parameters of the machine that its labs need; put back when the last lab has gone."""

from __future__ import annotations

import json
from pathlib import Path

from kprov.lab.definition import STATE

# Lower bounds. All hosts share the machine's inotify limits: each systemd and each containerd takes dozens.
WANTED = {
    "net/ipv4/ip_forward": 1,
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
    "kernel/keys/maxkeys": 20000,
    "kernel/keys/maxbytes": 2000000,
}


def raise_limits(*, proc: Path = Path("/proc/sys"), state: Path = STATE) -> list[str]:
    """Raise what is below what labs need; what was there is kept in the state. Returns what was changed."""
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
    """Put back what `raise_limits` found, where nobody changed it since."""
    record = state / "sysctl.json"
    if not record.exists():
        return
    for name, value in json.loads(record.read_text()).items():
        file = proc / name
        if file.exists() and int(file.read_text()) == WANTED.get(name):
            file.write_text(str(value))
    record.unlink()
