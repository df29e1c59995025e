"""Checks that the cluster has a snapshot of etcd that was restored as a proof, and that it is not too old."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, VerifyHost


def check_snapshots(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Check the timer, and the newest proven snapshot of the cluster that this host knows."""
    if not cluster.snapshot_max_age or "etcd" not in me.groups:
        return
    state = host.run("systemctl is-active etcd-snapshot.timer").stdout.strip()
    yield Finding("timer", ok=state == "active", detail=f"etcd-snapshot.timer is {state}")
    output = host.run(f"python3 -I {cluster.snapshot_program} status")
    if output.rc != 0:
        lines = output.stderr.strip().splitlines() or ["no error message"]
        yield Finding("proof", ok=False, detail=f"{cluster.snapshot_program}: {lines[-1]}")
        return
    created = host.run(f"stat -c %Y {cluster.etcd_data_dir}/member").stdout.strip()
    failed = host.run("systemctl show -P Result etcd-snapshot.service").stdout.strip()
    yield judge_proof(
        json.loads(output.stdout).get("last"),
        now=time.time(),
        created=float(created or 0),
        max_age=cluster.snapshot_max_age,
        result=failed,
    )


def judge_proof(
    last: dict[str, Any] | None, *, now: float, created: float, max_age: float, result: str = "success"
) -> Finding:
    """Judge the newest record of a proven snapshot.

    created: when the member was created; a new cluster needs no snapshot before `max_age` has passed.
    result: of the last run of the snapshot service on this host, as systemd says.
    """
    reason = "" if result == "success" else f"; the last run failed ({result}): journalctl -u etcd-snapshot"
    if last is None:
        detail = f"no snapshot has been proven yet; the first is due at {format_age(max_age)}{reason}"
        is_late = now - created > max_age
        return Finding("proof", ok=not is_late, detail=detail, warning=bool(reason) and not is_late)
    age = max(0.0, now - last["proven"])
    detail = f"{last['file']} on {last['host']}, revision {last['revision']}, proven {format_age(age)} ago"
    if age > max_age:
        return Finding("proof", ok=False, detail=f"{detail}, more than {format_age(max_age)}{reason}")
    return Finding("proof", ok=True, detail=detail + reason, warning=bool(reason), headline=True)


def format_age(seconds: float) -> str:
    """Return a time span in its largest whole unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
