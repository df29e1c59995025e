"""Custom resources: requests to their objects, and many definitions of products at once.

Every figure is a time or a size, and its ratio is that of the other server divided by ours: 2.0 means that
we need half. KPROV_BENCH_APISERVER is the other server's program. KPROV_TEST_PRODUCTS is a folder of
products with their definitions (docs/custom-resources.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop

from tests.apiserver.loop_budget import LoopBudget
from tests.apiserver.servers import ApiServer
from tests.bench.apiserver import OTHER, serve
from tests.bench.apiserver_load import Load, memory_mib
from tests.bench.custom_object_load import GROUP, Cost, CustomLoad, make_object
from tests.bench.definition_load import Definitions, reading
from tests.bench.hosts import show

PRODUCTS: Final = "KPROV_TEST_PRODUCTS"
#: Measurements of each figure, in turns.
_TURNS: Final = 2
_DEFINITIONS: Final = 100
_STORED: Final = 20_000
#: The other's time divided by ours.
_WANTED: Final = {
    "GET": 2.0,
    "LIST of 500": 3.0,
    "create": 1.0,
    "update": 1.0,
    "apply": 1.0,
    "event at one of 50 watchers": 1.5,
    "explained, s": 1.0,
    "p99 of a pod's GET, ms": 1.0,
    "memory a definition, MiB": 2.0,
    "ready after a restart, s": 1.0,
}
_LOADS: Final[dict[str, Callable[[CustomLoad], Cost]]] = {
    "GET": CustomLoad.get,
    "LIST of 500": CustomLoad.list_all,
    "create": CustomLoad.create,
    "update": CustomLoad.update,
    "apply": CustomLoad.apply,
    "event at one of 50 watchers": lambda load: uvloop.run(load.fan_out()),
}


def objects() -> None:
    """Requests to custom objects of 2 KB: microseconds a request, in turns, and the median of the ratios."""
    with ExitStack() as stack:
        loads = []
        for program in _list_programs():
            server = stack.enter_context(serve(program))
            loads.append(CustomLoad(Load(server.url, "admin-token"), server.process))
            asyncio.run(loads[-1].prepare())
        for name, run in _LOADS.items():
            costs = [[run(load) for load in loads] for _ in range(_TURNS)]
            print(f"{name}: {_compare([[cost.wall for cost in turn] for turn in costs], _WANTED.get(name))}")
            print(f"  its CPU time: {_compare([[cost.cpu for cost in turn] for turn in costs])}", flush=True)


def definitions() -> None:
    """A hundred definitions of products, then a restart with 20,000 objects."""
    folder = os.environ.get(PRODUCTS)
    if not folder:
        print(f"{PRODUCTS} is not set: give a folder with definitions of products")
        return
    made = Definitions(Path(folder), _DEFINITIONS)
    print(f"{len(made.bodies)} definitions, {sum(map(len, made.bodies)) / 2**20:.1f} MiB")
    turns = [[_measure_definitions(program, made) for program in _list_programs()] for _ in range(2)]
    show(
        [
            (
                name,
                _compare(
                    [[figures.get(name, 0.0) for figures in turn] for turn in turns], _WANTED.get(name), 2
                ),
            )
            for name in turns[0][0]
        ]
    )


def _measure_definitions(program: str | None, made: Definitions) -> dict[str, float]:
    with serve(program) as server:
        load = Load(server.url, "admin-token")
        custom = CustomLoad(load, server.process)
        asyncio.run(load.prepare())
        time.sleep(2)
        cpu, before = custom.cpu(), memory_mib(server.process)
        budget = LoopBudget()
        with reading(load, server.port) as latencies:
            served = uvloop.run(made.create(load))
        cpu = custom.cpu() - cpu
        time.sleep(5)
        steps = budget.read_new_steps({server.folder / "apiserver.log"})
        found = {
            "accepted, s": served.accepted,
            "discovered, s": served.discovered,
            "explained, s": served.explained,
            "CPU time, s": cpu,
            "p99 of a pod's GET, ms": latencies.p99,
            "longest of them, ms": latencies.longest,
            "longest step of our loop, ms": max((step.seconds * 1e3 for step in steps), default=0.0),
            "memory a definition, MiB": (memory_mib(server.process) - before) / len(made.bodies),
        }
        for step in sorted(steps, key=lambda step: -step.seconds)[:10]:
            print(f"  {step.seconds * 1e3:.0f} ms: {step.request}: {step.stack}")
        asyncio.run(custom.prepare())
        return found | _measure_restart(server, custom)


def _measure_restart(server: ApiServer, custom: CustomLoad) -> dict[str, float]:
    server.kill()
    server.etcd.put_all(
        {f"/registry/{GROUP}/gadgets/load/s{number}": _encode(f"s{number}") for number in range(_STORED)}
    )
    begin = time.perf_counter()
    server.start()
    ready = time.perf_counter() - begin
    while server.get(f"{custom.path}/s7", token="admin-token").status != 200:
        time.sleep(0.05)
    served = time.perf_counter() - begin
    custom.process = server.process
    cpu = custom.cpu()
    return {
        "ready after a restart, s": ready,
        "custom objects served after it, s": served,
        "CPU time until then, s": cpu,
        "memory after it, MiB": memory_mib(server.process),
    }


def _encode(name: str) -> bytes:
    metadata = {"namespace": "load", "uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return json.dumps(make_object(name, generation=1, **metadata)).encode()


def _list_programs() -> list[str | None]:
    """Ours, and the other if there is one."""
    other = os.environ.get(OTHER)
    return [None, other] if other else [None]


def _compare(turns: list[list[float]], wanted: float | None = None, digits: int = 0) -> str:
    """Medians of our figure and the other's, and of the ratios of the turns."""
    medians = [statistics.median(values) for values in zip(*turns, strict=True)]
    text = f"{medians[0]:.{digits}f}"
    if len(medians) == 1:
        return text
    text += f", the other {medians[1]:.{digits}f}"
    if not all(ours and other for ours, other in turns):
        return text
    ratios = sorted(other / ours for ours, other in turns)
    goal = "" if wanted is None else f" (>= {wanted})"
    return f"{text}: {statistics.median(ratios):.2f}{goal}, {ratios[0]:.2f} to {ratios[-1]:.2f}"
