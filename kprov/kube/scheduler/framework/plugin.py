"""Scheduling plugins: they filter and score all nodes at once (upstream's framework)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.diagnosis import Diagnosis
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.scores import Scores
from kprov.kube.scheduler.framework.status import SKIP, Status
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.demands import Demand
from kprov.kube.scheduler.state.nominator import Nominator
from kprov.kube.scheduler.state.pod_info import PodInfo

SortKey = tuple[float, ...]
#: The plugin that is built into the queue.
SCHEDULING_GATES = "SchedulingGates"


@dataclass(slots=True)
class CycleState:
    """The data of one scheduling cycle."""

    info: PodInfo
    state: ClusterState
    #: What a plugin keeps from one extension point to the next, by its name.
    data: dict[str, object] = field(default_factory=dict)
    nominator: Nominator = field(default_factory=Nominator)
    profile: Profile = field(default_factory=lambda: Profile(""))
    #: Whether the durations of single plugins are measured.
    is_sampled: bool = False
    #: Plugins that skip their filter in this cycle, by their names.
    skipped: set[str] = field(default_factory=set)
    #: The only slots that are filtered (upstream's PreFilterResult), and the plugins that chose them.
    selected: Mask | None = None
    selecting: set[str] = field(default_factory=set)

    def select_nodes(self, plugin: str, names: Iterable[str]) -> None:
        """Let the filters check only these nodes (upstream's PreFilterResult). Others are unresolvable."""
        mask: Mask = np.zeros(self.state.capacity, dtype=np.bool_)
        mask[[self.state.slot_of[name] for name in names if name in self.state.slot_of]] = True
        self.selected = mask if self.selected is None else self.selected & mask
        self.selecting.add(plugin)

    @property
    def filters(self) -> Sequence[Plugin]:
        """Return the filters of the profile that do not skip this cycle."""
        if not self.skipped:
            return self.profile.filters
        return [plugin for plugin in self.profile.filters if plugin.name not in self.skipped]


class Rejection(NamedTuple):
    """Slots that a rule rejects for a reason. Slots without a node may be among them.

    `resolvable`: whether the removal of pods may help, for all slots or by slot. Upstream calls the others
    UnschedulableAndUnresolvable.
    """

    reason: str
    slots: Mask
    resolvable: bool | Mask = False


@dataclass(frozen=True, slots=True)
class FilterResult:
    """`feasible`: slots that all plugins accept. `resolvable`: other slots, where preemption may help."""

    feasible: Mask
    diagnosis: Diagnosis
    resolvable: Mask


@dataclass(frozen=True, slots=True)
class PostFilterResult:
    """What PostFilter did for a pod that fits on no node.

    `node`: where the pod will fit, "" if it loses its nomination, None if it keeps it.
    `work`: runs in the background and returns whether it succeeded. The pod is not tried meanwhile.
    """

    node: str | None = None
    message: str = ""
    work: Callable[[], Awaitable[bool]] | None = None
    #: Whether no further plugin is called. A result with a node is always final.
    is_final: bool = False


class PluginError(Exception):
    """A step of a plugin failed (Code.ERROR). The pod is scheduled again; the text is for its event."""


def get_priority_key(pod: Pod, timestamp: float) -> SortKey:
    """Return the default sort key of the queue: by priority, then by time."""
    return (-(pod.spec.priority or 0), timestamp)


class PodGoneError(PluginError):
    """Bind failed because the pod does not exist any more."""


class Plugin:
    """One rule, under upstream's name. Each method is the extension point of that name."""

    name = ""
    #: Whether all reasons count for a node, not the first one only.
    reports_all_reasons = False
    #: Whether the filter reads no more of other pods than their requests.
    uses_requests_only = False

    def list_events(self) -> Sequence[EventRegistration]:
        """Return the events after which a pod may fit that the plugin rejected (EventsToRegister).

        Default: all.
        """
        return (EventRegistration(Resource.ANY, Action.ALL),)

    def get_sort_key(self, pod: Pod, timestamp: float) -> SortKey:
        """Return the key of a pod in the queue: the pod with the smallest key is tried first (QueueSort).

        `timestamp`: when the pod came into the queue, or back from its last attempt.
        """
        return (timestamp,)

    def pre_enqueue(self, pod: Pod) -> Status | None:
        """Decide whether the pod may be tried. A rejected one waits without an event or a condition.

        It is asked again after an update of the pod, and after those of `list_events`.
        """
        return None

    def pre_filter(self, cycle: CycleState) -> Status | None:
        """Prepare the filter. None: go on. SKIP: the filter has nothing to check.

        A rejection counts for all nodes.
        """
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        """Check all nodes."""
        return iter(())

    def accepts_node(self, cycle: CycleState, slot: int) -> bool:
        """Check one node, as the filter does. Preemption calls it for each pod that it removes."""
        return not any(rejection.slots[slot] for rejection in self.filter(cycle))

    def list_demands(self, cycle: CycleState) -> Sequence[Demand]:
        """Return all that the filter checks, if it reads nothing but requests."""
        return ()

    def depends_on_pods(self, cycle: CycleState) -> bool:
        """Whether the removal of other pods can change what the filter says about this pod."""
        return self.uses_requests_only

    async def post_filter(self, cycle: CycleState, filtered: FilterResult) -> PostFilterResult | None:
        """Make a node fit for a pod that fits on none. None if the rule does no such thing.

        All other pods wait for it: what takes long belongs into the result's `work`.
        """
        return None

    def pre_score(self, cycle: CycleState, feasible: Mask) -> Status | None:
        """Prepare the score. None: go on. SKIP: all nodes are alike for the plugin."""
        return None

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        """Return scores by slot, from 0 to MAX_SCORE, or None if all nodes are equal."""
        return None

    def reserve(self, cycle: CycleState, node: str) -> Status | None:
        """Reserve what the pod needs on the node, before the next pod is scheduled.

        Return a rejection to refuse.
        """
        return None

    def unreserve(self, cycle: CycleState, node: str) -> None:
        """Undo `reserve`: the pod does not get the node. Also called if `reserve` was not."""

    def permit(self, cycle: CycleState, node: str) -> Status | None:
        """Decide whether the pod may be bound. None: yes.

        WAIT: not until this plugin allows it through the WaitingPods, within Status.seconds.
        """
        return None

    def needs_pre_bind(self, cycle: CycleState, node: str) -> bool:
        """Whether there is work for `pre_bind` (PreBindPreFlight)."""
        return False

    async def pre_bind(self, cycle: CycleState, node: str) -> None:
        """Do what must be done before the pod is bound. May take minutes. Raises PluginError, ClientError."""

    async def undo_pre_bind(self, cycle: CycleState, node: str) -> None:
        """Take back what `pre_bind` wrote: the pod is not bound after all. Called before `unreserve`.

        Also called if `pre_bind` of this plugin failed, or was not called.
        """

    async def bind(self, cycle: CycleState, node: str) -> Status | None:
        """Bind the pod. None: it is bound. SKIP: the next plugin binds it.

        Raises PluginError, ClientError. PodGoneError: the pod is not tried again.
        """
        return SKIP

    def post_bind(self, cycle: CycleState, node: str) -> None:
        """Note that the pod is bound."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The plugins for pods of a scheduler name, by extension point and in their order."""

    name: str
    queue_sorts: Sequence[Plugin] = ()
    pre_enqueues: Sequence[Plugin] = ()
    pre_filters: Sequence[Plugin] = ()
    filters: Sequence[Plugin] = ()
    post_filters: Sequence[Plugin] = ()
    pre_scores: Sequence[Plugin] = ()
    #: With their weights.
    scores: Sequence[tuple[Plugin, int]] = ()
    reserves: Sequence[Plugin] = ()
    permits: Sequence[Plugin] = ()
    pre_binds: Sequence[Plugin] = ()
    binds: Sequence[Plugin] = ()
    post_binds: Sequence[Plugin] = ()

    def find_gate(self, pod: Pod) -> str:
        """Return the name of the plugin for which the pod waits before it is tried, "" for none."""
        if pod.spec.scheduling_gates:
            return SCHEDULING_GATES
        for plugin in self.pre_enqueues:
            status = plugin.pre_enqueue(pod)
            if status is not None and not status.is_success:
                return plugin.name
        return ""

    @property
    def rejecting(self) -> Iterator[Plugin]:
        """Yield the plugins that can reject a pod."""
        yield from self.pre_enqueues
        yield from self.pre_filters
        yield from self.filters
        yield from self.reserves
        yield from self.permits
