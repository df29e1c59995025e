"""The default profile: the plugins and their order (upstream's default plugins)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.framework import Plugin
from kprov.kube.scheduler.plugins.default_preemption import DefaultPreemption
from kprov.kube.scheduler.plugins.image_locality import ImageLocality
from kprov.kube.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kprov.kube.scheduler.plugins.node_affinity import NodeAffinity
from kprov.kube.scheduler.plugins.node_name import NodeName
from kprov.kube.scheduler.plugins.node_ports import NodePorts
from kprov.kube.scheduler.plugins.node_resources import NodeResourcesBalancedAllocation, NodeResourcesFit
from kprov.kube.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kprov.kube.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kprov.kube.scheduler.plugins.taint_toleration import TaintToleration
from kprov.kube.scheduler.plugins.volume_binding import VolumeBinding
from kprov.kube.scheduler.plugins.volume_restrictions import VolumeRestrictions
from kprov.kube.scheduler.plugins.volume_zone import VolumeZone
from kprov.kube.scheduler.preemption.eviction import Evictor
from kprov.kube.scheduler.volumes.binder import VolumeBinder
from kprov.kube.scheduler.volumes.listers import VolumeListers


def default_plugins(
    default_selector: Callable[[Pod], LabelSelector | None],
    listers: VolumeListers,
    binder: VolumeBinder | None = None,
    *,
    list_budgets: Callable[[], Iterable[PodDisruptionBudget]] = tuple,
    evictor: Evictor | None = None,
) -> list[Plugin]:
    """In upstream's order of filters: cheap plugins that reject many nodes come first."""
    plugins: list[Plugin] = [
        NodeUnschedulable(),
        NodeName(),
        TaintToleration(),
        NodeAffinity(),
        NodePorts(),
        NodeResourcesFit(),
        VolumeRestrictions(listers),
        VolumeBinding(listers, binder),
        VolumeZone(listers),
        PodTopologySpread(default_selector),
        InterPodAffinity(),
        NodeResourcesBalancedAllocation(),
        ImageLocality(),
    ]
    plugins.append(DefaultPreemption(list(plugins), list_budgets, evictor))
    return plugins
