"""What most kinds have in common: status belongs to /status, and a changed spec raises metadata.generation.

Source: upstream pkg/registry/*/*/strategy.go (PrepareForCreate, PrepareForUpdate).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.resources import Resource

Object = dict[str, Any]

_GENERATION: Final = {
    ("", "pods"),
    ("", "podtemplates"),
    ("", "replicationcontrollers"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
    ("discovery.k8s.io", "endpointslices"),
    ("networking.k8s.io", "ingressclasses"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("scheduling.k8s.io", "priorityclasses"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceslices"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}
_CREATE_ON_UPDATE: Final = {
    ("", "endpoints"),
    ("", "events"),
    ("", "limitranges"),
    ("", "services"),
    ("coordination.k8s.io", "leases"),
    ("events.k8s.io", "events"),
    ("node.k8s.io", "runtimeclasses"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
}
_CONDITIONAL_UPDATE: Final = {
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
    ("coordination.k8s.io", "leases"),
    ("node.k8s.io", "runtimeclasses"),
    ("policy", "poddisruptionbudgets"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "volumeattachments"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
}
_RETURNS_DELETED: Final = {
    *(("", name) for name in ("namespaces", "persistentvolumeclaims", "persistentvolumes", "pods")),
    *(("", name) for name in ("podtemplates", "resourcequotas", "serviceaccounts", "services")),
    *(("resource.k8s.io", name) for name in ("deviceclasses", "resourceclaims", "resourceclaimtemplates")),
    ("resource.k8s.io", "resourceslices"),
    *(("storage.k8s.io", name) for name in ("csidrivers", "csinodes", "storageclasses", "volumeattachments")),
    ("storage.k8s.io", "volumeattributesclasses"),
}
_ALL_METADATA: Final = ("labels", "annotations", "finalizers", "ownerReferences")
#: Metadata that a write to /status leaves as it was; of most kinds it may change all.
_STATUS_KEEPS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "pods"): ("ownerReferences",),
    ("apps", "deployments"): ("labels",),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): _ALL_METADATA,
    ("apiregistration.k8s.io", "apiservices"): _ALL_METADATA,
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): _ALL_METADATA,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): _ALL_METADATA,
    ("networking.k8s.io", "servicecidrs"): _ALL_METADATA,
    ("resource.k8s.io", "resourceclaims"): _ALL_METADATA,
    ("storage.k8s.io", "volumeattachments"): _ALL_METADATA,
}
_NOT_SPEC: Final = {"apiVersion", "kind", "metadata", "status"}


class ResourceStrategy(Strategy):
    """The rules of a kind without rules of its own; base of those that have some."""

    #: What upstream shows as the status of a new object; None: nothing.
    new_status: Mapping[str, Any] | None = {}

    def __init__(self, resource: Resource) -> None:
        key = (resource.group, resource.plural)
        self.resource = resource
        self.has_status = resource.subresource("status") is not None
        self.has_generation = key in _GENERATION
        self.returns_deleted = key in _RETURNS_DELETED
        self.allow_create_on_update = key in _CREATE_ON_UPDATE
        self.allow_unconditional_update = key not in _CONDITIONAL_UPDATE

    def prepare_for_create(self, context: RequestContext, obj: Object) -> None:
        if self.has_status:
            obj.pop("status", None)
            if self.new_status is not None:
                obj["status"] = copy.deepcopy(dict(self.new_status))
        if self.has_generation:
            obj["metadata"]["generation"] = 1

    def prepare_for_update(self, context: RequestContext, obj: Object, old: Object) -> None:
        if self.has_status:
            keep(obj, old, "status")
        if self.has_generation and self.is_new_generation(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def is_new_generation(self, obj: Object, old: Object) -> bool:
        """Whether a change raises metadata.generation."""
        return content(obj) != content(old)

    def prepare_for_status_update(self, context: RequestContext, obj: Object, old: Object) -> None:
        for part in (obj.keys() | old.keys()) - _NOT_SPEC:
            keep(obj, old, part)
        for name in _STATUS_KEEPS.get((self.resource.group, self.resource.plural), ()):
            keep(obj["metadata"], old["metadata"], name)


def content(obj: Object) -> Object:
    """What a user wishes for: everything but identity, metadata and status."""
    return {name: value for name, value in obj.items() if name not in _NOT_SPEC}


def differs(obj: Object, old: Object, part: str) -> bool:
    """Whether that part of the metadata is another; none and empty are the same."""
    return (obj["metadata"].get(part) or None) != (old["metadata"].get(part) or None)


def keep(obj: Object, old: Object, part: str) -> None:
    """That part as it was, present or not."""
    if part in old:
        obj[part] = old[part]
    else:
        obj.pop(part, None)
