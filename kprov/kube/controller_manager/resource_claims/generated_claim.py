"""The ResourceClaim that is generated from a template for a pod."""

from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.pod_resource_claims import GROUP
from kprov.kube.controller_manager.resource_claims.metrics import POD_CLAIM_ANNOTATION
from kprov.kube.machinery.json_object import JsonMapping, JsonObject

# What leaves space for a hyphen and five random characters in 63.
_MAX_LENGTH: Final = 57


def make_claim(pod: Pod, entry_name: str, template: JsonMapping) -> JsonObject:
    """Return the claim of an entry of the pod's spec.resourceClaims."""
    metadata = template["spec"].get("metadata") or {}
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": pod.metadata.name,
        "uid": pod.metadata.uid,
        "controller": True,
    }
    annotations = {**(metadata.get("annotations") or {}), POD_CLAIM_ANNOTATION: entry_name}
    labels = {"labels": metadata["labels"]} if metadata.get("labels") else {}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "generateName": make_prefix(pod.metadata.name, entry_name),
            "ownerReferences": [owner],
            "annotations": annotations,
            **labels,
        },
        "spec": template["spec"].get("spec") or {},
    }


def make_prefix(pod: str, entry: str) -> str:
    """Return the prefix of the claim's name.

    Both names are cut in proportion if they are too long together.
    """
    prefix = f"{pod}-{entry}-"
    if len(prefix) <= _MAX_LENGTH:
        return prefix
    cut = f"{pod[: len(pod) * _MAX_LENGTH // len(prefix)]}-"
    return cut + entry[: len(entry) * _MAX_LENGTH // len(prefix)]
