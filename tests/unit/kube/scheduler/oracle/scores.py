"""One function for each Score plugin that scores nodes one by one, and normalizes as upstream."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.scheduler.oracle.cluster import (
    Cluster,
    get_affinity,
    get_allocatable,
    get_labels,
    get_request,
    match_term,
    tolerates,
)
from tests.unit.kube.scheduler.oracle.filters import (
    count_spread,
    is_included,
    list_constraints,
    select_pod,
)

_MEBIBYTE = 1024 * 1024
_HOSTNAME = "kubernetes.io/hostname"
#: What a container without a request counts as.
_DEFAULTS = {"cpu": 100, "memory": 200 * _MEBIBYTE}


def _normalize(scores: list[int], *, reverse: bool = False) -> list[int]:
    largest = max(scores)
    scaled = [100 * score // largest if largest else 0 for score in scores]
    return [100 - score for score in scaled] if reverse else scaled


def score_taint_toleration(_: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    tolerations = [
        each
        for each in pod["spec"].get("tolerations", [])
        if each.get("effect", "") in ("", "PreferNoSchedule")
    ]
    counts = [
        sum(
            taint["effect"] == "PreferNoSchedule" and not any(tolerates(each, taint) for each in tolerations)
            for taint in node["spec"].get("taints", [])
        )
        for node in nodes
    ]
    return _normalize(counts, reverse=True)


def score_node_affinity(_: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    terms = get_affinity(pod, "nodeAffinity", "preferred")
    return _normalize(
        [sum(t["weight"] for t in terms if match_term(t["preference"], node)) for node in nodes]
    )


def score_node_resources_fit(cluster: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    """LeastAllocated of CPU and memory."""
    scores = []
    for node in nodes:
        free = []
        for name, default in _DEFAULTS.items():
            size = get_allocatable(node, name)
            pods = [*cluster.list_pods_on(node), pod]
            used = sum(get_request(each, name, default=default) for each in pods)
            if size:
                free.append((size - used) * 100 // size if used <= size else 0)
        scores.append(sum(free) // len(free) if free else 0)
    return scores


def score_balanced_allocation(cluster: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    if not any(get_request(pod, name) for name in _DEFAULTS):
        return [0] * len(nodes)
    scores = []
    for node in nodes:
        others = cluster.list_pods_on(node)
        after, before = _balance([*others, pod], node), _balance(others, node)
        scores.append(50 + (50 + after - before) // 2)
    return scores


def _balance(pods: Sequence[JsonObject], node: JsonObject) -> int:
    shares = [
        min(sum(get_request(pod, name) for pod in pods) / get_allocatable(node, name), 1.0)
        for name in _DEFAULTS
        if get_allocatable(node, name)
    ]
    deviation = abs((shares[0] - shares[1]) / 2) if len(shares) == 2 else 0.0
    return int((1 - deviation) * 100)


def score_image_locality(cluster: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    images = [container["image"] for container in containers]
    images += [each["image"]["reference"] for each in pod["spec"].get("volumes", []) if "image" in each]
    names = [image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest" for image in images]
    scores = []
    for node in nodes:
        total = 0
        for name in names:
            sizes = [_get_image_size(each, name) for each in cluster.nodes]
            spread = sum(map(bool, sizes)) / len(cluster.nodes)
            total += int(_get_image_size(node, name) * spread)
        least, most = 23 * _MEBIBYTE, 1000 * _MEBIBYTE * len(containers)
        scores.append(100 * (min(max(total, least), most) - least) // (most - least))
    return scores


def _get_image_size(node: JsonObject, name: str) -> int:
    sizes = [each["sizeBytes"] for each in node["status"].get("images", []) if name in each["names"]]
    return int(sizes[0]) if sizes else 0


def score_pod_topology_spread(cluster: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    soft = list_constraints(pod, "ScheduleAnyway")
    is_defaulted = not pod["spec"].get("topologySpreadConstraints")
    if is_defaulted:
        soft = _build_default_constraints(pod)
    if not soft:
        return [0] * len(nodes)

    def has_keys(node: JsonObject) -> bool:
        return is_defaulted or all(each["topologyKey"] in get_labels(node) for each in soft)

    scored = [node for node in nodes if has_keys(node)]
    scores = {id(node): 0.0 for node in scored}
    for constraint in soft:
        key = constraint["topologyKey"]
        # Nodes without the label are a domain of their own, under the defaults only.
        domains = {get_labels(node).get(key, "") for node in scored}
        size = len(scored) if key == _HOSTNAME else len(domains)
        counts: Counter[str] = Counter()
        for node in cluster.nodes:
            if has_keys(node) and is_included(constraint, pod, node):
                counts[get_labels(node).get(key, "")] += count_spread(cluster, constraint, pod, node)
        for node in scored:
            if key in get_labels(node):
                own = count_spread(cluster, constraint, pod, node)
                count = own if key == _HOSTNAME else counts[get_labels(node)[key]]
                scores[id(node)] += count * math.log(size + 2) + constraint["maxSkew"] - 1
    rounded = {node: math.floor(score + 0.5) for node, score in scores.items()}
    largest, smallest = max(rounded.values(), default=0), min(rounded.values(), default=0)
    return [
        0 if id(node) not in rounded
        else 100 if not largest
        else 100 * (largest + smallest - rounded[id(node)]) // largest
        for node in nodes
    ]  # fmt: skip


def _build_default_constraints(pod: JsonObject) -> list[JsonObject]:
    """Upstream's, for a pod whose owner selects its label `app`."""
    if "app" not in get_labels(pod):
        return []
    selector = {"matchLabels": {"app": get_labels(pod)["app"]}}
    return [
        {"topologyKey": key, "maxSkew": skew, "labelSelector": selector}
        for key, skew in ((_HOSTNAME, 3), ("topology.kubernetes.io/zone", 5))
    ]


def score_inter_pod_affinity(cluster: Cluster, pod: JsonObject, nodes: Sequence[JsonObject]) -> list[int]:
    totals: Counter[tuple[str, str]] = Counter()

    def add(key: str, where: JsonObject, weight: int) -> None:
        if key in get_labels(where):
            totals[key, get_labels(where)[key]] += weight

    for other, where in cluster.list_placed():
        for owner, target in ((pod, other), (other, pod)):
            for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
                for each in get_affinity(owner, kind, "preferred"):
                    term = each["podAffinityTerm"]
                    if select_pod(cluster, owner, term, target):
                        add(term["topologyKey"], where, sign * each["weight"])
        for term in get_affinity(other, "podAffinity", "required"):
            if select_pod(cluster, other, term, pod):
                add(term["topologyKey"], where, 1)
    scores = [sum(totals[pair] for pair in get_labels(node).items()) for node in nodes]
    smallest, largest = min(scores), max(scores)
    spread = largest - smallest
    return [int(100.0 * ((score - smallest) / spread)) if spread else 0 for score in scores]


Score = Callable[[Cluster, JsonObject, Sequence[JsonObject]], list[int]]
SCORES: Final[Mapping[str, Score]] = {
    "TaintToleration": score_taint_toleration,
    "NodeAffinity": score_node_affinity,
    "NodeResourcesFit": score_node_resources_fit,
    "PodTopologySpread": score_pod_topology_spread,
    "InterPodAffinity": score_inter_pod_affinity,
    "NodeResourcesBalancedAllocation": score_balanced_allocation,
    "ImageLocality": score_image_locality,
}
