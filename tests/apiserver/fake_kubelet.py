"""A kubelet without containers: it reports what the containers of pods are said to do.

It also binds pods to its first node, or the node that a pod's affinity names, unless a scheduler does that.

A container with the command ["exit", "3"] ends at once with that code; any other one runs until its pod is deleted.
`behave` sets another rule for the pods of a namespace, `finish` ends the containers of one pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from kprov.kube.client import ApiError, ClientError, Informer, RestClient, WorkQueue, run_workers
from kprov.kube.client.store import split_key
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer

NODE: Final = "fake-node"
_TERMINAL: Final = {"Succeeded", "Failed"}
_DISRUPTION: Final = "DisruptionTarget"
_RESTART_SECONDS: Final = 0.1
_HEARTBEAT_SECONDS: Final = 2.0
_LEASES: Final = "kube-node-lease"
_CLOSING_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Exit:
    """How the containers of a pod end. ago: so many seconds before now."""

    code: int = 0
    ago: float = 0.0
    #: More conditions of the pod that are True.
    conditions: tuple[str, ...] = ()


#: What a pod's containers do: None if they run on. It is called again after a restart.
Behaviour = Callable[[JsonObject], Exit | None]


def obey_command(pod: JsonObject) -> Exit | None:
    """The rule of pods whose namespace has no other."""
    command = pod["spec"]["containers"][0].get("command") or [""]
    return Exit(int(command[1])) if command[0] == "exit" else None


@dataclass
class FakeKubelet:
    """Runs in a thread of its own. Its methods may be called from any thread."""

    server: ApiServer
    nodes: tuple[str, ...] = (NODE,)
    #: Whether it binds all pods to the first node.
    binds: bool = True
    _behaviours: dict[str, Behaviour] = field(default_factory=dict)
    _ends: dict[str, Exit] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)
    _holding: set[str] = field(default_factory=set)
    _ready: threading.Event = field(default_factory=threading.Event)

    def behave(self, namespace: str, behaviour: Behaviour) -> None:
        """Rule for the pods of a namespace that start from now on."""
        self._behaviours[namespace] = behaviour

    def finish(self, namespace: str, name: str, code: int = 0) -> None:
        """End the containers of a running pod."""
        self._ends[f"{namespace}/{name}"] = Exit(code)
        self._loop.call_soon_threadsafe(self._queue.add, f"{namespace}/{name}")

    def hold(self, namespace: str) -> None:
        """Let deleted pods of the namespace go on running, until `let_go`."""
        self._holding.add(namespace)

    def let_go(self, namespace: str) -> None:
        self._holding.discard(namespace)
        for pod in self._pods.list(namespace):
            name = pod["metadata"]["name"]
            self._loop.call_soon_threadsafe(self._queue.add, f"{namespace}/{name}")

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def run(self) -> None:
        """Work until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._queue: WorkQueue[str] = WorkQueue()
        async with RestClient.from_kubeconfig(
            str(kubeconfig(self.server)), user_agent="fake-kubelet", qps=500, burst=1000
        ) as client:
            self._client = client
            self._pods: Informer[JsonObject] = Informer(client.resource("", "v1", "pods", dict))
            self._pods.add_handler(on_add=self._enqueue, on_update=lambda _, new: self._enqueue(new))
            for name in self.nodes:
                await self._register_node(name)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._pods.run())]
                await self._pods.wait_for_sync()
                work = run_workers(self._queue, self._sync, workers=8, name="fake-kubelet")
                tasks.append(group.create_task(work))
                tasks.append(group.create_task(self._send_heartbeats()))
                self._ready.set()
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        # TLS connections of aiohttp are closed a moment after their session.
        await asyncio.sleep(_CLOSING_SECONDS)

    def wait_until_ready(self) -> None:
        assert self._ready.wait(30), "the fake kubelet did not start"

    def _enqueue(self, pod: JsonObject) -> None:
        self._queue.add(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")

    async def _register_node(self, name: str) -> None:
        nodes = self._client.resource("", "v1", "nodes", dict)
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
        with contextlib.suppress(ApiError):
            await nodes.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        size = {"pods": "1000", "cpu": "100", "memory": "100Gi"}
        ready = {"conditions": [_condition("Ready", "True")], "capacity": size, "allocatable": size}
        await nodes.patch(name, {"status": ready}, subresource="status")
        # Admission adds the taint not-ready to new nodes.
        await nodes.patch(name, {"spec": {"taints": None}})

    async def _send_heartbeats(self) -> None:
        """Renew the leases of all nodes, for the node lifecycle controller."""
        leases = self._client.resource("coordination.k8s.io", "v1", "leases", dict)
        while True:
            for name in self.nodes:
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
                lease = {"metadata": {"name": name, "namespace": _LEASES}, "spec": spec}
                with contextlib.suppress(ClientError):
                    try:
                        await leases.patch(name, {"spec": spec}, namespace=_LEASES)
                    except ApiError as error:
                        if not error.is_not_found:
                            raise
                        await leases.create(lease, namespace=_LEASES)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def _sync(self, key: str) -> None:
        pod = self._pods.get(*split_key(key))
        if pod is None:
            return
        try:
            await self._advance(key, pod)
        except ApiError as error:
            if not error.is_not_found and not error.is_conflict:
                raise

    async def _advance(self, key: str, pod: JsonObject) -> None:
        """Bring a pod one step on. The event of that step brings the next."""
        phase = pod["status"].get("phase")
        namespace = pod["metadata"]["namespace"]
        if not pod["spec"].get("nodeName"):
            is_waiting = pod["spec"].get("schedulingGates") or pod["metadata"].get("deletionTimestamp")
            if self.binds and not is_waiting:
                await self._bind(pod)
        elif pod["metadata"].get("deletionTimestamp"):
            if namespace not in self._holding:
                await self._remove(pod)
        elif phase in _TERMINAL:
            return
        elif phase != "Running":
            await self._report(pod, "Running")
        elif end := self._ends.pop(key, None) or self._decide(pod):
            await self._end(key, pod, end)

    def _decide(self, pod: JsonObject) -> Exit | None:
        behaviour = self._behaviours.get(pod["metadata"]["namespace"], obey_command)
        return behaviour(pod)

    async def _bind(self, pod: JsonObject) -> None:
        metadata = pod["metadata"]
        node = _find_affinity_node(pod) or self.nodes[0]
        body = {"metadata": {"name": metadata["name"]}, "target": {"kind": "Node", "name": node}}
        pods = self._pods.resource
        path = pods.path(metadata["namespace"], metadata["name"], "binding")
        await self._client.request("POST", path, body=body)

    async def _end(self, key: str, pod: JsonObject, end: Exit) -> None:
        policy = pod["spec"]["restartPolicy"]
        if policy == "Always" or (policy == "OnFailure" and end.code):
            uid = pod["metadata"]["uid"]
            self._restarts[uid] = self._restarts.get(uid, 0) + 1
            await self._report(pod, "Running")
            self._queue.add_after(key, _RESTART_SECONDS)
            return
        await self._report(pod, "Failed" if end.code else "Succeeded", end)

    async def _remove(self, pod: JsonObject) -> None:
        """What a kubelet does with a deleted pod: report how it ended, then remove it."""
        metadata = pod["metadata"]
        if pod["status"].get("phase") not in _TERMINAL:
            await self._report(pod, "Failed", Exit(137))
            return
        if metadata.get("deletionGracePeriodSeconds") == 0:
            # Only finalizers hold it.
            return
        await self._pods.resource.delete(
            metadata["name"],
            namespace=metadata["namespace"],
            grace_period_seconds=0,
            preconditions_uid=metadata["uid"],
        )

    async def _report(self, pod: JsonObject, phase: str, end: Exit | None = None) -> None:
        metadata = pod["metadata"]
        is_ready = "True" if phase == "Running" else "False"
        conditions = [_condition("Ready", is_ready), _condition("PodScheduled", "True")]
        conditions += [_condition(kind, "True") for kind in (end.conditions if end else ())]
        conditions += [each for each in pod["status"].get("conditions", ()) if each["type"] == _DISRUPTION]
        restarts = self._restarts.get(metadata["uid"], 0)
        status = {
            "phase": phase,
            "conditions": conditions,
            "startTime": pod["status"].get("startTime") or timestamps.now(),
            "containerStatuses": [
                _container_status(each, end, restarts) for each in pod["spec"]["containers"]
            ],
        }
        await self._pods.resource.patch(
            metadata["name"],
            {"metadata": {"uid": metadata["uid"]}, "status": status},
            namespace=metadata["namespace"],
            subresource="status",
        )


def _find_affinity_node(pod: JsonObject) -> str:
    """The node that the pod's affinity names, as that of a daemon set's pod does. "" for none."""
    affinity = pod["spec"].get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in required.get("nodeSelectorTerms", ()):
        for requirement in term.get("matchFields", ()):
            return str(requirement["values"][0])
    return ""


def _condition(kind: str, status: str) -> JsonObject:
    return {"type": kind, "status": status, "lastTransitionTime": timestamps.now()}


def _container_status(container: Mapping[str, str], end: Exit | None, restarts: int) -> JsonObject:
    state: JsonObject = {"running": {"startedAt": timestamps.now()}}
    if end is not None:
        finished = timestamps.show(datetime.now(UTC) - timedelta(seconds=end.ago))
        reason = "Error" if end.code else "Completed"
        state = {"terminated": {"exitCode": end.code, "reason": reason, "finishedAt": finished}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": end is None,
        "started": end is None,
        "restartCount": restarts,
        "state": state,
    }


@contextlib.contextmanager
def fake_kubelet(
    server: ApiServer, nodes: tuple[str, ...] = (NODE,), *, binds: bool = True
) -> Iterator[FakeKubelet]:
    """A fake kubelet of all these nodes beside the server. binds: False if a scheduler runs, too."""
    kubelet = FakeKubelet(server, nodes, binds)
    thread = threading.Thread(target=lambda: asyncio.run(kubelet.run()), name="fake-kubelet")
    thread.start()
    try:
        kubelet.wait_until_ready()
        yield kubelet
    finally:
        kubelet.stop()
        thread.join(20)
