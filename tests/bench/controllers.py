"""The controller manager's memory and work, against another kube-controller-manager where there is one.

Both run against our API server.
"""

from __future__ import annotations

import os

from tests.bench import controllers_curve, controllers_workloads
from tests.bench.comparison import compare
from tests.bench.controller_state import Cluster, wait_for_slices
from tests.bench.controllers_server import run_server, scale
from tests.bench.manager_process import manager

#: Another controller manager's program, such as upstream's, measured in the same run.
OTHER = "KPROV_BENCH_CONTROLLER_MANAGER"
_PODS = 10_000


def figures() -> None:
    """Memory with 10,000 pods, then a deployment, jobs and a namespace, then the cost of a change."""
    memory()
    workloads()
    curve()


def memory() -> None:
    """Memory with 10,000 pods only."""
    compare(_measure_memory, os.environ.get(OTHER), {"memory, MiB": "<= 0.5"}, digits=1)


def workloads() -> None:
    """The time for a deployment, jobs and a namespace only."""
    compare(controllers_workloads.measure, os.environ.get(OTHER), controllers_workloads.WANTED, digits=1)


def curve() -> None:
    """The cost of a change with few and many objects only."""
    controllers_curve.show_curve(os.environ.get(OTHER))


def _measure_memory(program: str | None) -> dict[str, float]:
    pods = scale(_PODS)
    with run_server() as server:
        Cluster(server).grow(pods)
        with manager(server, program) as process:
            wait_for_slices(server, pods)
            cpu = process.settle()
            return {
                f"CPU until settled with {pods} pods, s": cpu,
                "memory, MiB": process.memory_mib(),
                "memory at its peak, MiB": process.memory_mib("VmHWM"),
            }
