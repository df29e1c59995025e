"""The labels that a kubelet may set on its node (upstream kubelet/pkg/apis/well_known_labels.go)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KUBERNETES_DOMAINS: Final = ("kubernetes.io", "k8s.io")
_KUBELET_DOMAINS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
_RESTRICTED_DOMAINS: Final = ("node-restriction.kubernetes.io",)
KUBELET_LABELS: Final = frozenset({
    "kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region", "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
    "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type",
})  # fmt: skip


def find_forbidden_labels(labels: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Return the changed keys that a kubelet must not change, sorted."""
    changed = {key for key in labels.keys() | before.keys() if labels.get(key) != before.get(key)}
    return sorted(key for key in changed if _is_forbidden(key))


def _is_forbidden(key: str) -> bool:
    if _is_in(key, _RESTRICTED_DOMAINS):
        return True
    if key in KUBELET_LABELS or _is_in(key, _KUBELET_DOMAINS):
        return False
    return _is_in(key, _KUBERNETES_DOMAINS)


def _is_in(key: str, domains: tuple[str, ...]) -> bool:
    domain, slash, _ = key.partition("/")
    return bool(slash) and any(domain == base or domain.endswith("." + base) for base in domains)
