"""Arguments of plugins, with upstream's names, defaults and rules (types_pluginargs.go)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final, Literal

from kprov.contract.scheduler import durations
from kprov.contract.scheduler.sections import Section


class Arguments(Section):
    """Base of the arguments of a plugin."""

    api_version: str = ""
    kind: str = ""

    def find_problems(self) -> Iterator[str]:
        """Yield each problem as FIELD: TEXT."""
        return iter(())


class ResourceWeight(Section):
    name: str
    weight: int = 1

    def __post_init__(self) -> None:
        self.weight = self.weight or 1


class ShapePoint(Section):
    """A point of a function from utilization (0 to 100) to a score (0 to 10)."""

    utilization: int = 0
    score: int = 0


class RatioParameters(Section):
    shape: list[ShapePoint] = field(default_factory=list)


def _build_default_resources() -> list[ResourceWeight]:
    return [ResourceWeight(name="cpu"), ResourceWeight(name="memory")]


class ScoringStrategy(Section):
    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: list[ResourceWeight] = field(default_factory=list)
    requested_to_capacity_ratio: RatioParameters | None = None

    def __post_init__(self) -> None:
        self.resources = self.resources or _build_default_resources()


class NodeResourcesFitArgs(Arguments):
    ignored_resources: list[str] = field(default_factory=list)
    ignored_resource_groups: list[str] = field(default_factory=list)
    scoring_strategy: ScoringStrategy = field(default_factory=ScoringStrategy)

    def find_problems(self) -> Iterator[str]:
        for number, group in enumerate(self.ignored_resource_groups):
            if "/" in group:
                yield f"ignoredResourceGroups[{number}]: resource group name can't contain '/'"
        strategy = self.scoring_strategy
        for number, resource in enumerate(strategy.resources):
            if not 0 < resource.weight <= 100:
                yield f"scoringStrategy.resources[{number}].weight: not in valid range (0, 100]"
        if strategy.type == "RequestedToCapacityRatio":
            shape = strategy.requested_to_capacity_ratio.shape if strategy.requested_to_capacity_ratio else []
            yield from _find_shape_problems(shape, "scoringStrategy.requestedToCapacityRatio.shape")


def _find_shape_problems(shape: Sequence[ShapePoint], path: str) -> Iterator[str]:
    if not shape:
        yield f"{path}: at least one point must be specified"
    for number, point in enumerate(shape):
        if number and shape[number - 1].utilization >= point.utilization:
            yield f"{path}[{number}].utilization: values must be sorted in increasing order"
        if not 0 <= point.utilization <= 100:
            yield f"{path}[{number}].utilization: not in valid range [0, 100]"
        if not 0 <= point.score <= 10:
            yield f"{path}[{number}].score: not in valid range [0, 10]"


class NodeResourcesBalancedAllocationArgs(Arguments):
    resources: list[ResourceWeight] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.resources = self.resources or _build_default_resources()

    def find_problems(self) -> Iterator[str]:
        names: set[str] = set()
        for number, resource in enumerate(self.resources):
            if resource.name in names:
                yield f'resources[{number}].name: duplicate value "{resource.name}"'
            names.add(resource.name)
            if resource.weight != 1:
                yield f"resources[{number}].weight: must be 1"


class DefaultPreemptionArgs(Arguments):
    min_candidate_nodes_percentage: int = 10
    min_candidate_nodes_absolute: int = 100

    def find_problems(self) -> Iterator[str]:
        if not 0 <= self.min_candidate_nodes_percentage <= 100:
            yield "minCandidateNodesPercentage: not in valid range [0, 100]"
        if self.min_candidate_nodes_absolute < 0:
            yield "minCandidateNodesAbsolute: not in valid range [0, inf)"
        if not self.min_candidate_nodes_percentage and not self.min_candidate_nodes_absolute:
            yield "minCandidateNodesPercentage: cannot be zero at the same time as minCandidateNodesAbsolute"


class DynamicResourcesArgs(Arguments):
    filter_timeout: str = "10s"
    binding_timeout: str = "600s"

    @property
    def filter_seconds(self) -> float:
        return durations.parse(self.filter_timeout)

    @property
    def binding_seconds(self) -> float:
        return durations.parse(self.binding_timeout)

    def find_problems(self) -> Iterator[str]:
        for name, text, least, rule in (
            ("filterTimeout", self.filter_timeout, 0.0, "must be zero or positive"),
            ("bindingTimeout", self.binding_timeout, 1.0, "must be at least 1 second"),
        ):
            try:
                is_allowed = durations.parse(text) >= least
            except ValueError:
                yield f'{name}: invalid duration "{text}"'
                continue
            if not is_allowed:
                yield f"{name}: {rule}"


class InterPodAffinityArgs(Arguments):
    hard_pod_affinity_weight: int = 1
    ignore_preferred_terms_of_existing_pods: bool = False

    def find_problems(self) -> Iterator[str]:
        if not 0 <= self.hard_pod_affinity_weight <= 100:
            yield "hardPodAffinityWeight: not in valid range [0, 100]"


class NodeSelectorRequirement(Section):
    key: str = ""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: list[str] = field(default_factory=list)


class NodeSelectorTerm(Section):
    match_expressions: list[NodeSelectorRequirement] = field(default_factory=list)
    match_fields: list[NodeSelectorRequirement] = field(default_factory=list)


class NodeSelector(Section):
    node_selector_terms: list[NodeSelectorTerm] = field(default_factory=list)


class PreferredSchedulingTerm(Section):
    weight: int = 0
    preference: NodeSelectorTerm = field(default_factory=NodeSelectorTerm)


class NodeAffinity(Section):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = field(
        default_factory=list
    )


class NodeAffinityArgs(Arguments):
    added_affinity: NodeAffinity | None = None


class VolumeBindingArgs(Arguments):
    bind_timeout_seconds: int = 600

    def find_problems(self) -> Iterator[str]:
        if self.bind_timeout_seconds < 0:
            yield "bindTimeoutSeconds: invalid BindTimeoutSeconds, should not be a negative value"


class TopologySpreadConstraint(Section):
    """A constraint of pods that have none. Its selector is deduced for each pod."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: dict[str, Any] | None = None
    min_domains: int | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    match_label_keys: list[str] = field(default_factory=list)


