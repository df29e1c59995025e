"""Counts how often units have started on the hosts, for operations that restart each of them as often as needed."""

from __future__ import annotations

from collections import Counter

from tests.lab.conftest import Lab

#: What systemd writes when a unit has started (systemd/sd-messages.h: SD_MESSAGE_UNIT_STARTED).
_STARTED = "39f53479d3a045ac8e11786248231fbf"
#: Units that read certificates and keys when they start.
UNITS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")


def count_starts(lab: Lab) -> dict[str, Counter[str]]:
    """Return the starts of each unit of UNITS since the boot, by host."""
    script = "; ".join(
        f"echo {unit} $(journalctl -b -q -o cat MESSAGE_ID={_STARTED} UNIT={unit}.service | wc -l)"
        for unit in UNITS
    )
    return {host: _parse(lab.ssh(host, script)) for host in lab.hosts}


def count_new_starts(lab: Lab, before: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """Return how often each unit has started since `before`, by host; without what has not started."""
    after = count_starts(lab)
    return {host: dict(after[host] - before[host]) for host in lab.hosts if after[host] != before[host]}


def _parse(text: str) -> Counter[str]:
    return Counter({unit: int(count) for unit, count in (line.split() for line in text.splitlines())})
