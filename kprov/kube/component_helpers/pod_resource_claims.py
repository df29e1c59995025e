"""Which ResourceClaims a pod uses (dynamic-resource-allocation/resourceclaim)."""

from collections.abc import Mapping
from typing import Final

from kprov.kube.api.core import Pod, PodResourceClaim
from kprov.kube.machinery.json_object import JsonMapping, JsonObject

GROUP: Final = "resource.k8s.io"


def get_generated_names(pod: Pod) -> dict[str, str | None]:
    """Return the generated claims by the name in the pod's spec. None: the pod needs none for it."""
    return {status.name: status.resource_claim_name for status in pod.status.resource_claim_statuses}


def find_claim_name(entry: PodResourceClaim, generated: Mapping[str, str | None]) -> str | None:
    """Return the name of a pod's claim. None: it is not generated yet, or not needed."""
    if entry.resource_claim_name is not None:
        return entry.resource_claim_name
    return generated.get(entry.name)


def list_claim_names(pod: Pod) -> list[str]:
    """Return the names of all claims of the pod that are known, with the one of its extended resources."""
    generated = get_generated_names(pod)
    names = [find_claim_name(entry, generated) for entry in pod.spec.resource_claims]
    if pod.status.extended_resource_claim_status is not None:
        names.append(pod.status.extended_resource_claim_status.resource_claim_name)
    return [name for name in names if name]


def index_by_resource_claim(pod: Pod) -> list[str]:
    """NAMESPACE/NAME of each claim."""
    return [f"{pod.metadata.namespace}/{name}" for name in list_claim_names(pod)]


def find_owning_pod(claim: JsonMapping) -> tuple[str, str] | None:
    """(name, UID) of the pod for which the claim was generated. None: there is none."""
    for owner in claim["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("apiVersion") == "v1" and owner.get("kind") == "Pod":
            return owner["name"], owner["uid"]
    return None


def is_claim_of_pod(claim: JsonMapping, pod: Pod) -> bool:
    """Whether the claim was generated for this pod, not for an earlier one of its name."""
    owner = find_owning_pod(claim)
    return owner is not None and owner[1] == pod.metadata.uid


def list_reservations(claim: JsonMapping) -> list[JsonObject]:
    return list((claim.get("status") or {}).get("reservedFor") or ())


def is_allocated(claim: JsonMapping) -> bool:
    return bool((claim.get("status") or {}).get("allocation"))


def is_pod_reservation(entry: JsonMapping) -> bool:
    """Whether a consumer of a claim is a pod."""
    return not entry.get("apiGroup") and entry.get("resource") == "pods"


def is_reserved_for(claim: JsonMapping, pod: Pod) -> bool:
    """Whether the pod may use the claim."""
    return any(entry.get("uid") == pod.metadata.uid for entry in list_reservations(claim))
