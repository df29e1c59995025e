"""Loads for one API server: what is asked of it, and what came of it."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.watchers import start

PODS = 500
CONNECTIONS = 16
SECONDS = 6
_POST = """
local count, number = 0, 0
function setup(thread) thread:set("id", number); number = number + 1 end
function request()
  count = count + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"post-' .. id .. '-' .. count .. '"},"data":{"k":"' ..
    string.rep("v", 100) .. '"}}'
  return wrk.format("POST", nil, {["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json"}, body)
end
"""


@dataclass
class Load:
    """A server by its URL and an administrator's token; `namespace` is made for the objects."""

    url: str
    token: str
    namespace: str = "load"

    def session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        return aiohttp.ClientSession(
            headers=headers, connector=connector, timeout=aiohttp.ClientTimeout(total=600)
        )

    def path(self, resource: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{resource}"

    async def make(self, session: aiohttp.ClientSession, resource: str, obj: dict[str, Any]) -> None:
        async with session.post(self.url + self.path(resource), json=obj) as answer:
            if answer.status != 201:
                raise SystemExit(f"{self.url}: {answer.status} {await answer.text()}")

    async def prepare(self) -> float:
        """The namespace and its pods; pods a second."""
        async with self.session() as session:
            metadata = {"metadata": {"name": self.namespace}}
            async with session.post(f"{self.url}/api/v1/namespaces", json=metadata) as answer:
                await answer.read()
            begin = time.perf_counter()
            await each(CONNECTIONS, range(PODS), lambda number: self.make(session, "pods", self._pod(number)))
            return PODS / (time.perf_counter() - begin)

    def _pod(self, number: int) -> dict[str, Any]:
        container = {
            "name": "c",
            "image": "registry.example.org/pause:3",
            "env": [{"name": f"E{index}", "value": "x" * 20} for index in range(10)],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        }
        return {
            "metadata": {"name": f"p{number}", "labels": {"app": f"a{number % 10}"}},
            "spec": {"containers": [container]},
        }

    def wrk(self, path: str, *, post: bool = False) -> float:
        """Requests a second of as many connections as CONNECTIONS; all must be answered with 2xx."""
        program = shutil.which("wrk")
        if program is None:
            raise SystemExit("the load needs wrk: apt-get install wrk")
        command = [
            program,
            "-t2",
            f"-c{CONNECTIONS}",
            f"-d{SECONDS}s",
            "-H",
            f"Authorization: Bearer {self.token}",
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            if post:
                script.write(_POST % self.token)
                script.flush()
                command += ["-s", script.name]
            done = subprocess.run([*command, self.url + path], capture_output=True, text=True, check=True)
        if "Non-2xx" in done.stdout:
            raise SystemExit(f"{path}: {done.stdout}")
        found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        assert found is not None, done.stdout
        return float(found[1])

    async def fan_out(self, watchers: int, writes: int) -> tuple[float, float, float]:
        """Events a second at all watchers together; milliseconds from a write to its arrival: median, p99."""
        sent: dict[str, float] = {}
        label = f"f{watchers}"
        async with self.session() as session:
            listing = f"{self.url}{self.path('configmaps')}?limit=1"
            async with session.get(listing) as answer:
                version = (await answer.json())["metadata"]["resourceVersion"]
            query = f"?watch=1&resourceVersion={version}&labelSelector=fan%3D{label}"
            name = re.compile(rb'"name":\s?"(%s-\d+)"' % label.encode())

            async def write(number: int) -> None:
                made = f"{label}-{number}"
                sent[made] = time.perf_counter()
                metadata = {"name": made, "labels": {"fan": label}}
                await self.make(session, "configmaps", {"metadata": metadata, "data": {"k": "v" * 100}})

            path = self.path("configmaps") + query
            all_watchers = await asyncio.gather(
                *(start(self.url, self.token, path, name, writes) for _ in range(watchers))
            )
            begin = time.perf_counter()
            await each(4, range(writes), write)
            await asyncio.wait_for(asyncio.gather(*(watcher.done for watcher in all_watchers)), 300)
            seconds = time.perf_counter() - begin
        late = [when - sent[made.decode()] for watcher in all_watchers for made, when in watcher.arrived]
        late.sort()
        return watchers * writes / seconds, late[len(late) // 2] * 1e3, late[int(len(late) * 0.99)] * 1e3


async def each(at_once: int, items: Any, work: Any) -> None:
    """Work for all items, some at once."""
    gate = asyncio.Semaphore(at_once)

    async def one(item: Any) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*(one(item) for item in items))


def memory_mib(process: int) -> float:
    """Resident memory of a process and those it has begun, MiB."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    total = 0.0
    for one in (str(process), *children):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text())
        total += int(found[1]) / 1024 if found else 0.0
    return total
