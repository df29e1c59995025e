"""Fields that a write to a path does not keep, and whose owner it therefore does not become.

Source: GetResetFields of upstream's strategies, pkg/registry/GROUP/KIND/strategy.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.managed_fields.field_set import Path
from kprov.kube.machinery.resources import Resource

_SPEC: Final = (("f:spec",),)
_STATUS: Final = (("f:status",),)
_ALL_BUT_STATUS: Final = (("f:metadata",), ("f:spec",))

#: By group, plural and subresource: where it is other than status, and spec of what goes to /status.
_FIELDS: Final[dict[tuple[str, str, str], tuple[Path, ...]]] = {
    ("certificates.k8s.io", "certificatesigningrequests", ""): (*_SPEC, *_STATUS),
    ("certificates.k8s.io", "certificatesigningrequests", "status"): (*_SPEC, ("f:status", "f:conditions")),
    ("certificates.k8s.io", "certificatesigningrequests", "approval"): (
        *_SPEC,
        ("f:status", "f:certificate"),
    ),
    ("", "namespaces", "finalize"): _STATUS,
    ("apps", "deployments", "status"): (*_SPEC, ("f:metadata", "f:labels")),
    ("", "pods", "status"): (
        *_SPEC,
        ("f:metadata", "f:deletionTimestamp"),
        ("f:metadata", "f:ownerReferences"),
    ),
    ("networking.k8s.io", "servicecidrs", "status"): _ALL_BUT_STATUS,
    ("resource.k8s.io", "resourceclaims", "status"): _ALL_BUT_STATUS,
    ("storage.k8s.io", "volumeattachments", "status"): _ALL_BUT_STATUS,
    ("flowcontrol.apiserver.k8s.io", "flowschemas", "status"): _ALL_BUT_STATUS,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", "status"): _ALL_BUT_STATUS,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", "status"): _ALL_BUT_STATUS,
    ("apiregistration.k8s.io", "apiservices", "status"): _ALL_BUT_STATUS,
}


def find_reset_fields(resource: Resource, subresource: str) -> tuple[Path, ...]:
    """For managed_fields' `ignored`. subresource: "" for the resource itself."""
    found = _FIELDS.get((resource.group, resource.plural, subresource))
    if found is not None:
        return found
    if resource.subresource("status") is None:
        return ()
    return {"": _STATUS, "status": _SPEC}.get(subresource, ())
