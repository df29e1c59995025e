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

import uvloop

from tests.apiserver.servers import ApiServer, running
from tests.bench.apiserver_load import Load, memory_mib
from tests.bench.comparison import compare

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
def serve(program: str | None) -> Iterator[ApiServer]:
    """A server over an etcd of its own. program: another one than ours."""
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
    with serve(program) as server:
        load = Load(server.url, "admin-token")
        pods = asyncio.run(load.prepare())
        found = {
            "pods created, 1/s": pods,
            "GET a pod, requests/s": load.wrk(load.path("pods/p1")),
            "LIST 500 pods at 0, requests/s": load.wrk(load.path("pods?resourceVersion=0")),
            "LIST 500 pods, requests/s": load.wrk(load.path("pods")),
            "POST config maps, requests/s": load.wrk(load.path("configmaps"), post=True),
        }
        events, _, p99 = uvloop.run(load.fan_out(50, 200))
        return found | {
            "50 watchers, events/s": events,
            "  p99 of arrival, ms": p99,
            "memory, MiB": memory_mib(server.process),
        }


def figures() -> None:
    """All figures of ours and, with KPROV_BENCH_APISERVER, of the other; as many workers as there are by default."""
    _both(_figures)


def scale() -> None:
    """50,000 objects, and the cost of an event as watchers go from 10 to 1,000."""
    _both(_large)
    _both(_watchers)


def _watchers(program: str | None) -> dict[str, float]:
    """Microseconds of wall time a delivery; milliseconds from a write to its arrival."""
    with serve(program) as server:
        load = Load(server.url, "admin-token")
        asyncio.run(load.prepare())
        found = {}
        for count, writes in _WATCHERS:
            events, _, p99 = uvloop.run(load.fan_out(count, writes))
            found[f"{count} watchers, us an event"] = 1e6 / events
            found[f"  p99 of arrival to {count}, ms"] = p99
        return found


def _large(program: str | None) -> dict[str, float]:
    """With that state: a restart until it is ready, a LIST of all, a watch that begins with all."""
    with serve(program) as server:
        asyncio.run(Load(server.url, "admin-token").prepare())
        server.stop()
        server.etcd.put_all({f"/registry/configmaps/load/m{n}": _config_map(n) for n in range(_MANY)})
        begin = time.perf_counter()
        server.start()
        ready = time.perf_counter() - begin
        load = Load(server.url, "admin-token")
        listed = asyncio.run(_seconds(load, "?resourceVersion=0", lines=1))
        query = "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
        watched = asyncio.run(_seconds(load, query, lines=_MANY))
        return {
            f"ready after a restart with {_MANY} objects, ms": ready * 1e3,
            f"LIST of {_MANY}, ms": listed * 1e3,
            f"start of a watch with {_MANY}, ms": watched * 1e3,
            "memory with them, MiB": memory_mib(server.process),
        }


#: How many watch, and how many writes they get.
_WATCHERS = ((10, 500), (100, 200), (1000, 30))
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


def _both(measure: Callable[[str | None], dict[str, float]]) -> None:
    compare(measure, os.environ.get(OTHER), _WANTED)
