"""Names of Docker containers: k8s_NAME_POD_NAMESPACE_UID_ATTEMPT (cri-dockerd: core/naming.go).

Names of Kubernetes have no underscore.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.cri import runtime_pb2 as pb

_PREFIX: Final = "k8s"
_SANDBOX: Final = "POD"


def make_sandbox_name(metadata: pb.PodSandboxMetadata) -> str:
    """Return the name of a sandbox's container."""
    return _join(_SANDBOX, metadata, metadata.attempt)


def make_container_name(metadata: pb.ContainerMetadata, sandbox: pb.PodSandboxMetadata) -> str:
    """Return the name of a container."""
    return _join(metadata.name, sandbox, metadata.attempt)


def _join(name: str, sandbox: pb.PodSandboxMetadata, attempt: int) -> str:
    return "_".join((_PREFIX, name, sandbox.name, sandbox.namespace, sandbox.uid, str(attempt)))


def parse_sandbox_name(name: str) -> pb.PodSandboxMetadata:
    """name: Docker's, with a slash. ValueError."""
    _, pod, namespace, uid, attempt = _split(name)
    return pb.PodSandboxMetadata(name=pod, namespace=namespace, uid=uid, attempt=attempt)


def parse_container_name(name: str) -> pb.ContainerMetadata:
    """name: Docker's, with a slash. ValueError."""
    container, _, _, _, attempt = _split(name)
    return pb.ContainerMetadata(name=container, attempt=attempt)


def _split(name: str) -> tuple[str, str, str, str, int]:
    """Split a name. A seventh part makes it unique where an older container could not be removed."""
    parts = name.removeprefix("/").split("_")
    if len(parts) not in {6, 7} or parts[0] != _PREFIX or not parts[5].isdecimal():
        raise ValueError(f"{name!r} is not the name of a container of Kubernetes")
    return parts[1], parts[2], parts[3], parts[4], int(parts[5])
