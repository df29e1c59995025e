"""Events about pods, containers and the node, with upstream's reasons and messages."""

from typing import Literal

from kprov.kube.api.core import Container, ObjectReference, Pod
from kprov.kube.api.meta import NodeName
from kprov.kube.client import EventRecorder

Kind = Literal["Normal", "Warning"]


class EventSender:
    """Sends nothing without a recorder (no API server)."""

    def __init__(self, recorder: EventRecorder | None, node_name: NodeName) -> None:
        self._recorder = recorder
        self._node_name = node_name

    def send_pod_event(
        self, pod: Pod, kind: Kind, reason: str, message: str, *, field_path: str = ""
    ) -> None:
        """Send an event about a pod, or about the part of it at `field_path`."""
        if self._recorder is None:
            return
        meta = pod.metadata
        about = ObjectReference(
            api_version="v1",
            kind="Pod",
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            resource_version=meta.resource_version,
            field_path=field_path,
        )
        self._recorder.event(about, kind, reason, message)

    def send_container_event(
        self, pod: Pod, container: Container, kind: Kind, reason: str, message: str
    ) -> None:
        self.send_pod_event(pod, kind, reason, message, field_path=_get_field_path(pod, container.name))

    def send_node_event(self, kind: Kind, reason: str, message: str) -> None:
        if self._recorder is None:
            return
        name = self._node_name
        about = ObjectReference(api_version="v1", kind="Node", name=name, uid=name)
        self._recorder.event(about, kind, reason, message)


def _get_field_path(pod: Pod, name: str) -> str:
    groups = (
        ("containers", pod.spec.containers),
        ("initContainers", pod.spec.init_containers),
        ("ephemeralContainers", pod.spec.ephemeral_containers),
    )
    for field, containers in groups:
        if any(container.name == name for container in containers):
            return f"spec.{field}{{{name}}}"
    return ""
