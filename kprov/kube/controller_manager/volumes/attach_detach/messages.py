"""Texts of the events about attached volumes."""

from collections.abc import Sequence

from kprov.kube.api.core import Pod
from kprov.kube.controller_manager.volumes.attach_detach.attachable import AttachableVolume


def describe_success(volume: AttachableVolume) -> str:
    # The space at the end is upstream's.
    return f'AttachVolume.Attach succeeded for volume "{volume.title}" '


def describe_failure(volume: AttachableVolume, error: str) -> str:
    return f'AttachVolume.Attach failed for volume "{volume.title}" : {error}'


def describe_timeout(volume: AttachableVolume) -> str:
    return describe_failure(
        volume,
        f"timed out waiting for external-attacher of {volume.driver} CSI driver to attach volume "
        f"{volume.handle}",
    )


def describe_multi_attach(volume: AttachableVolume, pod: Pod, others: Sequence[Pod]) -> str:
    """Why the pod waits. others: the pods that use the volume on other nodes.

    Users of a namespace see no names of pods of other namespaces.
    """
    prefix = f'Multi-Attach error for volume "{volume.title}" '
    local = [other.metadata.name for other in others if other.metadata.namespace == pod.metadata.namespace]
    foreign = len(others) - len(local)
    if not others:
        return f"{prefix}Volume is already exclusively attached to one node and can't be attached to another"
    if not local:
        return f"{prefix}Volume is already used by {foreign} pod(s) in different namespaces"
    text = f"{prefix}Volume is already used by pod(s) {', '.join(local)}"
    return f"{text} and {foreign} pod(s) in different namespaces" if foreign else text
