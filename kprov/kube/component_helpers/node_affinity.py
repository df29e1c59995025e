"""Whether node selectors select one node (k8s.io/component-helpers/scheduling/corev1/nodeaffinity)."""

from collections.abc import Iterable, Mapping, Sequence

from kprov.kube.api.core import Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec


def is_node_selected(spec: PodSpec, node: Node) -> bool:
    """Whether the pod's nodeSelector and its required node affinity accept the node."""
    if not spec.node_selector.items() <= node.metadata.labels.items():
        return False
    if spec.affinity is None or spec.affinity.node_affinity is None:
        return True
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    return required is None or matches_selector(required, node)


def matches_selector(selector: NodeSelector, node: Node) -> bool:
    """Terms are alternatives."""
    return any(_matches_term(term, node) for term in selector.node_selector_terms)


def _matches_term(term: NodeSelectorTerm, node: Node) -> bool:
    """Return whether a term matches; one without expressions matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    names = {"metadata.name": node.metadata.name}
    return _all(term.match_expressions, node.metadata.labels) and _all(term.match_fields, names)


def _all(requirements: Iterable[NodeSelectorRequirement], have: Mapping[str, str]) -> bool:
    return all(_matches(requirement, have.get(requirement.key)) for requirement in requirements)


def _matches(requirement: NodeSelectorRequirement, value: str | None) -> bool:
    values: Sequence[str] = requirement.values
    match requirement.operator:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            have, bound = _parse_integer(value), _parse_integer(values[0] if values else None)
            if have is None or bound is None:
                return False
            return have > bound if requirement.operator == "Gt" else have < bound
        case _:
            return False


def _parse_integer(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
