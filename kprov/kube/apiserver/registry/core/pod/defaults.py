"""Defaults of pods that templates do not have: resources of the whole pod, labels in selectors.

Source: upstream pkg/apis/core/v1/defaults.go (defaultPodRequests, defaultHugePagePodLimits),
pkg/registry/core/pod/strategy.go (mutatePodAffinity).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.podspec.resources import HUGE
from kprov.kube.component_helpers.pod_resources import sum_container_resources
from kprov.kube.machinery.json_object import JsonObject

_POD_LEVEL = {"cpu", "memory"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def default_pod_resources(spec: JsonObject) -> None:
    """Default pod-level requests to the sum of the containers, or else to the pod-level limits."""
    resources: JsonObject = spec["resources"]
    if not resources.get("limits"):
        return
    limits: JsonObject = dict(resources["limits"])
    requests: JsonObject = dict(resources.get("requests") or {})
    for name, amount in sum_container_resources(spec, "limits").items():
        if name.startswith(HUGE):
            limits.setdefault(name, str(amount))
    for name, amount in sum_container_resources(spec, "requests").items():
        if name in _POD_LEVEL:
            requests.setdefault(name, str(amount))
    for name, amount in limits.items():
        if name in _POD_LEVEL or name.startswith(HUGE):
            requests.setdefault(name, amount)
    resources |= {part: values for part, values in (("limits", limits), ("requests", requests)) if values}


def merge_label_keys(obj: JsonObject) -> None:
    """Add matchLabelKeys and mismatchLabelKeys to their selectors, with the values of the pod's labels."""
    labels, spec = obj["metadata"].get("labels") or {}, obj["spec"]
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge(constraint, labels, "matchLabelKeys", "In")
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        terms = [*(affinity.get(_REQUIRED) or ())]
        terms += [
            weighted_term.get("podAffinityTerm") or {} for weighted_term in affinity.get(_PREFERRED) or ()
        ]
        for term in terms:
            _merge(term, labels, "matchLabelKeys", "In")
            _merge(term, labels, "mismatchLabelKeys", "NotIn")


def _merge(owner: JsonObject, labels: JsonObject, part: str, operator: str) -> None:
    selector = owner.get("labelSelector")
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for key in owner.get(part) or ()
        if key in labels
    ]
    if selector is not None and added:
        selector["matchExpressions"] = [*(selector.get("matchExpressions") or ()), *added]
