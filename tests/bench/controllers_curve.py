"""The cost of a change for a controller manager, with few and with many objects.

Both programs run one after the other against the same server, at each size.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Sequence
from typing import Any, Final

import uvloop

from kprov.kube.client import RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from tests.apiserver.servers import ApiServer
from tests.bench.comparison import build_rows
from tests.bench.controller_state import (
    NAMESPACE,
    PODS_OF_A_SET,
    Cluster,
    pod_name,
    replica_set_name,
    wait_for_slices,
)
from tests.bench.controllers_server import make_client, report, run_server, scale
from tests.bench.hosts import show
from tests.bench.manager_process import Manager, manager

_SIZES: Final = (1_000, 5_000, 10_000, 25_000, 50_000)
#: Other sizes, with commas between them.
_CHOSEN: Final = "KPROV_BENCH_SIZES"
#: Pods of the first deployments change, so that with more objects no fewer changes fall together.
_CHANGING: Final = _SIZES[0]
_CHANGES: Final = 200
_DELETIONS: Final = 100
# Slow enough that each change is worked off before the next comes.
_CHANGES_A_SECOND: Final = 20
_FOLLOW_SECONDS: Final = 60
_PAUSE_SECONDS: Final = 2


def show_curve(other: str | None) -> None:
    """Print the figures of each size, and the growth from the first to the last."""
    programs: dict[str, str | None] = {"ours": None}
    if other:
        programs["the other"] = other
    found: dict[str, dict[str, float]] = {name: {} for name in programs}
    chosen = [int(size) for size in os.environ.get(_CHOSEN, "").split(",") if size] or _SIZES
    sizes = sorted({scale(size) for size in chosen})
    with run_server() as server:
        cluster = Cluster(server)
        for pods in sizes:
            report(f"{pods} pods")
            cluster.grow(pods)
            for name, program in programs.items():
                report(f"{name} with {pods} pods")
                figures = _measure(server, cluster, pods, program)
                report(", ".join(f"{figure} {value:.2f}" for figure, value in figures.items()))
                found[name] |= figures
    wanted = {_name_change(pods): "<= 1.0" for pods in sizes}
    show(build_rows(found["ours"], found.get("the other", {}), wanted, digits=2))
    _show_growth(found, sizes)


def _show_growth(found: dict[str, dict[str, float]], sizes: Sequence[int]) -> None:
    few, many = sizes[0], sizes[-1]
    for title, make_name in (("a change", _name_change), ("a deletion", _name_deletion)):
        for name, figures in found.items():
            before, after = figures[make_name(few)], figures[make_name(many)]
            growth = f"{after / before:.2f}" if before else "-"
            goal = " (<= 1.5)" if name == "ours" else ""
            print(f"{title}: {name}: {many} pods against {few}: {growth}{goal}")


def _name_change(pods: int) -> str:
    return f"CPU for a change with {pods} pods, ms"


def _name_deletion(pods: int) -> str:
    return f"CPU for a deletion with {pods} pods, ms"


def _measure(server: ApiServer, cluster: Cluster, pods: int, program: str | None) -> dict[str, float]:
    singles = [f"single-{number}" for number in range(_DELETIONS)]
    cluster.add_single_pods(singles)
    with manager(server, program) as process:
        wait_for_slices(server, pods)
        start = process.settle()
        change, deletion = uvloop.run(_change_pods(server, process, singles))
        return {
            f"CPU until settled with {pods} pods, s": start,
            _name_change(pods): change * 1e3,
            _name_deletion(pods): deletion * 1e3,
            f"memory with {pods} pods, MiB": process.memory_mib(),
        }


async def _change_pods(server: ApiServer, process: Manager, singles: Sequence[str]) -> tuple[float, float]:
    """CPU seconds for a pod that becomes unready or ready again, and for one that is deleted."""
    chosen = random.Random(1).sample(range(scale(_CHANGING)), min(_CHANGES // 2, scale(_CHANGING)))
    async with make_client(server) as client:
        pods = client.resource("", "v1", "pods", dict)
        cpu = process.cpu
        for ready in (False, True):
            pace = _Pace()
            for index in chosen:
                status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
                await pods.patch(
                    pod_name(index),
                    {"status": status},
                    namespace=NAMESPACE,
                    subresource="status",
                    patch_type=STRATEGIC_MERGE_PATCH,
                )
                await pace.wait()
            await _wait_for_ready(client, scale(_CHANGING) - (0 if ready else len(chosen)))
        await asyncio.sleep(_PAUSE_SECONDS)
        changes = process.cpu - cpu
        cpu, pace = process.cpu, _Pace()
        for name in singles:
            await pods.delete(name, namespace=NAMESPACE)
            await pace.wait()
        await asyncio.sleep(_PAUSE_SECONDS)
        return changes / (2 * len(chosen)), (process.cpu - cpu) / len(singles)


async def _wait_for_ready(client: RestClient, count: int) -> None:
    """Until the statuses of the replica sets have so many ready pods: the controllers have followed."""
    sets: Any = client.resource("apps", "v1", "replicasets", dict)
    names = [replica_set_name(number) for number in range(scale(_CHANGING) // PODS_OF_A_SET)]
    end = time.monotonic() + _FOLLOW_SECONDS
    while True:
        found = [
            (await sets.get(name, namespace=NAMESPACE))["status"].get("readyReplicas", 0) for name in names
        ]
        if sum(found) == count:
            return
        if time.monotonic() > end:
            raise SystemExit(f"{sum(found)} pods are ready in the statuses of their sets, not {count}")
        await asyncio.sleep(0.2)


class _Pace:
    """Keeps changes at a fixed rate."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._number = 0

    async def wait(self) -> None:
        """Wait until the next change may come."""
        self._number += 1
        await asyncio.sleep(self._begin + self._number / _CHANGES_A_SECOND - time.monotonic())
