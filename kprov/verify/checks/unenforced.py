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
    ("customresourcedefinitions.apiextensions.k8s.io", "CustomResourceDefinition", "custom resources"),
    ("apiservices.apiregistration.k8s.io", "APIService", "API aggregation"),
)
_FEATURES = {kind: feature for _, kind, feature in _RESOURCES}


def check_objects(kubectl: Kubectl, cluster: Cluster) -> Iterator[Finding]:
    """Read all such objects in one run of kubectl."""
    del cluster
    yield from judge_objects(kubectl.get(",".join(resource for resource, _, _ in _RESOURCES))["items"])


def judge_objects(items: Iterable[dict[str, Any]]) -> list[Finding]:
    """A warning for each object without effect, or one finding that there are none."""
    warnings = [
        Finding(
            f"{item['kind']} {item['metadata']['name']}",
            ok=True,
            warning=True,
            detail=f"has no effect: kprov does not support {_FEATURES[item['kind']]} yet",
        )
        for item in items
        # An APIService without a service stands for a group that the API server serves itself.
        if item["kind"] != "APIService" or item["spec"].get("service")
    ]
    return warnings or [Finding("objects without effect", ok=True, detail="none")]
