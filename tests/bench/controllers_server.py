"""The API server that the benchmarks of controllers run against, a client for it, and their sizes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from kprov.kube.client import RestClient
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer, running

#: A part of all sizes, for a short try.
SCALE: Final = float(os.environ.get("KPROV_BENCH_SCALE", "1"))
# The accounts of a namespace come from a controller that may not run yet.
_FLAGS: Final = ("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")
_BEGIN: Final = time.monotonic()


def scale(count: int) -> int:
    """At least one set of pods."""
    return max(int(count * SCALE) // 100 * 100, 100)


def report(text: str) -> None:
    """Say on stderr what is measured now: a run takes minutes."""
    print(f"  {time.monotonic() - _BEGIN:6.1f} s  {text}", file=sys.stderr, flush=True)


@contextmanager
def run_server() -> Iterator[ApiServer]:
    """A server over an etcd of its own. Both end, and their files go, with the context."""
    with tempfile.TemporaryDirectory() as name, running(Path(name), *_FLAGS) as (_, server):
        yield server


@asynccontextmanager
async def make_client(server: ApiServer) -> AsyncIterator[RestClient]:
    """A client without a rate limit that is felt."""
    async with RestClient.from_kubeconfig(
        kubeconfig(server), user_agent="bench", qps=10_000, burst=10_000
    ) as client:
        yield client
