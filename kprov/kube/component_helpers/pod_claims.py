"""Which claims a pod uses. The volume controllers, the scheduler and the kubelet ask this."""

from collections.abc import Iterator
from typing import Final

from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.machinery.json_object import JsonObject

#: The informers' index of pods by the claims that they use.
CLAIM_INDEX: Final = "claim"


def make_ephemeral_claim_name(pod: Pod, volume: JsonObject) -> str:
    return f"{pod.metadata.name}-{volume['name']}"


def is_claim_of(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Whether the claim was made for an ephemeral volume of this pod, not of an earlier one of its name."""
    owner = claim.metadata.controller()
    return owner is not None and owner.kind == "Pod" and owner.uid == pod.metadata.uid


def list_claim_names(pod: Pod) -> Iterator[tuple[str, bool]]:
    """Yield the claims' names, and whether it is the claim of an ephemeral volume."""
    for volume in pod.spec.volumes:
        if source := volume.get("persistentVolumeClaim"):
            yield source.get("claimName", ""), False
        elif volume.get("ephemeral"):
            yield make_ephemeral_claim_name(pod, volume), True


def index_by_claim(pod: Pod) -> list[str]:
    """NAMESPACE/NAME of each claim."""
    return [f"{pod.metadata.namespace}/{name}" for name, _ in list_claim_names(pod)]
