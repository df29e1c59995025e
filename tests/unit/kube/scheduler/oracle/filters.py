"""One function for each Filter plugin that checks one node. Simple, slow, and written from upstream's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.scheduler.oracle.cluster import (
    Cluster,
    find_untolerated,
    get_affinity,
    get_allocatable,
    get_labels,
    get_name,
    get_request,
    list_claims,
    match_required_affinity,
    match_terms,
    parse_amount,
    select_labels,
    tolerates,
)


@dataclass(frozen=True)
class Refusal:
    """Why a node is rejected. `can_preempt`: Unschedulable, in contrast to UnschedulableAndUnresolvable."""

    reasons: frozenset[str]
    can_preempt: bool


def refuse(reason: str, *, can_preempt: bool = False) -> Refusal:
    return Refusal(frozenset({reason}), can_preempt)


def check_node_unschedulable(_: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if not node["spec"].get("unschedulable") or any(
        tolerates(each, taint) for each in pod["spec"].get("tolerations", [])
    ):
        return None
    return refuse("node(s) were unschedulable")


def check_node_name(_: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    if pod["spec"].get("nodeName", "") in ("", get_name(node)):
        return None
    return refuse("node(s) didn't match the requested node name")


def check_taint_toleration(_: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    if find_untolerated(pod, node["spec"].get("taints", [])) is None:
        return None
    return refuse("node(s) had untolerated taint(s)")


def check_node_affinity(_: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    if match_required_affinity(pod, node):
        return None
    return refuse("node(s) didn't match Pod's node affinity/selector")


def _list_ports(pod: JsonObject) -> list[tuple[str, str, int]]:
    spec = pod["spec"]
    sidecars = [each for each in spec.get("initContainers", []) if each.get("restartPolicy") == "Always"]
    return [
        (port.get("protocol", "TCP"), port.get("hostIP", "0.0.0.0"), port["hostPort"])
        for container in [*spec["containers"], *sidecars]
        for port in container.get("ports", [])
    ]


def check_node_ports(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    taken = [port for other in cluster.list_pods_on(node) for port in _list_ports(other)]
    for protocol, address, port in _list_ports(pod):
        for other, where, used in taken:
            if (other, used) == (protocol, port) and (where == address or "0.0.0.0" in (where, address)):
                return refuse("node(s) didn't have free ports for the requested pod ports", can_preempt=True)
    return None


def check_node_resources_fit(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    others = cluster.list_pods_on(node)
    reasons = set()
    can_preempt = True
    if len(others) + 1 > get_allocatable(node, "pods"):
        reasons.add("Too many pods")
    for name in ("cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi"):
        wanted, size = get_request(pod, name), get_allocatable(node, name)
        if wanted > 0 and wanted > size - sum(get_request(other, name) for other in others):
            reasons.add(f"Insufficient {name}")
            can_preempt = can_preempt and wanted <= size
    return Refusal(frozenset(reasons), can_preempt) if reasons else None


def check_volume_restrictions(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    for other in cluster.list_pods_on(node):
        if any(
            _is_disk_conflict(mine, theirs)
            for mine in pod["spec"].get("volumes", [])
            for theirs in other["spec"].get("volumes", [])
        ):
            return refuse("node(s) had no available disk", can_preempt=True)
    for name in list_claims(pod):
        used = any(name in list_claims(other) and _is_same_namespace(pod, other) for other, _ in cluster.pods)
        if used and "ReadWriteOncePod" in cluster.claims[name]["spec"]["accessModes"]:
            return refuse(
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already "
                "in-use by another pod",
                can_preempt=True,
            )
    return None


def _is_same_namespace(pod: JsonObject, other: JsonObject) -> bool:
    return bool(pod["metadata"]["namespace"] == other["metadata"]["namespace"])


def _is_disk_conflict(mine: JsonObject, theirs: JsonObject) -> bool:
    if "iscsi" in mine and "iscsi" in theirs:
        a, b = mine["iscsi"], theirs["iscsi"]
        return a["iqn"] == b["iqn"] and not (a.get("readOnly") and b.get("readOnly"))
    if "rbd" in mine and "rbd" in theirs:
        a, b = mine["rbd"], theirs["rbd"]
        is_same = (a.get("pool", "rbd"), a["image"]) == (b.get("pool", "rbd"), b["image"])
        shares_monitor = bool(set(a["monitors"]) & set(b["monitors"]))
        return is_same and shares_monitor and not (a.get("readOnly") and b.get("readOnly"))
    return False


def check_node_volume_limits(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    drivers = cluster.csi_nodes.get(get_name(node), {"spec": {"drivers": []}})["spec"]["drivers"]
    limits = {each["name"]: each["allocatable"]["count"] for each in drivers if "allocatable" in each}
    attached = {volume for other in cluster.list_pods_on(node) for volume in _list_csi(cluster, other)}
    new = _list_csi(cluster, pod) - attached
    for each in cluster.attachments:
        if each["spec"]["nodeName"] == get_name(node):
            volume = cluster.volumes[each["spec"]["source"]["persistentVolumeName"]]
            attached.add((each["spec"]["attacher"], volume["spec"]["csi"]["volumeHandle"]))
    used = Counter(driver for driver, _ in attached)
    for driver, count in Counter(driver for driver, _ in new).items():
        if driver in limits and used[driver] + count > limits[driver]:
            return refuse("node(s) exceed max volume count", can_preempt=True)
    return None


def _list_csi(cluster: Cluster, pod: JsonObject) -> set[tuple[str, str]]:
    found = set()
    for name in list_claims(pod):
        claim = cluster.claims[name]
        volume = cluster.volumes.get(claim["spec"].get("volumeName", ""))
        if volume is not None:
            if "csi" in volume["spec"]:
                found.add((volume["spec"]["csi"]["driver"], volume["spec"]["csi"]["volumeHandle"]))
        else:
            provisioner = cluster.classes[claim["spec"]["storageClassName"]]["provisioner"]
            found.add((provisioner, f"not provisioned yet: {name}"))
    return found


def check_volume_binding(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    claims = [cluster.claims[name] for name in dict.fromkeys(list_claims(pod))]
    reasons = set()
    for claim in claims:
        volume = cluster.volumes.get(claim["spec"].get("volumeName", ""))
        if volume is not None and not _is_reachable(volume, node):
            reasons.add("node(s) didn't match PersistentVolume's node affinity")
    waiting = [claim for claim in claims if "volumeName" not in claim["spec"]]
    if not _find_volumes(cluster, waiting, node):
        reasons.add("node(s) didn't find available persistent volumes to bind")
    return Refusal(frozenset(reasons), can_preempt=False) if reasons else None


def _is_reachable(volume: JsonObject, node: JsonObject) -> bool:
    affinity = volume["spec"].get("nodeAffinity")
    return affinity is None or match_terms(affinity["required"], node)


def _find_volumes(cluster: Cluster, claims: list[JsonObject], node: JsonObject) -> bool:
    """Whether each claim gets the smallest volume, or a new one."""

    def get_size(document: JsonObject) -> int:
        sizes = document["spec"].get("capacity") or document["spec"]["resources"]["requests"]
        return parse_amount("storage", sizes["storage"])

    chosen: set[str] = set()
    for claim in sorted(claims, key=get_size):
        fitting = [
            volume
            for volume in cluster.volumes.values()
            if "claimRef" not in volume["spec"]
            and volume["spec"].get("storageClassName") == claim["spec"]["storageClassName"]
            and get_size(volume) >= get_size(claim)
            and set(claim["spec"]["accessModes"]) <= set(volume["spec"]["accessModes"])
            and get_name(volume) not in chosen
            and _is_reachable(volume, node)
        ]
        if fitting:
            chosen.add(get_name(min(fitting, key=get_size)))
        elif not _can_provision(cluster.classes[claim["spec"]["storageClassName"]], node):
            return False
    return True


def _can_provision(storage_class: JsonObject, node: JsonObject) -> bool:
    if storage_class["provisioner"] == "kubernetes.io/no-provisioner":
        return False
    terms = storage_class.get("allowedTopologies", [])
    return not terms or any(
        all(get_labels(node).get(each["key"]) in each["values"] for each in term["matchLabelExpressions"])
        for term in terms
    )


_GENERAL = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}


def check_volume_zone(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    labels = get_labels(node)
    topology = {*_GENERAL, *_GENERAL.values()}
    if not topology & labels.keys():
        return None
    for name in list_claims(pod):
        volume = cluster.volumes.get(cluster.claims[name]["spec"].get("volumeName", ""))
        for key, values in (get_labels(volume) if volume is not None else {}).items():
            if key in topology:
                value = labels.get(key, labels.get(_GENERAL.get(key, key)))
                if value not in values.split("__"):
                    return refuse("node(s) had no available volume zone")
    return None


def list_constraints(pod: JsonObject, when: str) -> list[JsonObject]:
    constraints = pod["spec"].get("topologySpreadConstraints", [])
    return [each for each in constraints if each["whenUnsatisfiable"] == when]


def select_spread(constraint: JsonObject, pod: JsonObject, labels: Mapping[str, str]) -> bool:
    keys = [key for key in constraint.get("matchLabelKeys", []) if key in get_labels(pod)]
    return select_labels(constraint["labelSelector"], labels) and all(
        labels.get(key) == get_labels(pod)[key] for key in keys
    )


def count_spread(cluster: Cluster, constraint: JsonObject, pod: JsonObject, node: JsonObject) -> int:
    """Like pods on the node. An empty selector counts none."""
    keys = [key for key in constraint.get("matchLabelKeys", []) if key in get_labels(pod)]
    if not any(constraint["labelSelector"].values()) and not keys:
        return 0
    return sum(
        _is_same_namespace(pod, other)
        and "deletionTimestamp" not in other["metadata"]
        and select_spread(constraint, pod, get_labels(other))
        for other in cluster.list_pods_on(node)
    )


def is_included(constraint: JsonObject, pod: JsonObject, node: JsonObject) -> bool:
    """The node inclusion policies."""
    if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not match_required_affinity(pod, node):
        return False
    return (
        constraint.get("nodeTaintsPolicy", "Ignore") == "Ignore"
        or find_untolerated(pod, node["spec"].get("taints", [])) is None
    )


def check_pod_topology_spread(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    hard = list_constraints(pod, "DoNotSchedule")
    keys = {constraint["topologyKey"] for constraint in hard}
    for constraint in hard:
        key = constraint["topologyKey"]
        if key not in get_labels(node):
            return refuse("node(s) didn't match pod topology spread constraints (missing required label)")
        counts: Counter[str] = Counter()
        for other in cluster.nodes:
            if keys <= get_labels(other).keys() and is_included(constraint, pod, other):
                counts[get_labels(other)[key]] += count_spread(cluster, constraint, pod, other)
        smallest = (
            min(counts.values(), default=2**31) if len(counts) >= constraint.get("minDomains", 1) else 0
        )
        myself = int(select_spread(constraint, pod, get_labels(pod)))
        if counts[get_labels(node)[key]] + myself - smallest > constraint["maxSkew"]:
            return refuse("node(s) didn't match pod topology spread constraints", can_preempt=True)
    return None


def select_pod(cluster: Cluster, owner: JsonObject, term: JsonObject, pod: JsonObject) -> bool:
    """Whether a (anti-)affinity term of the owner selects a pod."""
    namespace = pod["metadata"]["namespace"]
    named = list(term.get("namespaces", []))
    selector = term.get("namespaceSelector")
    if not named and selector is None:
        named = [owner["metadata"]["namespace"]]
    if namespace not in named and not select_labels(selector, cluster.namespaces[namespace]):
        return False
    return select_labels(term["labelSelector"], get_labels(pod))


def is_same_domain(key: str, node: JsonObject, other: JsonObject) -> bool:
    value = get_labels(node).get(key)
    return value is not None and value == get_labels(other).get(key)


def check_inter_pod_affinity(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    if not _is_near_wanted_pods(cluster, pod, node):
        return refuse("node(s) didn't match pod affinity rules")
    placed = cluster.list_placed()
    for term in get_affinity(pod, "podAntiAffinity", "required"):
        for other, where in placed:
            if is_same_domain(term["topologyKey"], node, where) and select_pod(cluster, pod, term, other):
                return refuse("node(s) didn't match pod anti-affinity rules", can_preempt=True)
    for other, where in placed:
        for term in get_affinity(other, "podAntiAffinity", "required"):
            if is_same_domain(term["topologyKey"], node, where) and select_pod(cluster, other, term, pod):
                return refuse("node(s) didn't satisfy existing pods anti-affinity rules", can_preempt=True)
    return None


def _is_near_wanted_pods(cluster: Cluster, pod: JsonObject, node: JsonObject) -> bool:
    terms = get_affinity(pod, "podAffinity", "required")
    if not all(term["topologyKey"] in get_labels(node) for term in terms):
        return False
    wanted = [
        where
        for other, where in cluster.list_placed()
        if all(select_pod(cluster, pod, term, other) for term in terms)
    ]
    if all(any(is_same_domain(term["topologyKey"], node, where) for where in wanted) for term in terms):
        return True
    # The first pod of a group may start where no other is yet.
    is_first = not any(term["topologyKey"] in get_labels(where) for term in terms for where in wanted)
    return is_first and all(select_pod(cluster, pod, term, pod) for term in terms)


def check_node_declared_features(_: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    spec = pod["spec"]
    if not spec.get("hostNetwork") or spec.get("hostUsers", True):
        return None
    if "UserNamespacesHostNetworkSupport" in node["status"].get("declaredFeatures", []):
        return None
    return refuse("node(s) didn't match Pod's required features")


Check = Callable[[Cluster, JsonObject, JsonObject], Refusal | None]
#: In the order of the default profile.
CHECKS: Final[Mapping[str, Check]] = {
    "NodeUnschedulable": check_node_unschedulable,
    "NodeName": check_node_name,
    "TaintToleration": check_taint_toleration,
    "NodeAffinity": check_node_affinity,
    "NodePorts": check_node_ports,
    "NodeResourcesFit": check_node_resources_fit,
    "VolumeRestrictions": check_volume_restrictions,
    "NodeVolumeLimits": check_node_volume_limits,
    "VolumeBinding": check_volume_binding,
    "VolumeZone": check_volume_zone,
    "PodTopologySpread": check_pod_topology_spread,
    "InterPodAffinity": check_inter_pod_affinity,
    "NodeDeclaredFeatures": check_node_declared_features,
}


def list_named_nodes(pod: JsonObject) -> set[str] | None:
    """The only nodes that are checked at all, since each term of the node affinity names nodes. None: all."""
    required = (
        pod["spec"]
        .get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution", {"nodeSelectorTerms": []})
    )
    names: set[str] = set()
    for term in required["nodeSelectorTerms"]:
        fields = [set(each["values"]) for each in term.get("matchFields", []) if each["operator"] == "In"]
        if not fields:
            return None
        names |= set.intersection(*fields)
    return names if required["nodeSelectorTerms"] else None
