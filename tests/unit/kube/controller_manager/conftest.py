"""A small API server on loopback: objects, versions, watches, patches, finalizers. Nothing runs the pods."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from kprov.kube.client import InformerFactory, RestClient
from kprov.kube.client.kubeconfig import ClientConfig
from kprov.kube.controller_manager import options, registry
from kprov.kube.controller_manager.framework.compact import make_transforms
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.machinery import resources, timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import patch_types
from tests.unit.kube.http_server import served

WORDS = """namespaces pods services endpoints nodes configmaps serviceaccounts secrets deployments replicasets
daemonsets statefulsets endpointslices leases events jobs cronjobs clusterroles controllerrevisions
replicationcontrollers poddisruptionbudgets resourcequotas persistentvolumeclaims persistentvolumes
storageclasses servicecidrs ipaddresses"""
KINDS = frozenset(WORDS.split())
FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class ApiServer:
    """`objects` by (plural, namespace, name)."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], JsonObject] = {}
        self.log: list[tuple[int, str, str, JsonObject]] = []
        self.changed = asyncio.Condition()
        self.counter = itertools.count(1)
        self.resources = {
            r.plural: r for r in resources.list_resources() if r.plural in KINDS and "watch" in r.verbs
        }
        self.port = 0
        self.version = 0
        #: Whether a watch (by its request) gets no events.
        self.silent: Callable[[web.BaseRequest], bool] = lambda _: False
        #: Kinds whose watches get no events until `catch_up`.
        self.lagging: set[str] = set()

    async def catch_up(self) -> None:
        """Send what lagging watches have missed."""
        async with self.changed:
            self.lagging.clear()
            self.changed.notify_all()

    def list(self, plural: str, namespace: str = "default") -> list[JsonObject]:
        return [obj for (kind, ns, _), obj in self.objects.items() if (kind, ns) == (plural, namespace)]

    def get(self, plural: str, name: str, namespace: str = "default") -> JsonObject:
        return self.objects[plural, namespace, name]

    async def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait until the condition holds, looking after every change."""
        async with asyncio.timeout(seconds):
            async with self.changed:
                while not (result := condition()):
                    await self.changed.wait()
                return result

    async def create(self, plural: str, document: JsonObject, namespace: str = "default") -> JsonObject:
        resource = self.resources[plural]
        made = copy.deepcopy(document)
        meta = made.setdefault("metadata", {})
        if resource.namespaced:
            meta["namespace"] = namespace
        if "name" not in meta:
            meta["name"] = f"{meta['generateName']}{next(self.counter):05d}"
        key = (plural, meta.get("namespace", ""), meta["name"])
        if key in self.objects:
            raise Refused(409, "AlreadyExists")
        made |= {"apiVersion": resource.api_version, "kind": resource.kind}
        meta |= {"uid": f"uid-{next(self.counter)}", "creationTimestamp": timestamps.now(), "generation": 1}
        return await self._store("ADDED", key, made)

    async def change(
        self, plural: str, name: str, body: JsonObject, namespace: str = "default"
    ) -> JsonObject:
        """Merge into any part, as if some component had written it."""
        key = (plural, namespace if self.resources[plural].namespaced else "", name)
        return await self._update(key, patch_types.merge_patch(self.objects[key], body), "any")

    async def delete(self, key: tuple[str, str, str], policy: str = "Background") -> JsonObject:
        obj = copy.deepcopy(self.objects[key])
        meta = obj["metadata"]
        if policy in FINALIZERS and FINALIZERS[policy] not in meta.get("finalizers", []):
            meta["finalizers"] = [*meta.get("finalizers", []), FINALIZERS[policy]]
        held = meta.get("finalizers") or (key[0] == "namespaces" and obj["spec"].get("finalizers"))
        if held:
            meta.setdefault("deletionTimestamp", timestamps.now())
            return await self._store("MODIFIED", key, obj)
        del self.objects[key]
        return await self._store("DELETED", key, obj)

    async def _store(self, event: str, key: tuple[str, str, str], obj: JsonObject) -> JsonObject:
        async with self.changed:
            self.version += 1
            obj["metadata"]["resourceVersion"] = str(self.version)
            if event != "DELETED":
                self.objects[key] = obj
            self.log.append((self.version, event, key[0], obj))
            self.changed.notify_all()
        return obj

    async def _update(self, key: tuple[str, str, str], new: JsonObject, part: str) -> JsonObject:
        old = self.objects[key]
        kept = {name: old["metadata"][name] for name in ("uid", "creationTimestamp", "generation")}
        new["metadata"] = {**kept, **new["metadata"]}
        sent = new["metadata"].get("resourceVersion")
        if sent and sent != old["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict")
        if new["metadata"]["uid"] != old["metadata"]["uid"]:
            raise Refused(409, "Conflict")
        if part == "status":
            # Annotations come with the status, as the annotation of a deployment's revision does.
            annotations = new["metadata"].get("annotations") or {}
            metadata = {**old["metadata"], **({"annotations": annotations} if annotations else {})}
            new = {**old, "metadata": metadata, "status": new.get("status", {})}
        elif part == "":
            new = {**new, **({"status": old["status"]} if "status" in old else {})}
        new = copy.deepcopy(new)
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        meta = new["metadata"]
        if new == old:
            return old
        finalized = not meta.get("finalizers") and not (
            key[0] == "namespaces" and new["spec"].get("finalizers")
        )
        if meta.get("deletionTimestamp") and finalized:
            del self.objects[key]
            return await self._store("DELETED", key, new)
        return await self._store("MODIFIED", key, new)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._route(request)
        except Refused as refused:
            status = {
                "kind": "Status",
                "code": refused.code,
                "reason": refused.reason,
                "message": refused.reason,
            }
            return web.Response(status=refused.code, body=orjson.dumps(status))

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts in (["api"], ["apis"]):
            return reply(self._discovery(parts[0]))
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2 and parts[2] in self.resources:
            namespace, parts = parts[1], parts[2:]
        plural, name, subresource = [*parts, "", ""][:3]
        body = await request.read()
        document = orjson.loads(body) if body else {}
        if not name:
            return await self._collection(request, plural, namespace, document)
        key = (plural, namespace, name)
        if key not in self.objects:
            raise Refused(404, "NotFound")
        if request.method == "PATCH":
            old = copy.deepcopy(self.objects[key])
            if "strategic" in request.headers["Content-Type"]:
                r = self.resources[plural]
                new = patch_types.strategic_merge_patch(old, document, (r.group, r.version, r.kind))
            else:
                new = patch_types.merge_patch(old, document)
            return reply(await self._update(key, new, subresource))
        if request.method == "PUT":
            return reply(await self._update(key, document, subresource))
        if request.method == "DELETE":
            metadata, wanted = self.objects[key]["metadata"], document.get("preconditions") or {}
            if any(metadata[field] != value for field, value in wanted.items()):
                raise Refused(409, "Conflict")
            return reply(await self.delete(key, document.get("propagationPolicy") or "Background"))
        return reply(self.objects[key])

    async def _collection(
        self, request: web.BaseRequest, plural: str, namespace: str, document: JsonObject
    ) -> web.StreamResponse:
        if request.method == "POST":
            return reply(await self.create(plural, document, namespace))
        if request.method == "DELETE":
            for key in [key for key in self.objects if key[:2] == (plural, namespace)]:
                await self.delete(key)
            return reply({})
        if request.query.get("watch"):
            return await self._watch(request, plural, namespace)
        items = [o for k, o in self.objects.items() if k[0] == plural and namespace in {"", k[1]}]
        return reply({"metadata": {"resourceVersion": str(self.version)}, "items": items})

    async def _watch(self, request: web.BaseRequest, plural: str, namespace: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if self.silent(request):
            await asyncio.Event().wait()
        seen = int(request.query["resourceVersion"])
        while True:
            while plural in self.lagging:
                async with self.changed:
                    await self.changed.wait()
            for version, event, kind, obj in self.log[seen:]:
                seen = version
                if kind == plural and namespace in {"", obj["metadata"].get("namespace")}:
                    await response.write(orjson.dumps({"type": event, "object": obj}) + b"\n")
            async with self.changed:
                if seen == self.version:
                    await self.changed.wait()

    def _discovery(self, root: str) -> JsonObject:
        items: dict[str, list[JsonObject]] = {}
        for r in self.resources.values():
            if bool(r.group) == (root == "apis"):
                scope = "Namespaced" if r.namespaced else "Cluster"
                entry = {"resource": r.plural, "responseKind": {"kind": r.kind}, "scope": scope}
                items.setdefault(f"{r.group}|{r.version}", []).append(entry | {"verbs": list(r.verbs)})
        groups = [
            {
                "metadata": {"name": key.split("|")[0]},
                "versions": [{"version": key.split("|")[1], "resources": entries}],
            }
            for key, entries in items.items()
        ]
        return {"kind": "APIGroupDiscoveryList", "items": groups}


class Refused(Exception):  # noqa: N818
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def reply(document: Any) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    async with served(server.handle) as server.port:
        yield server


@pytest.fixture
async def start(api: ApiServer) -> AsyncIterator[Callable[..., Any]]:
    """`await start("deployment-controller", ..., flags=[...])` runs those controllers until the test ends."""
    stop = asyncio.Event()
    tasks: list[asyncio.Task[Any]] = []
    async with RestClient(ClientConfig(server=f"http://127.0.0.1:{api.port}"), qps=0) as client:

        async def run(*names: str, flags: tuple[str, ...] = ()) -> None:
            context = Context(
                client, InformerFactory(client, transforms=make_transforms()), options.parse(list(flags))
            )
            controllers = [registry.load_controller(name)(context) for name in names]
            tasks.append(asyncio.create_task(context.informers.run(stop)))
            await asyncio.wait_for(context.informers.wait_for_sync(), 5)
            tasks.extend(asyncio.create_task(each.run()) for each in controllers)

        yield run
        stop.set()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.wait(tasks)
