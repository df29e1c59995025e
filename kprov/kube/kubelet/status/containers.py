"""containerStatuses from what the runtime says (convertToAPIContainerStatuses)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from kprov.kube.kubelet.cri.pod_state import CREATED, EXITED, RUNNING, ContainerStatus, PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.runtime import pod_actions
from kprov.kube.kubelet.runtime.pod_runtime import Waiting
from kprov.kube.machinery import timestamps

Status = dict[str, Any]
_LOST: Final = "ContainerStatusUnknown"
RUNTIME: Final = "containerd"


def make(
    pod: Pod,
    state: PodState,
    containers: Sequence[Container],
    old: Sequence[Status],
    waiting: Mapping[str, Waiting],
    *,
    init: bool,
) -> list[Status]:
    """One for each container, in upstream's order: init containers as in the spec, others by name."""
    before = {status["name"]: status for status in old}
    has_init = bool(pod_queries.init_containers(pod))
    result: dict[str, Status] = {}
    for container in containers:
        name = container["name"]
        result[name] = _status(pod, state, container, before.get(name), has_init=has_init)
    for container in containers:
        name = container["name"]
        latest = state.latest(name)
        status = result[name]
        ended_well = latest is not None and latest.state == EXITED and latest.exit_code == 0
        if init and ended_well and not pod_queries.is_sidecar(container):
            continue
        if (
            init
            and latest is None
            and pod_actions.any_app_created(pod, state)
            and not pod_queries.is_sidecar(container)
        ):
            if status["state"].get("waiting"):
                text = (
                    "Unable to get init container status from container runtime and pod has been initialized,"
                    " treat it as exited normally"
                )
                status["state"] = {"terminated": {"exitCode": 0, "reason": "Completed", "message": text}}
            continue
        why = waiting.get(name)
        if why is None or not pod_actions.should_restart(pod, container, state):
            continue
        if status["state"].get("terminated"):
            status["lastState"] = status["state"]
        status["state"] = {"waiting": _without_empty({"reason": why.reason, "message": why.message})}
    ordered = [result[container["name"]] for container in containers]
    return ordered if init else sorted(ordered, key=lambda status: str(status["name"]))


def _status(pod: Pod, state: PodState, container: Container, old: Status | None, *, has_init: bool) -> Status:
    mine = [status for status in state.containers if status.name == container["name"]][:2]
    mounts = _volume_mounts(container)
    if not mine:
        return _unseen(pod, container, old, mounts, has_init=has_init)
    status = _of(mine[0], old)
    if len(mine) > 1 and (last := _of(mine[1], None)["state"]).get("terminated"):
        status["lastState"] = last
    if mounts:
        status["volumeMounts"] = mounts
    resources = container.get("resources")
    status["resources"] = resources or {}
    if resources and resources.get("requests"):
        status["allocatedResources"] = resources["requests"]
    return status


def _unseen(
    pod: Pod, container: Container, old: Status | None, mounts: list[Status], *, has_init: bool
) -> Status:
    """The runtime knows no such container: not made yet, or lost."""
    if old is not None and old["state"].get("terminated"):
        return dict(old)
    status: Status = {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}},
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
            status["lastState"] = {
                "terminated": {
                    "exitCode": 137,
                    "reason": _LOST,
                    "message": text,
                    "startedAt": None,
                    "finishedAt": None,
                }
            }
            if not pod_queries.is_being_deleted(pod):
                status["restartCount"] += 1
    return status


def _of(container: ContainerStatus, old: Status | None) -> Status:
    identity = f"{RUNTIME}://{container.id}"
    status: Status = {
        "name": container.name,
        "image": container.image,
        "imageID": container.image_ref,
        "containerID": identity,
        "ready": False,
        "restartCount": container.restart_count,
        "state": {},
        "lastState": {},
    }
    if container.state == RUNNING:
        status["state"] = {"running": {"startedAt": _time(container.started_at)}}
    elif container.state == EXITED:
        status["state"] = {
            "terminated": _without_empty(
                {
                    "exitCode": container.exit_code,
                    "reason": container.reason,
                    "message": container.message,
                    "startedAt": _time(container.started_at),
                    "finishedAt": _time(container.finished_at),
                    "containerID": identity,
                }
            )
        }
    elif container.state != CREATED and old is not None and old["state"].get("running"):
        text = "The container could not be located when the pod was terminated"
        status["state"] = {
            "terminated": {
                "exitCode": 137,
                "reason": _LOST,
                "message": text,
                "startedAt": None,
                "finishedAt": None,
            }
        }
        status["restartCount"] = old.get("restartCount", 0) + 1
    else:
        status["state"] = {"waiting": {}}
    if old is not None and old.get("containerID") != identity:
        if terminated := (old["state"].get("terminated") or (old.get("lastState") or {}).get("terminated")):
            status["lastState"] = {"terminated": terminated}
    elif old is not None:
        status["lastState"] = old.get("lastState") or {}
    return status


def _volume_mounts(container: Container) -> list[Status]:
    mounts = []
    for entry in container.get("volumeMounts") or []:
        mount: Status = {"name": entry["name"], "mountPath": entry["mountPath"]}
        if entry.get("readOnly"):
            mount |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
        mounts.append(mount)
    return mounts


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value != ""}


def _time(nanoseconds: int) -> str | None:
    """RFC 3339, None (Go's zero time) for what did not happen."""
    if nanoseconds <= 0:
        return None
    return timestamps.show(datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC))
