"""Container statuses from the runtime's state (convertToAPIContainerStatuses)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Container, Pod
from kprov.kube.kubelet.cri.pod_state import CREATED, EXITED, RUNNING, ContainerState, PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.runtime.restart_rules import (
    has_created_app_container,
    has_succeeded,
    should_container_be_restarted,
)
from kprov.kube.kubelet.runtime.waiting import Waiting
from kprov.kube.kubelet.status.resize import find_actual_resources
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

_LOST_REASON: Final = "ContainerStatusUnknown"
_LOST_EXIT_CODE: Final = 137


def generate_container_statuses(
    pod: Pod,
    state: PodState,
    containers: Sequence[Container],
    old: Sequence[JsonObject],
    waiting: Mapping[str, Waiting],
    *,
    init: bool,
) -> list[JsonObject]:
    """Return a status for each container.

    Init containers are in the order of the spec, others sorted by name.
    """
    before = {status["name"]: status for status in old}
    result = []
    for container in containers:
        status = _generate_status(pod, state, container, before.get(container.name))
        if init and not pod_queries.is_sidecar(container):
            if has_succeeded(state.get_newest(container.name)):
                result.append(status)
                continue
            if state.get_newest(container.name) is None and has_created_app_container(pod, state):
                result.append(_complete_removed_init_container(status))
                continue
        reason = waiting.get(container.name)
        if reason is not None and should_container_be_restarted(pod, container, state):
            _set_waiting(status, reason)
        result.append(status)
    return result if init else sorted(result, key=lambda status: str(status["name"]))


def _complete_removed_init_container(status: JsonObject) -> JsonObject:
    """Return the status as succeeded: the pod is past its init containers, and this one is removed."""
    if status["state"].get("waiting"):
        text = (
            "Unable to get init container status from container runtime and pod has been initialized,"
            " treat it as exited normally"
        )
        status["state"] = {"terminated": {"exitCode": 0, "reason": "Completed", "message": text}}
    return status


def _set_waiting(status: JsonObject, waiting: Waiting) -> None:
    if status["state"].get("terminated"):
        status["lastState"] = status["state"]
    fields = {"reason": waiting.reason, "message": waiting.message}
    status["state"] = {"waiting": _drop_empty(fields)}


def _generate_status(pod: Pod, state: PodState, container: Container, old: JsonObject | None) -> JsonObject:
    newest = [item for item in state.containers if item.name == container.name][:2]
    mounts = _list_volume_mounts(container, newest[0].recursive_mounts if newest else frozenset())
    if not newest:
        return _generate_status_of_missing(pod, container, old, mounts)
    status = _convert(newest[0], old)
    if len(newest) > 1 and (last := _convert(newest[1], None)["state"]).get("terminated"):
        status["lastState"] = last
    if mounts:
        status["volumeMounts"] = mounts
    resources: JsonObject = msgspec.to_builtins(find_actual_resources(container, newest[0], old))
    status["resources"] = resources
    if resources.get("requests"):
        status["allocatedResources"] = resources["requests"]
    return status


def _generate_status_of_missing(
    pod: Pod, container: Container, old: JsonObject | None, mounts: list[JsonObject]
) -> JsonObject:
    """Make the status of a container that the runtime does not have: not created yet, or lost."""
    if old is not None and old["state"].get("terminated"):
        return dict(old)
    reason = "PodInitializing" if pod.spec.init_containers else "ContainerCreating"
    status: JsonObject = {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
    }
    if mounts:
        status["volumeMounts"] = mounts
    if old is not None:
        status["restartCount"] = old.get("restartCount", 0)
        status["lastState"] = old.get("lastState") or {}
        if old["state"].get("running") and not status["lastState"].get("terminated"):
            text = (
                "The container could not be located when the pod was deleted."
                "  The container used to be Running"
            )
            status["lastState"] = _make_lost_state(text)
            if not pod_queries.is_being_deleted(pod):
                status["restartCount"] += 1
    return status


def _make_lost_state(message: str) -> JsonObject:
    return {
        "terminated": {
            "exitCode": _LOST_EXIT_CODE,
            "reason": _LOST_REASON,
            "message": message,
            "startedAt": None,
            "finishedAt": None,
        }
    }


def _convert(container: ContainerState, old: JsonObject | None) -> JsonObject:
    container_id = container.uri
    status: JsonObject = {
        "name": container.name,
        "image": container.image,
        "imageID": container.image_ref,
        "containerID": container_id,
        "ready": False,
        "restartCount": container.restart_count,
        "state": {},
        "lastState": {},
    }
    if container.state == RUNNING:
        status["state"] = {"running": {"startedAt": _render_time(container.started_at)}}
    elif container.state == EXITED:
        status["state"] = _make_terminated_state(container, container_id)
    elif container.state != CREATED and old is not None and old["state"].get("running"):
        text = "The container could not be located when the pod was terminated"
        status["state"] = _make_lost_state(text)
        status["restartCount"] = old.get("restartCount", 0) + 1
    else:
        status["state"] = {"waiting": {}}
    if old is not None:
        status["lastState"] = _get_last_state(old, container_id)
    return status


def _make_terminated_state(container: ContainerState, container_id: str) -> JsonObject:
    fields = {
        "exitCode": container.exit_code,
        "reason": container.reason,
        "message": container.message,
        "startedAt": _render_time(container.started_at),
        "finishedAt": _render_time(container.finished_at),
        "containerID": container_id,
    }
    return {"terminated": _drop_empty(fields)}


def _get_last_state(old: JsonObject, container_id: str) -> JsonObject:
    """`lastState`: how the former container ended, if `old` is the status of another container."""
    last: JsonObject = old.get("lastState") or {}
    if old.get("containerID") == container_id:
        return last
    terminated = old["state"].get("terminated") or last.get("terminated")
    return {"terminated": terminated} if terminated else {}


def _list_volume_mounts(container: Container, recursive: frozenset[str]) -> list[JsonObject]:
    """Return the mounts for the status. `recursive`: those that the runtime made recursively read-only."""
    mounts = []
    for entry in container.volume_mounts:
        mount: JsonObject = {"name": entry.name, "mountPath": entry.mount_path}
        if entry.read_only:
            mode = "Enabled" if entry.mount_path in recursive else "Disabled"
            mount |= {"readOnly": True, "recursiveReadOnly": mode}
        mounts.append(mount)
    return mounts


def _drop_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value != ""}


def _render_time(nanoseconds: int) -> str | None:
    """RFC 3339. None (Go's zero time) for what did not happen."""
    if nanoseconds <= 0:
        return None
    return timestamps.show(datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC))
