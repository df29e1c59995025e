"""Label selectors compiled to a test of a pod's sorted labels."""

from collections.abc import Callable

from kprov.kube.api.core import NodeSelectorRequirement
from kprov.kube.api.meta import LabelSelector
from kprov.kube.component_helpers.node_affinity import requirement_matches
from kprov.kube.scheduler.pod_info import Labels


def matcher(selector: LabelSelector | None) -> Callable[[Labels], bool]:
    """None selects nothing, an empty selector everything."""
    if selector is None:
        return lambda _: False
    wanted = selector.match_labels.items()
    expressions = [
        NodeSelectorRequirement(key=entry.key, operator=entry.operator, values=entry.values)
        for entry in selector.match_expressions
    ]

    def test(labels: Labels) -> bool:
        have = dict(labels)
        return wanted <= have.items() and all(
            requirement_matches(entry, have.get(entry.key)) for entry in expressions
        )

    return test
