"""A cluster as documents, and the plain rules that several plugins of the oracle use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

Labels = Mapping[str, str]


@dataclass
class Cluster:
    """`pods`: those on nodes, with the names of their nodes."""

    nodes: list[JsonObject] = field(default_factory=list)
    pods: list[tuple[JsonObject, str]] = field(default_factory=list)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, JsonObject] = field(default_factory=dict)
    volumes: dict[str, JsonObject] = field(default_factory=dict)
    classes: dict[str, JsonObject] = field(default_factory=dict)
    csi_nodes: dict[str, JsonObject] = field(default_factory=dict)
    attachments: list[JsonObject] = field(default_factory=list)

    def list_pods_on(self, node: JsonObject) -> list[JsonObject]:
        return [pod for pod, name in self.pods if name == node["metadata"]["name"]]

    def list_placed(self) -> list[tuple[JsonObject, JsonObject]]:
        """Each pod with its node."""
        nodes = {node["metadata"]["name"]: node for node in self.nodes}
        return [(pod, nodes[name]) for pod, name in self.pods]


def get_name(document: JsonObject) -> str:
    return str(document["metadata"]["name"])


def get_labels(document: JsonObject) -> Labels:
    labels: Labels = document["metadata"].get("labels", {})
    return labels


def select_labels(selector: JsonObject | None, labels: Labels) -> bool:
    """metav1.LabelSelector: None selects nothing, {} everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(match_expression(each, labels) for each in selector.get("matchExpressions", []))


def match_expression(expression: JsonObject, labels: Labels) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", [])
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" if value is not None and value.isdigit():
            return (
                int(value) > int(values[0]) if expression["operator"] == "Gt" else int(value) < int(values[0])
            )
    return False


def match_term(term: JsonObject, node: JsonObject) -> bool:
    """A NodeSelectorTerm. An empty one matches nothing."""
    expressions, fields = term.get("matchExpressions", []), term.get("matchFields", [])
    if not expressions and not fields:
        return False
    return all(match_expression(each, get_labels(node)) for each in expressions) and all(
        match_expression(each, {"metadata.name": get_name(node)}) for each in fields
    )


def match_terms(selector: JsonObject, node: JsonObject) -> bool:
    """A NodeSelector."""
    return any(match_term(term, node) for term in selector["nodeSelectorTerms"])


def get_affinity(pod: JsonObject, kind: str, strength: str) -> list[JsonObject]:
    """The terms of podAffinity or podAntiAffinity; strength: required or preferred."""
    found = pod["spec"].get("affinity", {}).get(kind, {})
    terms: list[JsonObject] = found.get(f"{strength}DuringSchedulingIgnoredDuringExecution", [])
    return terms


def match_required_affinity(pod: JsonObject, node: JsonObject) -> bool:
    """nodeSelector and required node affinity."""
    selector = pod["spec"].get("nodeSelector", {})
    if any(get_labels(node).get(key) != value for key, value in selector.items()):
        return False
    required = (
        pod["spec"]
        .get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution")
    )
    return required is None or match_terms(required, node)


def tolerates(toleration: JsonObject, taint: JsonObject) -> bool:
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    if (effect and effect != taint["effect"]) or (key and key != taint["key"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(key) and toleration.get("value", "") == taint.get("value", "")


def find_untolerated(pod: JsonObject, taints: Iterable[JsonObject]) -> JsonObject | None:
    """The first taint that keeps the pod away."""
    tolerations = pod["spec"].get("tolerations", [])
    for taint in taints:
        if taint["effect"] != "PreferNoSchedule" and not any(tolerates(each, taint) for each in tolerations):
            return taint
    return None


def parse_amount(name: str, text: str) -> int:
    quantity = Quantity.parse(text)
    return quantity.milli_value if name == "cpu" else quantity.value


def get_allocatable(node: JsonObject, name: str) -> int:
    return parse_amount(name, node["status"]["allocatable"].get(name, "0"))


def get_request(pod: JsonObject, name: str, *, default: int = 0) -> int:
    """What the pod needs at its peak. default: of containers without a request."""
    spec = pod["spec"]

    def get(container: JsonObject) -> int:
        text = container.get("resources", {}).get("requests", {}).get(name)
        return default if text is None else parse_amount(name, text)

    sidecars = peak = 0
    for container in spec.get("initContainers", []):
        if container.get("restartPolicy") == "Always":
            sidecars += get(container)
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + get(container))
    total = max(peak, sidecars + sum(get(container) for container in spec["containers"]))
    whole = spec.get("resources", {}).get("requests", {}).get(name)
    if whole is not None:
        total = parse_amount(name, whole)
    return total + parse_amount(name, spec.get("overhead", {}).get(name, "0"))


def list_claims(pod: JsonObject) -> list[str]:
    sources = [volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes", [])]
    return [source["claimName"] for source in sources if source]
