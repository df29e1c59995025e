"""Events about pods, containers and the node, in upstream's words."""

from typing import Any, Literal

from kprov.kube.api.core import ObjectReference
from kprov.kube.client import EventRecorder
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Container, Pod

Kind = Literal["Normal", "Warning"]


class PodEvents:
    """Without a recorder (no API server) nothing is sent."""

    def __init__(self, recorder: EventRecorder | None, node_name: str) -> None:
        self._recorder = recorder
        self._node_name = node_name

    def pod(self, pod: Pod, kind: Kind, reason: str, message: str, *, field_path: str = "") -> None:
        if self._recorder is None or (
            pod_queries.is_static(pod) and not pod_queries.is_mirror(pod) and _unmirrored(pod)
        ):
            return
        meta = pod["metadata"]
        about = ObjectReference(
            api_version="v1",
            kind="Pod",
            namespace=pod_queries.namespace_of(pod),
            name=meta["name"],
            uid=meta.get("uid", ""),
            resource_version=meta.get("resourceVersion", ""),
            field_path=field_path,
        )
        self._recorder.event(about, kind, reason, message)

    def container(self, pod: Pod, container: Container, kind: Kind, reason: str, message: str) -> None:
        self.pod(pod, kind, reason, message, field_path=_field_path(pod, container["name"]))

    def node(self, kind: Kind, reason: str, message: str) -> None:
        if self._recorder is None:
            return
        name = self._node_name
        about = ObjectReference(api_version="v1", kind="Node", name=name, uid=name)
        self._recorder.event(about, kind, reason, message)


def _unmirrored(pod: Pod) -> bool:
    return not pod["metadata"].get("namespace")


def _field_path(pod: Pod, name: str) -> str:
    groups: tuple[tuple[str, Any], ...] = (
        ("containers", pod_queries.app_containers(pod)),
        ("initContainers", pod_queries.init_containers(pod)),
        ("ephemeralContainers", pod_queries.ephemeral_containers(pod)),
    )
    for field, containers in groups:
        if any(container["name"] == name for container in containers):
            return f"spec.{field}{{{name}}}"
    return ""
