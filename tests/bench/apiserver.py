"""The API server's read paths, writes, watches and memory, against another kube-apiserver where there is one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.apiserver.servers import ApiServer, running
from tests.bench.apiserver_load import Load, memory_mib
from tests.bench.hosts import show

#: Another server's program, such as upstream's, measured in the same run.
OTHER = "KPROV_BENCH_APISERVER"
_FLAGS = ("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")
#: What is to be reached against upstream: at least, or (memory, p99) at most.
_WANTED = {
    "GET a pod, requests/s": ">= 2.0",
    "LIST 500 pods at 0, requests/s": ">= 3.0",
    "LIST 500 pods, requests/s": ">= 3.0",
    "POST config maps, requests/s": ">= 1.0",
    "pods created, 1/s": ">= 1.0",
    "50 watchers, events/s": ">= 1.5",
    "  p99 of arrival, ms": "<= 1.0",
    "memory, MiB": "<= 0.5",
}


@contextmanager
def _server(program: str | None) -> Iterator[ApiServer]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In the older form, which every server reads.
        make: list[str | Path] = [
            "openssl",
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            folder / "sa.key",
        ]
        subprocess.run(make, check=True)
        with running(folder, *_FLAGS, program=(program,) if program else ()) as (_, server):
            time.sleep(2)
            yield server


def _figures(program: str | None) -> dict[str, float]:
    with _server(program) as server:
        load = Load(server.url, "admin-token")
        pods = asyncio.run(load.prepare())
        found = {
            "pods created, 1/s": pods,
            "GET a pod, requests/s": load.wrk(load.path("pods/p1")),
            "LIST 500 pods at 0, requests/s": load.wrk(load.path("pods?resourceVersion=0")),
            "LIST 500 pods, requests/s": load.wrk(load.path("pods")),
            "POST config maps, requests/s": load.wrk(load.path("configmaps"), post=True),
        }
        events, _, p99 = asyncio.run(load.fan_out(50, 200))
        return found | {
            "50 watchers, events/s": events,
            "  p99 of arrival, ms": p99,
            "memory, MiB": memory_mib(server.process),
        }


def figures() -> None:
    """All figures of ours and, with KPROV_BENCH_APISERVER, of the other; as many workers as CPUs."""
    os.environ.setdefault("KPROV_APISERVER_WORKERS", str(os.cpu_count() or 1))
    other = os.environ.get(OTHER)
    theirs = _figures(other) if other else {}
    ours = _figures(None)
    rows = []
    for name, value in ours.items():
        text = f"{value:.0f}"
        if theirs:
            text += f", the other {theirs[name]:.0f}: {value / theirs[name]:.2f} ({_WANTED[name]})"
        rows.append((name, text))
    show(rows)


def watchers() -> None:
    """Cost of an event as watchers go from 10 to 1,000: microseconds of wall time a delivery."""

    def measure(program: str | None) -> list[str]:
        with _server(program) as server:
            load = Load(server.url, "admin-token")
            asyncio.run(load.prepare())
            costs = []
            for count, writes in ((10, 500), (100, 200), (1000, 30)):
                events, _, p99 = asyncio.run(load.fan_out(count, writes))
                costs.append(f"{count}: {1e6 / events:.0f} us, p99 {p99:.0f} ms")
            return costs

    _both(measure)


def large() -> None:
    """50,000 objects: a restart until it is ready, a LIST of all, a watch that begins with all."""

    def measure(program: str | None) -> list[str]:
        with _server(program) as server:
            asyncio.run(Load(server.url, "admin-token").prepare())
            server.stop()
            server.etcd.put_all({f"/registry/configmaps/load/m{n}": _config_map(n) for n in range(_MANY)})
            begin = time.perf_counter()
            server.start()
            ready = time.perf_counter() - begin
            load = Load(server.url, "admin-token")
            listed = asyncio.run(_seconds(load, "?resourceVersion=0", lines=1))
            query = (
                "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
            )
            watched = asyncio.run(_seconds(load, query, lines=_MANY))
            memory = memory_mib(server.process)
            return [
                f"ready {ready:.2f} s",
                f"LIST {listed:.2f} s",
                f"watch {watched:.2f} s",
                f"memory {memory:.0f} MiB",
            ]

    _both(measure)


_MANY = 50_000


def _config_map(number: int) -> bytes:
    metadata = {
        "name": f"m{number}",
        "namespace": "load",
        "uid": str(uuid.uuid4()),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": f"a{number % 100}"},
    }
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"k": "v" * 500}}
    return json.dumps(obj).encode()


async def _seconds(load: Load, query: str, *, lines: int) -> float:
    """Until so many lines (or the end) of an answer are here."""
    begin = time.perf_counter()
    async with (
        load.session() as session,
        session.get(f"{load.url}{load.path('configmaps')}{query}") as answer,
    ):
        seen = 0
        async for part, _ in answer.content.iter_chunks():
            seen += part.count(b"\n")
            if lines > 1 and seen >= lines:
                break
    return time.perf_counter() - begin


def _both(measure: Callable[[str | None], list[str]]) -> None:
    other = os.environ.get(OTHER)
    os.environ.setdefault("KPROV_APISERVER_WORKERS", str(os.cpu_count() or 1))
    rows = [("ours", "; ".join(measure(None)))]
    if other:
        rows.append(("the other", "; ".join(measure(other))))
    show(rows)
