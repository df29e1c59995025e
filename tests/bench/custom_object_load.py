"""A custom kind with a schema of 200 fields, its objects of 2 KB, and loads of requests to them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.bench.apiserver_load import Load, each
from tests.bench.watchers import start

JsonObject = dict[str, Any]

GROUP: Final = "bench.example.com"
OBJECTS: Final = 500
CONNECTIONS: Final = 16
SECONDS: Final = 4
_NAME: Final = f"gadgets.{GROUP}"
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SECTIONS: Final = 10
#: The namespace of what `create` makes, so that the others stay OBJECTS.
_CREATED: Final = "created"
#: A machine at work for others may need longer for them.
_LEAST_ROUNDS: Final = 3
_LISTS_AT_ONCE: Final = 2
#: Each thread has one connection and changes one object. An update needs the version of the one before.
_SCRIPT: Final = """
local number = 0
function setup(thread) thread:set("id", number); number = number + 1 end
local count, version = 0, nil
local method, path, create, body = "%(method)s", "%(path)s", %(create)s, [==[%(body)s]==]
local headers = {["Authorization"] = "Bearer %(token)s", ["Content-Type"] = "%(type)s"}
function request()
  count = count + 1
  if method == "PUT" and not version then return wrk.format("GET", path .. "/w" .. id, headers) end
  local name = create and string.format("%(prefix)s-%%d-%%d", id, count) or "w" .. id
  local text = body:gsub("@NAME@", name):gsub("@COUNT@", id .. "-" .. count):gsub("@VERSION@", version or "")
  return wrk.format(method, create and path or path .. "/" .. name .. "%(query)s", headers, text)
end
if method == "PUT" then
  function response(status, headers, body) version = body:match('"resourceVersion":%%s?"(%%d+)"') end
end
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of a request: of the clock, with all connections at work, and of the server's CPU time."""

    wall: float
    cpu: float


def describe_kind() -> JsonObject:
    """The definition: ten sections of twenty fields."""
    texts = {f"text{n}": {"type": "string", "maxLength": 200} for n in range(8)}
    numbers = {f"number{n}": {"type": "integer", "format": "int32", "minimum": 0} for n in range(4)}
    items = {"name": {"type": "string"}, "value": {"type": "string"}, "port": {"type": "integer"}}
    section = {
        "type": "object",
        "required": ["text0"],
        "properties": texts
        | numbers
        | {
            "isActive": {"type": "boolean", "default": True},
            "mode": {"type": "string", "enum": ["Slow", "Fast"]},
            "name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "items": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": items},
            },
        },
    }
    spec = {"type": "object", "properties": {f"section{n}": section for n in range(_SECTIONS)}}
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [version | {"subresources": {"status": {}}}],
        },
    }


def make_object(name: str, **metadata: Any) -> JsonObject:
    """An object of about 2 KB with half of the fields."""
    section = {
        "text0": "@COUNT@",
        "text1": "a text of some words",
        "text2": "another",
        "number0": 8080,
        "number1": 3,
        "isActive": True,
        "mode": "Fast",
        "name": "an-example",
        "labels": {"app": "example"},
        "items": [{"name": "a", "value": "b", "port": 80}],
    }
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gadget",
        "metadata": {"name": name} | metadata,
        "spec": {f"section{n}": section for n in range(_SECTIONS)},
    }


