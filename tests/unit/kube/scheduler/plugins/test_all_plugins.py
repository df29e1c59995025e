"""Each plugin decides for all nodes at once as a plain function decides for one node.

`KPROV_TEST_EXAMPLES` sets the number of random clusters.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.contract.scheduler import profiles
from kprov.kube.api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.storage import StorageClass, VolumeAttachment
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Profile
from kprov.kube.scheduler.framework.runtime.filters import filter_slots, find_feasible_nodes, select_slots
from kprov.kube.scheduler.framework.status import SKIP
from kprov.kube.scheduler.informers.compact import make_transforms
from kprov.kube.scheduler.plugins.registry import PluginResources
from kprov.kube.scheduler.profile import build_profile
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.nominator import Nominator
from kprov.kube.scheduler.state.pod_info import build_pod_info
from kprov.kube.scheduler.volumes.limits import NodeVolumes
from kprov.kube.scheduler.volumes.listers import VolumeListers
from tests.unit.kube.scheduler.oracle.cluster import Cluster, get_name
from tests.unit.kube.scheduler.oracle.filters import CHECKS, Refusal, list_named_nodes
from tests.unit.kube.scheduler.oracle.random_clusters import Generator
from tests.unit.kube.scheduler.oracle.scores import SCORES

EXAMPLES = int(os.environ.get("KPROV_TEST_EXAMPLES", "60"))
quick = settings(max_examples=EXAMPLES, deadline=None)
seeds = st.integers(0, 2**32)


def build_volume_listers(cluster: Cluster) -> VolumeListers:
    claims = {name: convert(each, PersistentVolumeClaim) for name, each in cluster.claims.items()}
    volumes = {name: convert(each, PersistentVolume) for name, each in cluster.volumes.items()}
    modes = {"volumeBindingMode": "WaitForFirstConsumer"}
    classes = {
        name: convert({"metadata": {"name": name}} | modes | each, StorageClass)
        for name, each in cluster.classes.items()
    }
    return VolumeListers(
        get_claim=lambda namespace, name: claims.get(name) if namespace == "ns" else None,
        get_volume=volumes.get,
        get_class=classes.get,
        list_volumes=lambda name: [v for v in volumes.values() if v.spec.get("storageClassName") == name],
        has_pod=lambda _: True,
    )


def build_default_profile(cluster: Cluster) -> Profile:
    """The default profile. The owner of a pod selects its label `app`."""
    listers = build_volume_listers(cluster)
    attachments = [convert(each, VolumeAttachment) for each in cluster.attachments]

    def get_default_selector(pod: Pod) -> LabelSelector | None:
        app = pod.metadata.labels.get("app")
        return None if app is None else LabelSelector.from_labels({"app": app})

    node_volumes = NodeVolumes(
        listers,
        cluster.csi_nodes.get,
        lambda node: [each for each in attachments if each.spec.node_name == node],
    )
    resources = PluginResources(
        default_selector=get_default_selector, listers=listers, node_volumes=node_volumes
    )
    return build_profile(profiles.Profile(), resources)


def build_cycle(cluster: Cluster, pod: JsonObject, nominator: Nominator | None = None) -> CycleState:
    state = ClusterState()
    for name, labels in cluster.namespaces.items():
        state.set_namespace_labels(name, labels)
    # As the informers store them.
    transforms = make_transforms()
    for node in cluster.nodes:
        state.set_node(transforms[Node](convert(node, Node)))
    for each, where in cluster.pods:
        state.add_pod(build_pod_info(transforms[Pod](convert(each, Pod))), where)
    profile = build_default_profile(cluster)
    info = build_pod_info(transforms[Pod](convert(pod, Pod)))
    return CycleState(info, state, profile=profile, nominator=nominator or Nominator())


def build_example(seed: int) -> tuple[Cluster, JsonObject, CycleState]:
    generator = Generator(seed)
    cluster = generator.build_cluster()
    pod = generator.build_pending_pod()
    return cluster, pod, build_cycle(cluster, pod)


def find_plugin(plugins: Sequence[Plugin], name: str) -> Plugin:
    return next(plugin for plugin in plugins if plugin.name == name)


def check_slot(plugin: Plugin, cycle: CycleState, slot: int) -> Refusal | None:
    """What the framework makes of the plugin's answer for a node."""
    result = filter_slots([plugin], cycle, select_slots(cycle.state, [slot]))
    if result.feasible[slot]:
        return None
    return Refusal(frozenset(result.diagnosis.reasons), can_preempt=bool(result.resolvable[slot]))


