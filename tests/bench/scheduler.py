"""Our scheduler on our API server, against another scheduler on another API server where there are such.

`python -m tests.bench scheduler [--workload NAME]... [--nodes N] [--pods N] [--rounds N]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.apiserver.controllers import kubeconfig
from tests.apiserver.schedulers import scheduler
from tests.apiserver.servers import running
from tests.bench import apiserver
from tests.bench.hosts import show
from tests.bench.scheduler_load import WORKLOADS, SchedulerLoad

#: Another scheduler's program, such as upstream's. It runs on the API server of KPROV_BENCH_APISERVER.
OTHER: Final = "KPROV_BENCH_SCHEDULER"
#: Nodes become ready without a controller. No pod needs a service account.
_FLAGS: Final = (
    "--authorization-mode=RBAC",
    "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
)
#: They import all that our scheduler needs.
_MODULES: Final = (
    "kprov.kube.scheduler.app",
    "kprov.kube.scheduler.leader",
)
#: Requests of the scheduler in a second: no limit.
_QPS: Final = 100_000
#: What is to be reached against upstream.
_WANTED: Final = {"plain": 1.5, "preemption": 2.0, "affinity": 2.0}
_WANTED_MEMORY: Final = 0.6


@dataclass(frozen=True, slots=True)
class Programs:
    """A scheduler and its API server; None: ours."""

    scheduler: str | None = None
    apiserver: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    #: Pods in a second, from the first creation to the last binding.
    rate: float
    #: The largest resident memory of the scheduler, MiB.
    memory: float
    #: CPU time of the scheduler, seconds.
    cpu: float


def compare(arguments: Sequence[str] = ()) -> None:
    """All workloads, or those that the arguments name."""
    options = _parse(arguments)
    sides = _list_sides()
    _compile_modules()
    for name in options.workload or WORKLOADS:
        workload = WORKLOADS[name]
        nodes, pods = options.nodes or workload.nodes, options.pods or workload.pods
        figures: list[list[Figures]] = [[] for _ in sides]
        for round_number in range(options.rounds):
            # The one that was first is last in the next round.
            order = list(zip(sides, figures, strict=True))
            for programs, found in order if round_number % 2 == 0 else reversed(order):
                found.append(_measure(programs, name, nodes, pods))
        print(f"-- {name}: {pods} pods, {nodes} nodes, {options.rounds} rounds", flush=True)
        show(_list_rows(name, *(_get_medians(found) for found in figures)))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench scheduler")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS), help="default: all")
    parser.add_argument("--nodes", type=int, help="default: those of the workload")
    parser.add_argument("--pods", type=int, help="default: those of the workload")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default: %(default)s)")
    options = parser.parse_args(arguments)
    for field in ("nodes", "pods", "rounds"):
        value = getattr(options, field)
        if value is not None and value < 1:
            parser.error(f"--{field}: must be at least 1")
    return options


def _list_sides() -> list[Programs]:
    """Ours first."""
    other, server = os.environ.get(OTHER), os.environ.get(apiserver.OTHER)
    if other and not server:
        raise SystemExit(f"{OTHER} needs an API server: set {apiserver.OTHER}, too")
    return [Programs(), Programs(other, server)] if other else [Programs()]


def _compile_modules() -> None:
    """Otherwise the first scheduler compiles its modules: 1 s of CPU."""
    subprocess.run([sys.executable, "-c", f"import {', '.join(_MODULES)}"], check=True)


def _measure(programs: Programs, name: str, nodes: int, pods: int) -> Figures:
    """A new etcd, API server and scheduler."""
    with tempfile.TemporaryDirectory() as folder:
        program = (programs.apiserver,) if programs.apiserver else ()
        with running(Path(folder), *_FLAGS, program=program) as (_, server):
            connection = {"kubeconfig": str(kubeconfig(server)), "qps": _QPS, "burst": _QPS}
            command = (programs.scheduler,) if programs.scheduler else ()
            with scheduler(server, program=command, clientConnection=connection) as process:
                load = SchedulerLoad(server.url, "admin-token", WORKLOADS[name], nodes, pods)
                seconds = asyncio.run(load.run())
                return Figures(pods / seconds, _get_peak_mib(process.pid), _get_cpu_seconds(process.pid))


def _get_peak_mib(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def _get_cpu_seconds(process: int) -> float:
    """User and system time of a process since it began."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _get_medians(found: Sequence[Figures]) -> Figures:
    return Figures(
        statistics.median(each.rate for each in found),
        statistics.median(each.memory for each in found),
        statistics.median(each.cpu for each in found),
    )


def _list_rows(name: str, ours: Figures, theirs: Figures | None = None) -> list[tuple[str, str]]:
    """The ratios are ours to theirs."""
    wanted = f" (>= {_WANTED[name]})" if name in _WANTED else ""
    rows = [
        ("pods bound, 1/s", ours.rate, theirs and theirs.rate, wanted),
        ("scheduler's peak memory, MiB", ours.memory, theirs and theirs.memory, f" (<= {_WANTED_MEMORY})"),
        ("scheduler's CPU time, s", ours.cpu, theirs and theirs.cpu, ""),
    ]
    return [
        (title, f"{mine:.1f}" + (f", the other {other:.1f}: {mine / other:.2f}{limit}" if other else ""))
        for title, mine, other, limit in rows
    ]