@dataclass
class CustomLoad:
    """The loads on one server."""

    load: Load
    process: int

    @property
    def path(self) -> str:
        return self._path(self.load.namespace)

    def _path(self, namespace: str) -> str:
        return f"/apis/{GROUP}/v1/namespaces/{namespace}/gadgets"

    def cpu(self) -> float:
        """Seconds of CPU time of the server and its children."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        total = 0
        for process in (str(self.process), *children):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    async def prepare(self) -> None:
        """The namespace, the kind and its objects."""
        async with self.load.session() as session:
            for path, obj in (
                ("/api/v1/namespaces", {"metadata": {"name": self.load.namespace}}),
                ("/api/v1/namespaces", {"metadata": {"name": _CREATED}}),
                (_DEFINITIONS, describe_kind()),
            ):
                async with session.post(self.load.url + path, json=obj) as answer:
                    assert answer.status in {201, 409}, await answer.text()
            await self._wait_until_served(session)
            await each(CONNECTIONS, range(OBJECTS), lambda n: self._make(session, f"w{n}", app=f"a{n % 10}"))

    async def _wait_until_served(self, session: aiohttp.ClientSession) -> None:
        while True:
            async with session.get(self.load.url + self.path) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.1)

    async def _make(self, session: aiohttp.ClientSession, name: str, **labels: str) -> None:
        async with session.post(self.load.url + self.path, json=make_object(name, labels=labels)) as answer:
            if answer.status != 201:
                raise SystemExit(f"{self.load.url}: {answer.status} {await answer.text()}")

    def get(self) -> Cost:
        return self._run(f"{self.path}/w1")

    def list_all(self) -> Cost:
        # Sixteen lists at once end too late on a busy machine.
        return self._run(self.path, connections=_LISTS_AT_ONCE)

    def create(self) -> Cost:
        return self._write("POST", "application/json", create=True)

    def update(self) -> Cost:
        return self._write("PUT", "application/json")

    def apply(self) -> Cost:
        return self._write("PATCH", "application/apply-patch+yaml", query="?fieldManager=bench&force=true")

    def _write(self, method: str, type_: str, *, query: str = "", create: bool = False) -> Cost:
        version = {"resourceVersion": "@VERSION@"} if method == "PUT" else {}
        values = {
            "method": method,
            "path": self._path(_CREATED) if create else self.path,
            "create": str(create).lower(),
            "body": json.dumps(make_object("@NAME@", **version)),
            "token": self.load.token,
            "type": type_,
            "query": query,
            "prefix": f"c{time.monotonic_ns()}",
        }
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(_SCRIPT % values)
            script.flush()
            return self._run(self.path, "-s", script.name, threads=CONNECTIONS)

    def _run(self, path: str, *options: str, threads: int = 2, connections: int = CONNECTIONS) -> Cost:
        program = shutil.which("wrk")
        if program is None:
            raise SystemExit("the load needs wrk: apt-get install wrk")
        command = [program, f"-t{threads}", f"-c{connections}", f"-d{SECONDS}s", *options]
        command += ["-H", f"Authorization: Bearer {self.load.token}", self.load.url + path]
        before, seconds, requests = self.cpu(), 0.0, 0
        while requests < connections * _LEAST_ROUNDS:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
            if found is None or "Non-2xx" in done.stdout:
                raise SystemExit(f"{path}: {done.stdout}")
            requests += int(found[1])
            seconds += float(found[2])
        return Cost(seconds / requests * 1e6, (self.cpu() - before) / requests * 1e6)

    async def fan_out(self, watchers: int = 50, writes: int = 200) -> Cost:
        """Of an event at one watcher."""
        label = f"f{time.monotonic_ns()}"
        async with self.load.session() as session:
            async with session.get(f"{self.load.url}{self.path}?limit=1") as answer:
                version = (await answer.json())["metadata"]["resourceVersion"]
            query = f"?watch=1&resourceVersion={version}&labelSelector=fan%3D{label}"
            name = re.compile(rb'"name":\s?"(%s-\d+)"' % label.encode())
            all_watchers = await asyncio.gather(
                *(
                    start(self.load.url, self.load.token, self.path + query, name, writes)
                    for _ in range(watchers)
                )
            )
            before, begin = self.cpu(), time.perf_counter()
            await each(4, range(writes), lambda n: self._make(session, f"{label}-{n}", fan=label))
            await asyncio.wait_for(asyncio.gather(*(watcher.done for watcher in all_watchers)), 300)
            seconds, cpu = time.perf_counter() - begin, self.cpu() - before
        events = watchers * writes
        return Cost(seconds / events * 1e6, cpu / events * 1e6)
