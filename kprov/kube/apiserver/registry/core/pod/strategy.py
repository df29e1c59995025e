"""Pods: defaults, a new pod's status, graceful deletion, field selectors.

Source: upstream pkg/apis/core/v1/defaults.go (SetDefaults_Pod), pkg/registry/core/pod/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from kprov.kube.apiserver.registry.core.pod import defaults as pod_defaults
from kprov.kube.apiserver.registry.core.pod import status as pod_status
from kprov.kube.apiserver.registry.core.pod import update as pod_update
from kprov.kube.apiserver.registry.core.pod.qos_class import compute_qos_class
from kprov.kube.apiserver.registry.generic.resource_strategy import SPEC_PATHS, ResourceStrategy, keep_field
from kprov.kube.apiserver.registry.podspec import apparmor
from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.apiserver.registry.podspec import validation as podspec_validation
from kprov.kube.apiserver.registry.podspec import warnings as podspec_warnings
from kprov.kube.apiserver.registry.podspec.disabled_fields import drop_disabled_fields
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path


class PodStrategy(ResourceStrategy):
    reset_fields: Mapping[str, tuple[Path, ...]] = {
        "status": (*SPEC_PATHS, ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences"))
    }
    has_generation = True
    returns_deleted = True
    fixed_in_status_update = ("ownerReferences",)
    is_deleted_gracefully = True

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        podspec_defaults.default_spec(spec)
        if spec.get("enableServiceLinks") is None:
            spec["enableServiceLinks"] = True
        for kind in ("initContainers", "containers"):
            for container in spec.get(kind) or ():
                _default_requests_from_limits(container["resources"])
                if spec.get("hostNetwork"):
                    _default_host_ports(container)
        if spec.get("resources") is not None:
            pod_defaults.default_pod_resources(spec)
        _align_pod_ips(obj.get("status") or {})
        seconds = spec.get("terminationGracePeriodSeconds")
        if seconds is not None and seconds < 0:
            spec["terminationGracePeriodSeconds"] = 1

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        obj["metadata"]["generation"] = 1
        obj["status"] = {"phase": "Pending", "qosClass": compute_qos_class(obj["spec"])}
        if obj["spec"].get("schedulingGates"):
            obj["status"]["conditions"] = [_GATED | {"lastTransitionTime": timestamps.now()}]
        pod_defaults.merge_label_keys(obj)
        drop_disabled_fields(obj["spec"])
        context.warnings += apparmor.sync_profiles(obj)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        drop_disabled_fields(obj["spec"], old["spec"])
        super().prepare_for_update(context, obj, old)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        keep_field(obj["metadata"], old["metadata"], "deletionTimestamp")
        status: JsonObject = obj.setdefault("status", {})
        before = old.get("status") or {}
        if not status.get("qosClass") and before.get("qosClass"):
            status["qosClass"] = before["qosClass"]
        _keep_observed(status, before)

    def choose_grace_period(self, obj: JsonObject, requested: int | None) -> int | None:
        """Return the grace period of a deletion; 0 for pods that no kubelet runs."""
        spec = obj.get("spec") or {}
        if requested is not None:
            seconds = requested
        elif obj["metadata"].get("deletionGracePeriodSeconds") is not None:
            seconds = obj["metadata"]["deletionGracePeriodSeconds"]
        else:
            seconds = spec.get("terminationGracePeriodSeconds") or 0
        if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
            return 0
        return 1 if seconds < 0 else seconds

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        addresses = status.get("podIPs") or ()
        return {
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.restartPolicy": spec.get("restartPolicy", ""),
            "spec.schedulerName": spec.get("schedulerName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "spec.hostNetwork": "true" if spec.get("hostNetwork") else "false",
            "status.phase": status.get("phase", ""),
            "status.podIP": addresses[0].get("ip", "") if addresses else status.get("podIP", ""),
            "status.nominatedNodeName": status.get("nominatedNodeName", ""),
        }

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        # As upstream: updates, which mostly come from controllers, have no warnings.
        if old is not None:
            return []
        name_warnings = podspec_warnings.find_name_warnings(
            obj["metadata"].get("name", ""), "the Pod's hostname"
        )
        return name_warnings + podspec_warnings.find_pod_warnings(obj["metadata"], obj["spec"])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(podspec_validation.validate_new_pod(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(pod_update.validate_pod_update(obj, self.settings, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(pod_status.validate_pod_status(obj, old))


_GATED: JsonObject = {
    "type": "PodScheduled",
    "lastProbeTime": None,
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def _keep_observed(status: JsonObject, before: JsonObject) -> None:
    """Keep observed generations that an older kubelet does not send."""
    _keep_generation(status, before)
    known: dict[str, list[JsonObject]] = {}
    for condition in before.get("conditions") or ():
        known.setdefault(condition.get("type", ""), []).append(condition)
    for condition in status.get("conditions") or ():
        same = known.get(condition.get("type", ""))
        if same:
            _keep_generation(condition, same.pop(0))


def _keep_generation(new: JsonObject, old: JsonObject) -> None:
    if not new.get("observedGeneration") and old.get("observedGeneration"):
        new["observedGeneration"] = old["observedGeneration"]


def _align_pod_ips(status: JsonObject) -> None:
    """Make podIP and the first of podIPs equal; podIP wins."""
    address, listed = status.get("podIP") or "", status.get("podIPs") or []
    if address and (not listed or listed[0].get("ip", "") != address):
        status["podIPs"] = [{"ip": address}]
    elif listed and listed[0].get("ip"):
        status["podIP"] = listed[0]["ip"]


def _default_host_ports(container: JsonObject) -> None:
    """Default hostPort to containerPort. It applies to pods with hostNetwork, not to templates."""
    for port in container.get("ports") or ():
        if not port.get("hostPort"):
            port["hostPort"] = port.get("containerPort", 0)


def _default_requests_from_limits(resources: JsonObject) -> None:
    limits = resources.get("limits")
    if limits:
        requests: JsonObject = resources.setdefault("requests", {})
        for name, amount in limits.items():
            requests.setdefault(name, amount)
