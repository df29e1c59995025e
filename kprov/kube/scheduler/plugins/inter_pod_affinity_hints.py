"""Queueing hints of InterPodAffinity."""

from __future__ import annotations

from collections.abc import Iterable

from kprov.kube.api.core import Node, Pod
from kprov.kube.scheduler.state.pod_info import AffinityTerm, PodInfo, build_anti_affinity, is_placed


def helps_pod(info: PodInfo, old: Pod | None, new: Pod | None) -> bool:
    """Whether a pod that came, went or has other labels may matter to the terms of the two pods."""
    if old is not None and new is not None and new.metadata.uid == info.pod.metadata.uid:
        return True
    if any(pod is not None and not is_placed(pod) for pod in (old, new)):
        return False
    if new is None:
        assert old is not None
        return _match_all(info.anti_affinity, old) or _match_all(build_anti_affinity(old), info.pod)
    if old is None:
        return _match_all(info.affinity, new)
    comes_near = not _match_all(info.affinity, old) and _match_all(info.affinity, new)
    goes_away = _match_all(info.anti_affinity, old) and not _match_all(info.anti_affinity, new)
    return comes_near or goes_away


def helps_node(info: PodInfo, old: Node | None, new: Node) -> bool:
    """Whether a node is in another domain of one of the pod's terms now."""
    if not info.affinity and not info.anti_affinity:
        # Terms of other pods rejected it, for which the node may be in another domain.
        return True
    if old is None:
        return bool(info.anti_affinity) or any(
            term.topology_key in new.metadata.labels for term in info.affinity
        )
    before, after = old.metadata.labels, new.metadata.labels
    return any(
        term.topology_key in after and before.get(term.topology_key) != after[term.topology_key]
        for term in info.affinity
    ) or any(
        term.topology_key in before and before[term.topology_key] != after.get(term.topology_key)
        for term in info.anti_affinity
    )


def _match_all(terms: Iterable[AffinityTerm], pod: Pod) -> bool:
    """Whether all terms, of which there is one, may select the pod. Namespaces are not looked up."""
    terms = list(terms)
    return bool(terms) and all(
        (pod.metadata.namespace in term.namespaces or term.namespace_selector is not None)
        and term.selector.matches(pod.metadata.labels)
        for term in terms
    )
