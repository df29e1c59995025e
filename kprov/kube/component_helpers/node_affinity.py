"""Whether a node is one that a pod asks for (k8s.io/component-helpers/scheduling/corev1/nodeaffinity)."""

from collections.abc import Mapping

from kprov.kube.api.core import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod


def required_matches(pod: Pod, node: Node) -> bool:
    """NodeSelector and the required node affinity of the pod."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if required is None:
        return True
    return any(term_matches(term, labels, node.metadata.name) for term in required.node_selector_terms)


def term_matches(term: NodeSelectorTerm, labels: Mapping[str, str], name: str) -> bool:
    """All of its requirements; a term without any matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": name}
    return all(requirement_matches(entry, labels.get(entry.key)) for entry in term.match_expressions) and all(
        requirement_matches(entry, fields.get(entry.key)) for entry in term.match_fields
    )


def requirement_matches(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    """`value` None is a missing label."""
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement, value)
        case _:
            return False


def _compares(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    try:
        have, bound = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound
