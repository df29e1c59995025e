"""What the informers of all controllers keep of an object.

Pods are many. The informer drops the fields that no controller reads, and equal parts of pods are held once.
A controller that writes a whole pod reads it from the server first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.core.containers import ContainerState, ContainerStateRunning, ContainerStatus
from kprov.kube.client.shared_values import SharedValues
from kprov.kube.component_helpers.volume_secrets import list_volume_secrets

# Kinds of volumes that no controller looks at, unless they use a secret.
_UNUSED_VOLUMES: Final = frozenset({"configMap", "downwardAPI", "emptyDir", "hostPath", "image", "projected"})
# Fields that differ between pods.
_UNIQUE_METADATA: Final = frozenset({"name", "uid", "resource_version"})
_UNIQUE_SPEC: Final = frozenset({"hostname"})
_UNIQUE_STATUS: Final = frozenset({"pod_ip", "pod_ips", "conditions"})
_RUNNING: Final = ContainerStateRunning()


def make_transforms() -> Mapping[type, Callable[[Any], Any]]:
    """By view: what the informers do with an object before they store it."""
    return {Pod: _PodCompactor().compact}


class _PodCompactor:
    def __init__(self) -> None:
        self._values = SharedValues()

    def compact(self, pod: Pod) -> Pod:
        """Drop fields and share the others. Changes the pod."""
        spec, share = pod.spec, self._values
        spec.volumes = [volume for volume in spec.volumes if _is_used(volume)]
        mountable = frozenset(volume.get("name") for volume in spec.volumes)
        for kind in ("containers", "init_containers", "ephemeral_containers"):
            setattr(
                spec, kind, [_compact_container(container, mountable) for container in getattr(spec, kind)]
            )
        share.share_fields(spec, _UNIQUE_SPEC)
        share.share_fields(pod.metadata, _UNIQUE_METADATA)
        self._compact_status(pod)
        return pod

    def _compact_status(self, pod: Pod) -> None:
        status, share = pod.status, self._values
        for kind in ("container_statuses", "init_container_statuses", "ephemeral_container_statuses"):
            setattr(
                status,
                kind,
                [_compact_status(container_status) for container_status in getattr(status, kind)],
            )
        for condition in status.conditions:
            share.share_fields(condition)
        if status.pod_ips and status.pod_ips[0].ip == status.pod_ip:
            status.pod_ips[0].ip = status.pod_ip
        share.share_fields(status, _UNIQUE_STATUS)


def _is_used(volume: Mapping[str, Any]) -> bool:
    return _UNUSED_VOLUMES.isdisjoint(volume) or any(list_volume_secrets(dict(volume)))


def _compact_container(container: Container, volumes: frozenset[Any]) -> Container:
    """Ports, resources and what refers to secrets and volumes."""
    security = container.security_context or {}
    options = security.get("seLinuxOptions")
    return Container(
        name=container.name,
        ports=container.ports,
        env_from=[source for source in container.env_from if source.secret_ref is not None],
        env=[
            variable
            for variable in container.env
            if variable.value_from is not None and variable.value_from.secret_key_ref
        ],
        resources=container.resources,
        restart_policy=container.restart_policy,
        volume_mounts=[
            volume_mount for volume_mount in container.volume_mounts if volume_mount.name in volumes
        ],
        security_context={"seLinuxOptions": options} if options is not None else None,
    )


def _compact_status(status: ContainerStatus) -> ContainerStatus:
    state = status.state
    return msgspec.structs.replace(
        status,
        state=state if state.running is None else ContainerState(running=_RUNNING),
        last_state=ContainerState(),
        image="",
        image_id="",
        container_id="",
    )