class PodTopologySpreadArgs(Arguments):
    default_constraints: list[TopologySpreadConstraint] = field(default_factory=list)
    defaulting_type: Literal["System", "List"] = "System"

    def find_problems(self) -> Iterator[str]:
        if self.defaulting_type == "System" and self.default_constraints:
            yield 'defaultingType: must be "List" when defaultConstraints are not empty'
        seen: set[tuple[str, str]] = set()
        for number, constraint in enumerate(self.default_constraints):
            path = f"defaultConstraints[{number}]"
            if constraint.max_skew <= 0:
                yield f"{path}.maxSkew: not in valid range (0, inf)"
            if not constraint.topology_key:
                yield f"{path}.topologyKey: can not be empty"
            if constraint.when_unsatisfiable not in {"DoNotSchedule", "ScheduleAnyway"}:
                yield f'{path}.whenUnsatisfiable: must be "DoNotSchedule" or "ScheduleAnyway"'
            if constraint.label_selector is not None:
                yield f"{path}.labelSelector: must not be set, it is deduced for each pod"
            key = (constraint.topology_key, constraint.when_unsatisfiable)
            if key in seen:
                yield f"{path}: duplicate of an earlier constraint"
            seen.add(key)


#: Plugins that take arguments.
ARGUMENTS: Final[dict[str, type[Arguments]]] = {
    "DefaultPreemption": DefaultPreemptionArgs,
    "DynamicResources": DynamicResourcesArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "VolumeBinding": VolumeBindingArgs,
}
