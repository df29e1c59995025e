"""Sandboxes in CRI's terms, from what Docker lists and inspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.translation.labels import split_labels
from kprov.kube.cri_docker.translation.names import parse_sandbox_name
from kprov.kube.cri_docker.translation.times import parse_time


def make_listed_sandbox(listed: Mapping[str, Any]) -> pb.PodSandbox:
    """Take an entry of /containers/json. ValueError: it has not the name of a sandbox."""
    labels, annotations = split_labels(listed.get("Labels"))
    return pb.PodSandbox(
        id=listed["Id"],
        metadata=parse_sandbox_name(_first_name(listed)),
        state=pb.SANDBOX_READY if listed["State"] == "running" else pb.SANDBOX_NOTREADY,
        created_at=int(listed["Created"]) * 1_000_000_000,
        labels=labels,
        annotations=annotations,
    )


def _first_name(listed: Mapping[str, Any]) -> str:
    names = listed.get("Names") or [""]
    return str(names[0])


def make_sandbox_status(inspected: Mapping[str, Any], addresses: Sequence[str]) -> pb.PodSandboxStatus:
    """inspected: a document of /containers/ID/json. ValueError: it has not the name of a sandbox."""
    labels, annotations = split_labels(inspected["Config"].get("Labels"))
    host_config = inspected["HostConfig"]
    options = pb.NamespaceOption(
        network=_mode_of(host_config, "NetworkMode", pb.POD),
        pid=_mode_of(host_config, "PidMode", pb.CONTAINER),
        ipc=_mode_of(host_config, "IpcMode", pb.POD),
    )
    network = pb.PodSandboxNetworkStatus(
        ip=addresses[0] if addresses else "", additional_ips=[pb.PodIP(ip=ip) for ip in addresses[1:]]
    )
    return pb.PodSandboxStatus(
        id=inspected["Id"],
        metadata=parse_sandbox_name(inspected["Name"]),
        state=pb.SANDBOX_READY if inspected["State"]["Running"] else pb.SANDBOX_NOTREADY,
        created_at=parse_time(inspected["Created"]),
        network=network,
        linux=pb.LinuxPodSandboxStatus(namespaces=pb.Namespace(options=options)),
        labels=labels,
        annotations=annotations,
    )


def _mode_of(
    host_config: Mapping[str, Any], name: str, other: pb.NamespaceMode.ValueType
) -> pb.NamespaceMode.ValueType:
    """Whether containers of the pod share PIDs is theirs to say: a sandbox has own ones either way."""
    return pb.NODE if host_config.get(name) == "host" else other
