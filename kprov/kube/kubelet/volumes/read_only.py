"""Whether a read-only mount is read-only with all mounts below it, too (resolveRecursiveReadOnly)."""

from typing import Final

from kprov.kube.api.core import Container, VolumeMount
from kprov.kube.kubelet.errors import VolumeError

_OFF: Final = (None, "Disabled")


def wants_recursive(container: Container) -> bool:
    """Whether one of the container's mounts asks for it, so that the runtime has to be asked."""
    return any(mount.recursive_read_only not in _OFF for mount in container.volume_mounts)


def resolve_recursive(mount: VolumeMount, *, supported: bool) -> bool:
    """Return the mount's mode. `supported`: what the runtime's handler can do.

    Raises VolumeError if the pod asks for what it cannot have.
    """
    if mount.recursive_read_only in _OFF:
        return False
    asked = (
        "failed to resolve recursive read-only mode: "
        f'volume "{mount.name}" requested recursive read-only mode, but it is'
    )
    if not mount.read_only:
        raise VolumeError(f"{asked} not read-only")
    if mount.mount_propagation not in {None, "None"}:
        raise VolumeError(f'{asked} not compatible with propagation "{mount.mount_propagation}"')
    if mount.recursive_read_only == "Enabled" and not supported:
        raise VolumeError(f"{asked} not supported by the runtime")
    return supported