def test_the_oracle_has_every_default_filter_and_score() -> None:
    profile = build_default_profile(Cluster())
    # Devices have clusters of their own: see test_device_oracle.py.
    assert {plugin.name for plugin in profile.filters} == {*CHECKS, "DynamicResources"}
    names = {plugin.name for plugin, _ in profile.scores}
    assert names == {*SCORES, "DynamicResources", "VolumeBinding"}


@pytest.mark.parametrize("name", CHECKS)
@quick
@given(seed=seeds)
def test_a_filter_decides_as_its_oracle(name: str, seed: int) -> None:
    cluster, pod, cycle = build_example(seed)
    plugin = find_plugin(cycle.profile.filters, name)
    is_skipped = plugin.pre_filter(cycle) is SKIP
    for node in cluster.nodes:
        slot = cycle.state.slot_of[get_name(node)]
        expected = CHECKS[name](cluster, pod, node)
        found = None if is_skipped else check_slot(plugin, cycle, slot)
        assert (get_name(node), found) == (get_name(node), expected)
        if not is_skipped:
            assert plugin.accepts_node(cycle, slot) == (expected is None)


@pytest.mark.parametrize("name", SCORES)
@quick
@given(seed=seeds)
def test_a_score_is_that_of_its_oracle(name: str, seed: int) -> None:
    """Normalizing reads only the nodes that fit, so these are drawn, too."""
    cluster, pod, cycle = build_example(seed)
    rng = np.random.default_rng(seed)
    nodes = [node for node in cluster.nodes if rng.random() < 0.8] or cluster.nodes[:1]
    slots = [cycle.state.slot_of[get_name(node)] for node in nodes]
    plugin = find_plugin([plugin for plugin, _ in cycle.profile.scores], name)
    scores = plugin.score(cycle, select_slots(cycle.state, slots))
    expected = SCORES[name](cluster, pod, nodes)
    if scores is None:
        assert len(set(expected)) == 1
    else:
        assert [scores[slot] for slot in slots] == expected


def explain(cluster: Cluster, pod: JsonObject, node: JsonObject) -> Refusal | None:
    """The first rule that rejects the node."""
    named = list_named_nodes(pod)
    if named is not None and get_name(node) not in named:
        return Refusal(frozenset({"node(s) didn't satisfy plugin(s) [NodeAffinity]"}), can_preempt=False)
    return next(filter(None, (check(cluster, pod, node) for check in CHECKS.values())), None)


@quick
@given(seed=seeds)
def test_all_filters_together_count_the_first_reason_of_each_node(seed: int) -> None:
    cluster, pod, cycle = build_example(seed)
    result = find_feasible_nodes(cycle)
    refusals = {get_name(node): explain(cluster, pod, node) for node in cluster.nodes}
    slot_of = cycle.state.slot_of
    assert {name for name in slot_of if result.feasible[slot_of[name]]} == {
        name for name, refusal in refusals.items() if refusal is None
    }
    assert {name for name in slot_of if result.resolvable[slot_of[name]]} == {
        name for name, refusal in refusals.items() if refusal is not None and refusal.can_preempt
    }
    if not result.diagnosis.pre_filter_message:
        reasons = Counter(reason for each in refusals.values() if each is not None for reason in each.reasons)
        assert result.diagnosis.reasons == reasons


@quick
@given(seed=seeds)
def test_nominated_pods_of_the_same_priority_count(seed: int) -> None:
    """A node must fit with and without the pods that are nominated for the nodes that fit."""
    cluster, pod, _ = build_example(seed)
    generator = Generator(seed)
    generator.cluster = cluster
    nominator = Nominator()
    rivals = []
    for number, node in enumerate(cluster.nodes[::2]):
        rival = generator.build_pod(f"rival{number}")
        nominator.add(build_pod_info(convert(rival, Pod)), get_name(node))
        if rival["spec"]["priority"] >= pod["spec"]["priority"]:
            rivals.append((rival, get_name(node)))
    fitting = {get_name(node) for node in cluster.nodes if explain(cluster, pod, node) is None}
    cycle = build_cycle(cluster, pod, nominator)
    result = find_feasible_nodes(cycle)
    cluster.pods += [(rival, name) for rival, name in rivals if name in fitting]
    slot_of = cycle.state.slot_of
    expected = {
        get_name(node)
        for node in cluster.nodes
        if get_name(node) in fitting and explain(cluster, pod, node) is None
    }
    assert {name for name in slot_of if result.feasible[slot_of[name]]} == expected
