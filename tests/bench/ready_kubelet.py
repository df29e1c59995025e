"""A kubelet without containers that costs little: every pod on a node is reported once, as ready or as finished."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from kprov.kube.api.meta import View
from kprov.kube.client import ApiError, Informer, RestClient, WorkQueue, run_workers
from kprov.kube.client.store import split_key
from kprov.kube.machinery import timestamps
from tests.bench.controller_state import make_running_status


class _Meta(View):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    uid: str = ""
    labels: dict[str, str] = {}  # noqa: RUF012  msgspec gives each object its own


class _Spec(View):
    node_name: str = ""


class _Status(View):
    phase: str = ""


class _Pod(View):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


#: Pods with this label finish at once.
FINISHES = "finishes"


class ReadyKubelet:
    """Reports the pods of one namespace as long as `run` runs."""

    def __init__(self, client: RestClient, namespace: str) -> None:
        self._queue: WorkQueue[str] = WorkQueue()
        self._number = 0
        self.pods = Informer(client.resource("", "v1", "pods", _Pod), namespace=namespace)
        self.pods.add_handler(on_add=self._enqueue)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pods.run())
            group.create_task(run_workers(self._queue, self._report, workers=16, name="kubelet"))

    def _enqueue(self, pod: _Pod) -> None:
        if pod.spec.node_name and pod.status.phase == "Pending":
            self._queue.add(f"{pod.metadata.namespace}/{pod.metadata.name}")

    async def _report(self, key: str) -> None:
        namespace, name = split_key(key)
        pod = self.pods.get(namespace, name)
        if pod is None:
            return
        self._number += 1
        status = make_running_status(self._number, timestamps.now())
        if FINISHES in pod.metadata.labels:
            _finish(status)
        body = {"metadata": {"uid": pod.metadata.uid}, "status": status}
        with contextlib.suppress(ApiError):
            await self.pods.resource.patch(name, body, namespace=namespace, subresource="status")


def _finish(status: dict[str, Any]) -> None:
    now = timestamps.now()
    status["phase"] = "Succeeded"
    for condition in status["conditions"]:
        if condition["type"] in {"Ready", "ContainersReady"}:
            condition |= {"status": "False", "reason": "PodCompleted"}
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    status["containerStatuses"][0] |= {"ready": False, "started": False, "state": {"terminated": ended}}
