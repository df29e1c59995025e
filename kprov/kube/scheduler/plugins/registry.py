"""The default plugins in the order in which they filter (upstream's getDefaultPlugins)."""

from kprov.kube.scheduler.framework import Plugin
from kprov.kube.scheduler.plugins.image_locality import ImageLocality
from kprov.kube.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kprov.kube.scheduler.plugins.node_affinity import NodeAffinity
from kprov.kube.scheduler.plugins.node_name import NodeName
from kprov.kube.scheduler.plugins.node_ports import NodePorts
from kprov.kube.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from kprov.kube.scheduler.plugins.node_resources_fit import NodeResourcesFit
from kprov.kube.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kprov.kube.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kprov.kube.scheduler.plugins.taint_toleration import TaintToleration
from kprov.kube.scheduler.plugins.volume_binding import VolumeBinding


def default_plugins() -> list[Plugin]:
    return [
        NodeUnschedulable(),
        NodeName(),
        TaintToleration(),
        NodeAffinity(),
        NodePorts(),
        NodeResourcesFit(),
        VolumeBinding(),
        PodTopologySpread(),
        InterPodAffinity(),
        NodeResourcesBalancedAllocation(),
        ImageLocality(),
    ]
