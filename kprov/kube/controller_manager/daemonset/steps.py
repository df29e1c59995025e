"""The pods of a daemon set to create and delete next. Functions of values.

Sources: pkg/controller/daemon/daemon_controller.go (manage), update.go (rollingUpdate).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.api.apps import DaemonSet, RollingUpdateDaemonSet
from kprov.kube.api.core import Node, Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.daemonset.placement import Placement, get_target_node
from kprov.kube.controller_manager.deployment.rolling import scale_value
from kprov.kube.controller_manager.framework.controller_revisions import POD_REVISION_LABEL

ROLLING_UPDATE: Final = "RollingUpdate"
GENERATION_ANNOTATION: Final = "deprecated.daemonset.template.generation"
GENERATION_LABEL: Final = "pod-template-generation"

PodsByNode = Mapping[str, Sequence[Pod]]


@dataclass(slots=True)
class Step:
    """`create`: names of nodes that get a pod. `delete`: pods to delete."""

    create: list[str] = field(default_factory=list)
    delete: list[Pod] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class State:
    """A daemon set, its nodes and its pods at one moment. `now` is Unix time.

    `hash`: the label of pods made from its current template.
    """

    daemon_set: DaemonSet
    placement: Placement
    nodes: Sequence[Node]
    pods: PodsByNode
    hash: str
    now: float

    def is_updated(self, pod: Pod) -> bool:
        """Whether the pod was made from the current template."""
        generation = self.daemon_set.metadata.annotations.get(GENERATION_ANNOTATION)
        labels = pod.metadata.labels
        return labels.get(POD_REVISION_LABEL) == self.hash or (
            generation is not None and labels.get(GENERATION_LABEL) == generation
        )

    def is_available(self, pod: Pod) -> bool:
        return pod_conditions.is_available(pod, self.daemon_set.spec.min_ready_seconds, self.now)

    @property
    def wanted(self) -> int:
        """How many nodes should have a pod."""
        return sum(self.placement.should_run(node)[0] for node in self.nodes)

    @property
    def surges(self) -> bool:
        """Whether a node may have a new pod while it has an old one."""
        return self.max_surge(1) > 0

    def max_surge(self, wanted: int) -> int:
        rolling = self._rolling
        return scale_value(rolling.max_surge, wanted, up=True) if rolling else 0

    def max_unavailable(self, wanted: int) -> int:
        """At least 1 if maxSurge is 0, otherwise no update would end."""
        rolling = self._rolling
        allowed = scale_value(rolling.max_unavailable, wanted, up=True) if rolling else 0
        return 1 if allowed == 0 and self.max_surge(wanted) == 0 else allowed

    @property
    def _rolling(self) -> RollingUpdateDaemonSet | None:
        strategy = self.daemon_set.spec.update_strategy
        return strategy.rolling_update if strategy.type == ROLLING_UPDATE else None


def group_by_node(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Pods by node, oldest first. Ended pods that are being deleted are left out."""
    groups: dict[str, list[Pod]] = defaultdict(list)
    for pod in sorted(pods, key=_get_age):
        ended = pod_conditions.is_terminal(pod) and pod.metadata.deletion_timestamp
        if not ended and (node := get_target_node(pod)):
            groups[node].append(pod)
    return dict(groups)


def place_pods(state: State, may_delete_ended: Callable[[Pod, str], bool]) -> Step:
    """Pods for nodes that lack one, an end for those that are too many, ended or in the wrong place.

    `may_delete_ended(pod, node_name)`: whether a failed or succeeded pod may go already.
    """
    step = Step()
    for node in state.nodes:
        name = node.metadata.name
        enters, stays = state.placement.should_run(node)
        if name not in state.pods:
            if enters:
                step.create.append(name)
            continue
        present = [pod for pod in state.pods[name] if not pod.metadata.deletion_timestamp]
        if not stays:
            step.delete += present
            continue
        step.delete += [
            pod for pod in present if pod_conditions.is_terminal(pod) and may_delete_ended(pod, name)
        ]
        running = [pod for pod in present if not pod_conditions.is_terminal(pod)]
        if not state.surges:
            step.delete += running[1:]
        elif running:
            step.delete += _list_surplus_of_surge(state, running)
        elif enters:
            step.create.append(name)
    known = {node.metadata.name for node in state.nodes}
    # The pod garbage collector ignores pods without a node.
    step.delete += [
        pod
        for name, pods in state.pods.items()
        if name not in known
        for pod in pods
        if not pod.spec.node_name and not pod.metadata.deletion_timestamp
    ]
    return step


