"""Keeps the newest status of every pod and sends what changed to the API server (pkg/kubelet/status)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH, ResourceClient
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

Status = dict[str, Any]
_RETRY_SECONDS: Final = 2.0
_PARALLEL: Final = 8


class StatusManager:
    """``current(uid)`` gives the pod as the API server last told it (a mirror pod for a static one)."""

    def __init__(self, client: RestClient | None, current: Callable[[str], Pod | None]) -> None:
        self._client = client
        self._current = current
        self._statuses: dict[str, Status] = {}
        self._dirty: dict[str, None] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_PARALLEL)
        # uids whose containers and volumes are gone: their objects may go once the last status is sent.
        self._removable: set[str] = set()
        # uid > newest answer to our own patches
        self._answers: dict[str, Pod] = {}

    def get(self, uid: str) -> Status | None:
        return self._statuses.get(uid)

    def set(self, pod: Pod, status: Status) -> bool:
        """Take a new status; True when it differs from the last one. It is on its way at once."""
        uid = pod_queries.uid_of(pod)
        old = self._statuses.get(uid)
        _keep_times(status, old or pod.get("status") or {})
        if not status.get("startTime"):
            status["startTime"] = (old or {}).get("startTime") or timestamps.now()
        if old == status:
            return False
        self._statuses[uid] = status
        self.send(uid)
        return True

    def send(self, uid: str) -> None:
        """Send again, such as when the API's status is not ours."""
        if self._client is None:
            return
        self._dirty[uid] = None
        if uid not in self._sending:
            self._sending[uid] = asyncio.get_running_loop().create_task(self._work(uid))

    def finish(self, uid: str) -> None:
        """The pod's last status is set and nothing of it runs: delete its object if that was asked for."""
        self._removable.add(uid)
        self.send(uid)

    def forget(self, uid: str) -> None:
        self._statuses.pop(uid, None)
        self._dirty.pop(uid, None)
        self._answers.pop(uid, None)
        self._removable.discard(uid)

    def reconcile(self, pod: Pod) -> None:
        """The API server shows a pod: if its status is not what we know, tell it again."""
        status = self._statuses.get(pod_queries.uid_of(pod))
        if (
            status is not None
            and pod_queries.uid_of(pod) not in self._sending
            and _difference(pod.get("status") or {}, status)
        ):
            self.send(pod_queries.uid_of(pod))

    async def close(self) -> None:
        """Wait for what is on its way, at most two seconds."""
        if self._sending:
            await asyncio.wait(list(self._sending.values()), timeout=2)

    async def _work(self, uid: str) -> None:
        try:
            while uid in self._dirty:
                del self._dirty[uid]
                try:
                    async with self._slots:
                        await self._send(uid)
                except ClientError as error:
                    log.warning("status of pod %s: %s", uid, error)
                    self._dirty[uid] = None
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            # Not in a callback of the task: what is sent before that runs would find a sender and be lost.
            del self._sending[uid]

    async def _send(self, uid: str) -> None:
        status, pod = self._statuses.get(uid), self._newest(uid)
        if status is None or pod is None or self._client is None:
            return
        resource: ResourceClient[Pod] = self._client.resource("", "v1", "pods")
        try:
            await self._tell(uid, resource, pod, status)
        except ApiError as error:
            if error.is_conflict and await self._is_there(resource, pod):
                raise
            if not (error.is_not_found or error.is_conflict):
                raise
            log.info("pod %s is another one or gone: %s", pod_queries.told(pod), error)

    async def _tell(self, uid: str, resource: ResourceClient[Pod], pod: Pod, status: Status) -> None:
        name, namespace = pod_queries.name_of(pod), pod_queries.namespace_of(pod)
        patch = _difference(pod.get("status") or {}, status)
        if patch:
            body = {"metadata": {"uid": pod_queries.uid_of(pod)}, "status": patch}
            pod = self._answers[uid] = await resource.patch(
                name, body, namespace=namespace, patch_type=STRATEGIC_MERGE_PATCH, subresource="status"
            )
        if uid in self._removable and pod_queries.is_being_deleted(pod) and not pod_queries.is_mirror(pod):
            await resource.delete(
                name, namespace=namespace, grace_period_seconds=0, preconditions_uid=pod_queries.uid_of(pod)
            )

    async def _is_there(self, resource: ResourceClient[Pod], pod: Pod) -> bool:
        """Whether the conflict was about a version, and not about another pod of the same name."""
        try:
            live = await resource.get(pod_queries.name_of(pod), namespace=pod_queries.namespace_of(pod))
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return pod_queries.uid_of(live) == pod_queries.uid_of(pod)

    def _newest(self, uid: str) -> Pod | None:
        """The pod from the watch or from our own last write, whichever is newer."""
        seen, answer = self._current(uid), self._answers.get(uid)
        if seen is None or answer is None or pod_queries.uid_of(seen) != pod_queries.uid_of(answer):
            return seen
        return answer if _version(answer) > _version(seen) else seen


def _version(pod: Pod) -> int:
    text = pod["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdigit() else 0


def _keep_times(status: Status, old: Status) -> None:
    """A condition that did not change keeps the time of its last change."""
    before = {item["type"]: item for item in old.get("conditions") or []}
    for condition in status.get("conditions") or []:
        known = before.get(condition["type"])
        if known and known["status"] == condition["status"] and known.get("lastTransitionTime"):
            condition["lastTransitionTime"] = known["lastTransitionTime"]
        else:
            condition.setdefault("lastTransitionTime", timestamps.now())


def _difference(api: Status, wanted: Status) -> Status:
    """The strategic merge patch of a status that makes ``api`` say ``wanted``; empty when it does."""
    patch: Status = {}
    for field, value in wanted.items():
        if field == "conditions":
            known = {item["type"]: _normal(item) for item in api.get(field) or []}
            changed = [
                # The merge keeps what a condition does not name: what is gone has to be said.
                {"lastProbeTime": None, **dict.fromkeys(known.get(item["type"], {})), **item}
                for item in value
                if known.get(item["type"]) != _normal(item)
            ]
            if changed:
                patch[field] = changed
        elif _clean(api.get(field)) != _clean(value):
            if field in {"podIPs", "hostIPs"} and api.get(field):
                patch[field] = [*value, {"$patch": "replace"}]
            else:
                patch[field] = value
    for field in ("reason", "message", "initContainerStatuses", "ephemeralContainerStatuses"):
        if api.get(field) and field not in wanted:
            patch[field] = None
    return patch


def _normal(condition: Status) -> Status:
    return {key: value for key, value in condition.items() if value not in (None, "", 0)}


def _clean(value: Any) -> Any:
    """Without what the wire leaves out: nulls and empty maps."""
    if isinstance(value, dict):
        return {
            key: cleaned for key, item in value.items() if (cleaned := _clean(item)) not in (None, {}, "")
        }
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
