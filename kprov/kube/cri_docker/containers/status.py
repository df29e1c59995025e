"""Containers in CRI's terms, from what Docker lists and inspects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.images.references import list_tags, make_image_ref
from kprov.kube.cri_docker.translation.labels import LOG_PATH, SANDBOX_ID, split_labels
from kprov.kube.cri_docker.translation.names import parse_container_name
from kprov.kube.cri_docker.translation.resources import read_limits
from kprov.kube.cri_docker.translation.times import parse_time

_STATES: Final = {
    "created": pb.CONTAINER_CREATED,
    "running": pb.CONTAINER_RUNNING,
    "paused": pb.CONTAINER_RUNNING,
    "exited": pb.CONTAINER_EXITED,
    "dead": pb.CONTAINER_EXITED,
    "removing": pb.CONTAINER_EXITED,
}


def make_listed_container(listed: Mapping[str, Any]) -> pb.Container:
    """Take an entry of /containers/json. ValueError: it has not the name of a container of a pod."""
    docker_labels = listed.get("Labels") or {}
    labels, annotations = split_labels(docker_labels)
    return pb.Container(
        id=listed["Id"],
        pod_sandbox_id=docker_labels.get(SANDBOX_ID, ""),
        metadata=parse_container_name((listed.get("Names") or [""])[0]),
        image=pb.ImageSpec(image=listed["Image"]),
        image_ref=listed["ImageID"],
        image_id=listed["ImageID"],
        state=_STATES.get(listed["State"], pb.CONTAINER_UNKNOWN),
        created_at=int(listed["Created"]) * 1_000_000_000,
        labels=labels,
        annotations=annotations,
    )


def make_container_status(
    inspected: Mapping[str, Any], image: Mapping[str, Any] | None
) -> pb.ContainerStatus:
    """Take Docker's documents of a container and its image, None if that was removed.

    ValueError: it has not the name of a container of a pod.
    """
    config, state = inspected["Config"], inspected["State"]
    docker_labels = config.get("Labels") or {}
    labels, annotations = split_labels(docker_labels)
    status = pb.ContainerStatus(
        id=inspected["Id"],
        metadata=parse_container_name(inspected["Name"]),
        created_at=parse_time(inspected["Created"]),
        image=pb.ImageSpec(image=_name_image(config["Image"], image)),
        image_ref=make_image_ref(image or {"Id": inspected["Image"]}),
        image_id=inspected["Image"],
        exit_code=int(state["ExitCode"]),
        message=state.get("Error") or "",
        labels=labels,
        annotations=annotations,
        mounts=[
            pb.Mount(
                host_path=mount["Source"],
                container_path=mount["Destination"],
                readonly=not mount["RW"],
            )
            for mount in inspected.get("Mounts") or ()
        ],
        log_path=docker_labels.get(LOG_PATH, ""),
        resources=read_limits(inspected["HostConfig"]),
    )
    _set_state(status, state)
    return status


def _name_image(reference: str, image: Mapping[str, Any] | None) -> str:
    """Return the first tag: pods may name an image by its digest."""
    tags = list_tags(image) if image is not None else []
    return tags[0] if tags and reference not in tags else reference


def _set_state(status: pb.ContainerStatus, state: Mapping[str, Any]) -> None:
    """Set state, reason, and times of start and end."""
    status.started_at, status.finished_at = parse_time(state["StartedAt"]), parse_time(state["FinishedAt"])
    if state["Running"]:
        status.state, status.exit_code, status.finished_at = pb.CONTAINER_RUNNING, 0, 0
    elif status.finished_at:
        status.state = pb.CONTAINER_EXITED
        if state.get("OOMKilled"):
            status.reason = "OOMKilled"
        else:
            status.reason = "Error" if status.exit_code else "Completed"
    elif status.exit_code:
        # It was not started: its program, or something it needs, is missing.
        status.state, status.reason = pb.CONTAINER_EXITED, "ContainerCannotRun"
        status.started_at = status.finished_at = status.created_at
    else:
        status.state = pb.CONTAINER_CREATED
