"""Objects that the API server accepts although nothing acts on them yet: a warning for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kprov.verify.kubectl import Kubectl
from kprov.verify.model import Cluster, Finding

_ADMISSION = "admissionregistration.k8s.io"
#: The resource, its kind, and the feature that is missing.
_RESOURCES = (
    (f"mutatingwebhookconfigurations.{_ADMISSION}", "MutatingWebhookConfiguration", "admission webhooks"),
    (f"validatingwebhookconfigurations.{_ADMISSION}", "ValidatingWebhookConfiguration", "admission webhooks"),
    (
        f"mutatingadmissionpolicies.{_ADMISSION}",
        "MutatingAdmissionPolicy",
        "mutating admission policies",
    ),
    (
        f"mutatingadmissionpolicybindings.{_ADMISSION}",
        "MutatingAdmissionPolicyBinding",
        "mutating admission policies",
    ),
    ("apiservices.apiregistration.k8s.io", "APIService", "API aggregation"),
    ("networkpolicies.networking.k8s.io", "NetworkPolicy", "network policies"),
)
_FEATURES = {kind: feature for _, kind, feature in _RESOURCES} | {"Service": "load balancers"}
_EFFECTS = {"Service": "gets no external address"}
_LOAD_BALANCERS = "services --field-selector=spec.type=LoadBalancer"


def check_objects(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """Read all such objects in two runs of kubectl: one for those that a field selects."""
    del cluster
    items = kubectl.get(f"{','.join(resource for resource, _, _ in _RESOURCES)} --all-namespaces")["items"]
    items += kubectl.get(f"{_LOAD_BALANCERS} --all-namespaces")["items"]
    yield from judge_objects(items)


def judge_objects(items: Iterable[dict[str, Any]]) -> list[Finding]:
    """Return a warning for each object that lacks an effect, or one finding that there are none."""
    warnings = [
        Finding(
            f"{item['kind']} {_name_object(item['metadata'])}",
            ok=True,
            warning=True,
            detail=f"{_EFFECTS.get(item['kind'], 'has no effect')}: "
            f"kprov does not support {_FEATURES[item['kind']]} yet",
        )
        for item in items
        if _lacks_effect(item)
    ]
    return warnings or [Finding("objects without effect", ok=True, detail="none")]


def _name_object(metadata: dict[str, Any]) -> str:
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _lacks_effect(item: dict[str, Any]) -> bool:
    if item["kind"] == "APIService":
        # Without a service it stands for a group that the API server serves itself.
        return bool(item["spec"].get("service"))
    if item["kind"] == "Service":
        # Somebody else's controller has given the address, or is to.
        balancer = (item.get("status") or {}).get("loadBalancer") or {}
        return not item["spec"].get("loadBalancerClass") and not balancer.get("ingress")
    return True