def roll_out(state: State) -> Step:
    """Return the next step of a rolling update. Leaves out pods that `place_pods` handles."""
    pods: dict[str, Sequence[Pod]] = dict(state.pods)
    for node in state.nodes:
        if state.placement.should_run(node)[0]:
            pods.setdefault(node.metadata.name, ())
    pairs = {name: _split_pods(state, group) for name, group in pods.items()}
    return _surge(state, pairs) if state.max_surge(state.wanted) else _replace(state, pairs)


# (the pod of an older template, the pod of the current one); None for a node with several of a kind.
_Pair = tuple[Pod | None, Pod | None] | None


def _split_pods(state: State, pods: Iterable[Pod]) -> _Pair:
    old: list[Pod] = []
    new: list[Pod] = []
    for pod in pods:
        if not pod.metadata.deletion_timestamp:
            (new if state.is_updated(pod) else old).append(pod)
    if len(old) > 1 or len(new) > 1:
        return None
    return (old[0] if old else None, new[0] if new else None)


def _replace(state: State, pairs: Mapping[str, _Pair]) -> Step:
    """Delete old pods that are not available, and as many others as maxUnavailable allows."""
    unavailable, broken, candidates = 0, list[Pod](), list[Pod]()
    for pair in pairs.values():
        old, new = pair or (None, None)
        if (old is None) == (new is None):
            unavailable += 1
        elif new is not None:
            unavailable += not state.is_available(new)
        elif old is not None and state.is_available(old):
            candidates.append(old)
        elif old is not None:
            broken.append(old)
            unavailable += 1
    allowed = max(0, state.max_unavailable(state.wanted) - unavailable)
    return Step(delete=broken + candidates[:allowed])


def _surge(state: State, pairs: Mapping[str, _Pair]) -> Step:
    """Create new pods first. Delete an old one when its new one is available."""
    enters = {node.metadata.name: state.placement.should_run(node)[0] for node in state.nodes}
    surging, available = 0, 0
    delete, leaving, allowed, candidates = list[Pod](), list[Pod](), list[str](), list[str]()
    for name, pair in pairs.items():
        if pair is None:
            surging += 1
            continue
        old, new = pair
        shown = old or new
        available += shown is not None and state.is_available(shown)
        if old is None:
            continue
        works = state.is_available(old)
        if new is not None:
            if state.is_available(new):
                delete.append(old)
            else:
                surging += 1
        elif not enters.get(name, False):
            (leaving if works else delete).append(old)
        else:
            (candidates if works else allowed).append(name)
    # An available pod on an unneeded node is deleted only if enough others are available.
    delete += leaving[: max(0, available - state.wanted)]
    room = max(0, state.max_surge(state.wanted) - surging)
    return Step(create=allowed + candidates[:room], delete=delete)


def _list_surplus_of_surge(state: State, running: Sequence[Pod]) -> list[Pod]:
    """All except the oldest new and old pod of a node. The old one too if the new one replaces it."""
    new = [pod for pod in running if pod.metadata.labels.get(POD_REVISION_LABEL) == state.hash]
    old = [pod for pod in running if pod.metadata.labels.get(POD_REVISION_LABEL) != state.hash]
    excess = new[1:] + old[1:]
    if new and old and (not pod_conditions.is_ready(old[0]) or state.is_available(new[0])):
        excess.append(old[0])
    return excess


def _get_age(pod: Pod) -> tuple[bool, str, str]:
    """Pods that are bound first, then the oldest."""
    return not pod.spec.node_name, pod.metadata.creation_timestamp or "", pod.metadata.name
