"""Metrics of the resource claim controller, under upstream's names."""

from typing import Final

from kprov.kube.client import Informer
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.pod_resource_claims import is_allocated
from kprov.kube.controller_manager.framework.object_counts import count_objects
from kprov.kube.machinery.json_object import JsonMapping, JsonObject

POD_CLAIM_ANNOTATION: Final = "resource.kubernetes.io/pod-claim-name"
_EXTENDED_ANNOTATION: Final = "resource.kubernetes.io/extended-resource-claim"

_CREATES: Final = metrics.counter(
    "resourceclaim_controller_creates",
    "Number of ResourceClaims creation requests, categorized by creation status and admin access",
    ["status", "admin_access"],
)
_CLAIMS: Final = metrics.gauge(
    "resourceclaim_controller_resource_claims",
    "Number of ResourceClaims, categorized by allocation status, admin access, and source",
    ["allocated", "admin_access", "source"],
)


def count_creation(claim: JsonMapping, *, failed: bool) -> None:
    _CREATES.labels("failure" if failed else "success", _has_admin_access(claim)).inc()


def count_claims(informer: Informer[JsonObject]) -> None:
    count_objects(
        informer,
        _CLAIMS,
        lambda claim: (str(is_allocated(claim)).lower(), _has_admin_access(claim), _get_source(claim)),
    )


def _has_admin_access(claim: JsonMapping) -> str:
    requests = (claim["spec"].get("devices") or {}).get("requests") or ()
    return str(any((request.get("exactly") or {}).get("adminAccess") for request in requests)).lower()


def _get_source(claim: JsonMapping) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    if annotations.get(_EXTENDED_ANNOTATION) == "true":
        return "extended_resource"
    return "resource_claim_template" if annotations.get(POD_CLAIM_ANNOTATION) else ""
