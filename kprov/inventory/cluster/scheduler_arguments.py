"""The arguments of the scheduler's plugins in an inventory, checked before a host is touched.

The scheduler checks them again when it reads its file. A unit test compares fields and rules of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from kprov.contract.scheduler import durations


class Section(BaseModel):
    """Base of all parts of KubeSchedulerConfiguration: unknown fields are errors."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


def check_duration(text: str) -> str:
    """Return a time with its unit, as Go reads it. Raise ValueError for other texts, and for signs."""
    try:
        durations.parse(text)
    except ValueError:
        is_duration = False
    else:
        is_duration = text[:1] not in ("-", "+") and text == text.strip()
    if not is_duration:
        raise ValueError("must be a time with its unit, such as 500ms, 90s or 1m30s")
    return text


Duration = Annotated[str, AfterValidator(check_duration)]
Percentage = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]


class _Arguments(Section):
    api_version: Literal["", "kubescheduler.config.k8s.io/v1"] = ""
    kind: str = ""

    def find_problems(self) -> Iterator[str]:
        """Rules between fields, as FIELD: TEXT."""
        return iter(())


class ResourceWeight(Section):
    """A weight of 0 stands for 1."""

    name: str
    weight: Percentage = 1


class ShapePoint(Section):
    utilization: Percentage = 0
    score: Annotated[int, Field(ge=0, le=10)] = 0


class RatioParameters(Section):
    shape: list[ShapePoint] = []


class ScoringStrategy(Section):
    type: Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] = "LeastAllocated"
    resources: list[ResourceWeight] = []
    requested_to_capacity_ratio: RatioParameters | None = None


class NodeResourcesFitArgs(_Arguments):
    ignored_resources: list[str] = []
    ignored_resource_groups: list[Annotated[str, Field(pattern="^[^/]*$")]] = []
    scoring_strategy: ScoringStrategy = ScoringStrategy()

    def find_problems(self) -> Iterator[str]:
        strategy = self.scoring_strategy
        if strategy.type != "RequestedToCapacityRatio":
            return
        path = "scoringStrategy.requestedToCapacityRatio.shape"
        ratio = strategy.requested_to_capacity_ratio
        if ratio is None or not ratio.shape:
            yield f"{path}: at least one point must be specified"
            return
        for number, (left, right) in enumerate(pairwise(ratio.shape), start=1):
            if left.utilization >= right.utilization:
                yield f"{path}[{number}].utilization: values must be sorted in increasing order"


class NodeResourcesBalancedAllocationArgs(_Arguments):
    resources: list[ResourceWeight] = []

    def find_problems(self) -> Iterator[str]:
        names: set[str] = set()
        for number, resource in enumerate(self.resources):
            if resource.name in names:
                yield f'resources[{number}].name: duplicate value "{resource.name}"'
            names.add(resource.name)
            if resource.weight not in (0, 1):
                yield f"resources[{number}].weight: must be 1"


class DefaultPreemptionArgs(_Arguments):
    min_candidate_nodes_percentage: Percentage = 10
    min_candidate_nodes_absolute: Count = 100

    def find_problems(self) -> Iterator[str]:
        if not self.min_candidate_nodes_percentage and not self.min_candidate_nodes_absolute:
            yield "minCandidateNodesPercentage: cannot be zero at the same time as minCandidateNodesAbsolute"


class DynamicResourcesArgs(_Arguments):
    filter_timeout: Duration = "10s"
    binding_timeout: Duration = "600s"

    def find_problems(self) -> Iterator[str]:
        if durations.parse(self.binding_timeout) < 1:
            yield "bindingTimeout: must be at least 1 second"


class InterPodAffinityArgs(_Arguments):
    hard_pod_affinity_weight: Percentage = 1
    ignore_preferred_terms_of_existing_pods: bool = False


class NodeSelectorRequirement(Section):
    key: str = ""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: list[str] = []


class NodeSelectorTerm(Section):
    match_expressions: list[NodeSelectorRequirement] = []
    match_fields: list[NodeSelectorRequirement] = []


class NodeSelector(Section):
    node_selector_terms: list[NodeSelectorTerm] = []


class PreferredSchedulingTerm(Section):
    weight: int = 0
    preference: NodeSelectorTerm = NodeSelectorTerm()


class NodeAffinity(Section):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = []


class NodeAffinityArgs(_Arguments):
    added_affinity: NodeAffinity | None = None


class VolumeBindingArgs(_Arguments):
    bind_timeout_seconds: Count = 600


class TopologySpreadConstraint(Section):
    max_skew: Annotated[int, Field(ge=1)] = 1
    topology_key: Annotated[str, Field(min_length=1)]
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    min_domains: int | None = None
    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    match_label_keys: list[str] = []


class PodTopologySpreadArgs(_Arguments):
    default_constraints: list[TopologySpreadConstraint] = []
    defaulting_type: Literal["System", "List"] = "System"

    def find_problems(self) -> Iterator[str]:
        if self.defaulting_type == "System" and self.default_constraints:
            yield 'defaultingType: must be "List" when defaultConstraints are not empty'
        seen: set[tuple[str, str]] = set()
        for number, constraint in enumerate(self.default_constraints):
            key = (constraint.topology_key, constraint.when_unsatisfiable)
            if key in seen:
                yield f"defaultConstraints[{number}]: duplicate of an earlier constraint"
            seen.add(key)


#: Plugins that take arguments.
ARGUMENTS: Final[Mapping[str, type[_Arguments]]] = {
    "DefaultPreemption": DefaultPreemptionArgs,
    "DynamicResources": DynamicResourcesArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "VolumeBinding": VolumeBindingArgs,
}


def find_argument_problems(plugin: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Of a plugin that takes arguments, as FIELD: TEXT."""
    expected = ARGUMENTS[plugin]
    try:
        checked = expected.model_validate(arguments)
    except ValidationError as error:
        yield from describe_errors(error)
        return
    if checked.kind not in ("", expected.__name__):
        yield f"kind: expected {expected.__name__}, found {checked.kind}"
    yield from checked.find_problems()


def describe_errors(error: ValidationError) -> Iterator[str]:
    """FIELD: TEXT."""
    for each in error.errors():
        yield f"{_describe_place(each['loc'])}: {each['msg'].removeprefix('Value error, ')}"


def _describe_place(place: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
