"""Has the newest status of every pod and sends changes to the API server (pkg/kubelet/status)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.api.meta import PodUID
from kprov.kube.client import ApiError, ClientError, RestClient
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH, ResourceClient
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.kubelet.pods.pod_queries import CONFIG_MIRROR
from kprov.kube.kubelet.status.patches import make_status_patch
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2.0
_MAX_PARALLEL: Final = 8


class StatusManager:
    """`get_document(uid)` gives the pod as the API server has it (for a static pod its mirror pod)."""

    def __init__(
        self, client: RestClient | None, get_document: Callable[[PodUID], JsonObject | None]
    ) -> None:
        self._client = client
        self._get_document = get_document
        self._statuses: dict[PodUID, JsonObject] = {}
        # uids whose status must be sent, in order
        self._dirty: dict[PodUID, None] = {}
        self._senders: dict[PodUID, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_MAX_PARALLEL)
        # uids whose containers and volumes are gone: their objects are deleted after the last status is sent.
        self._removable: set[PodUID] = set()
        # uid > newest response to our patches
        self._responses: dict[PodUID, JsonObject] = {}

    def get_pod_status(self, uid: PodUID) -> JsonObject | None:
        return self._statuses.get(uid)

    def set_pod_status(self, uid: PodUID, status: JsonObject, api_status: JsonObject) -> bool:
        """Send a new status. False if it is equal to the last one. `api_status`: the API server's."""
        old = self._statuses.get(uid)
        _keep_transition_times(status, old or api_status)
        if not status.get("startTime"):
            status["startTime"] = (old or {}).get("startTime") or timestamps.now()
        if old == status:
            return False
        self._statuses[uid] = status
        self._start_sender(uid)
        return True

    def _start_sender(self, uid: PodUID) -> None:
        if self._client is None:
            return
        self._dirty[uid] = None
        if uid not in self._senders:
            self._senders[uid] = start_background_task(self._run_sender(uid), f"status of pod {uid}")

    def finish_pod(self, uid: PodUID) -> None:
        """Handle that nothing of the pod runs. Delete its object if it is being deleted."""
        self._removable.add(uid)
        self._start_sender(uid)

    def forget_pod(self, uid: PodUID) -> None:
        self._statuses.pop(uid, None)
        self._dirty.pop(uid, None)
        self._responses.pop(uid, None)
        self._removable.discard(uid)

    def reconcile(self, document: JsonObject) -> None:
        """Send the status again if the pod in the API has another one."""
        uid = PodUID(document["metadata"]["uid"])
        status = self._statuses.get(uid)
        if (
            status is not None
            and uid not in self._senders
            and make_status_patch(document.get("status") or {}, status)
        ):
            self._start_sender(uid)

    async def close(self) -> None:
        """Wait until all statuses are sent, at most two seconds."""
        if self._senders:
            await asyncio.wait(list(self._senders.values()), timeout=2)

    async def _run_sender(self, uid: PodUID) -> None:
        try:
            while uid in self._dirty:
                del self._dirty[uid]
                try:
                    async with self._slots:
                        await self._send(uid)
                except ClientError as error:
                    log.warning("sending the status of pod %s, trying again: %s", uid, error)
                    self._dirty[uid] = None
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            # Not in a callback of the task: a status that is set before it runs would be lost.
            del self._senders[uid]

    async def _send(self, uid: PodUID) -> None:
        status, document = self._statuses.get(uid), self._get_newest(uid)
        if status is None or document is None or self._client is None:
            return
        pods: ResourceClient[JsonObject] = self._client.resource("", "v1", "pods")
        try:
            await self._patch_and_delete(uid, pods, document, status)
        except ApiError as error:
            if error.is_conflict and await _exists(pods, document):
                raise
            if not (error.is_not_found or error.is_conflict):
                raise
            name = document["metadata"]["name"]
            log.info("pod %s (%s) is deleted or was replaced by another one: %s", name, uid, error)

    async def _patch_and_delete(
        self, uid: PodUID, pods: ResourceClient[JsonObject], document: JsonObject, status: JsonObject
    ) -> None:
        meta = document["metadata"]
        name, namespace = meta["name"], meta["namespace"]
        patch = make_status_patch(document.get("status") or {}, status)
        if patch:
            body = {"metadata": {"uid": meta["uid"]}, "status": patch}
            document = self._responses[uid] = await pods.patch(
                name, body, namespace=namespace, patch_type=STRATEGIC_MERGE_PATCH, subresource="status"
            )
        if uid in self._removable and _must_be_deleted(document):
            uid_in_api = document["metadata"]["uid"]
            await pods.delete(name, namespace=namespace, grace_period_seconds=0, preconditions_uid=uid_in_api)

    def _get_newest(self, uid: PodUID) -> JsonObject | None:
        """Return the pod from the watch or from our own last write, whichever is newer."""
        seen, response = self._get_document(uid), self._responses.get(uid)
        if seen is None or response is None or seen["metadata"]["uid"] != response["metadata"]["uid"]:
            return seen
        return response if _get_version(response) > _get_version(seen) else seen


async def _exists(pods: ResourceClient[JsonObject], document: JsonObject) -> bool:
    """Whether this pod exists, and not another one of the same name."""
    meta = document["metadata"]
    try:
        live = await pods.get(meta["name"], namespace=meta["namespace"])
    except ApiError as error:
        if error.is_not_found:
            return False
        raise
    return bool(live["metadata"]["uid"] == meta["uid"])


def _must_be_deleted(document: JsonObject) -> bool:
    """Whether the pod's deletion waits for the kubelet. Mirror pods are deleted elsewhere."""
    meta = document["metadata"]
    is_mirror = CONFIG_MIRROR in (meta.get("annotations") or {})
    return bool(meta.get("deletionTimestamp")) and not is_mirror


def _get_version(document: JsonObject) -> int:
    text = document["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdigit() else 0


def _keep_transition_times(status: JsonObject, old: JsonObject) -> None:
    """Keep the lastTransitionTime of a condition whose status did not change."""
    before = {item["type"]: item for item in old.get("conditions") or []}
    for condition in status.get("conditions") or []:
        known = before.get(condition["type"])
        if known and known["status"] == condition["status"] and known.get("lastTransitionTime"):
            condition["lastTransitionTime"] = known["lastTransitionTime"]
        else:
            condition.setdefault("lastTransitionTime", timestamps.now())
