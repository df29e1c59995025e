"""A cluster state with the default plugins, to test decisions: nodes and pods in, a node or a reason out."""

from __future__ import annotations

import random
from typing import Any

from kprov.contract.scheduler import profiles
from kprov.contract.scheduler.sections import read
from kprov.kube.api.core import Node, Pod
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.cycle.schedule_pod import ScheduleResult, schedule_pod
from kprov.kube.scheduler.plugins.registry import PluginResources
from kprov.kube.scheduler.profile import build_profile
from kprov.kube.scheduler.state import pod_info
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.nominator import Nominator
from kprov.kube.scheduler.volumes.listers import VolumeListers

ZONE = "topology.kubernetes.io/zone"


class Lab:
    """A cluster state and the default plugins; like pods are those with the same `app` label."""

    def __init__(self, *nodes: Node, listers: VolumeListers | None = None, profile: Any = None) -> None:
        self.state = ClusterState()
        for entry in nodes:
            self.state.set_node(entry)
        nothing = VolumeListers(lambda *_: None, lambda _: None, lambda _: None, lambda _: (), lambda _: True)
        resources = PluginResources(
            default_selector=lambda p: (
                LabelSelector.from_labels(p.metadata.labels) if p.metadata.labels else None
            ),
            listers=listers or nothing,
        )
        self.profile = build_profile(read(profiles.Profile, profile or {}), resources)
        self.rng = random.Random(1)

    def schedule_pod(self, p: Pod, nominator: Nominator | None = None) -> ScheduleResult:
        return schedule_pod(pod_info.build_pod_info(p), self.state, self.profile, self.rng, nominator)

    def place(self, p: Pod) -> str:
        """Decide and assume."""
        decision = self.schedule_pod(p)
        assert decision.node, decision.diagnosis.message
        self.state.add_pod(pod_info.build_pod_info(p), decision.node)
        return decision.node
