"""The plugins by their names, and how each is built (upstream's plugins/registry.go)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kprov.contract.scheduler import arguments, profiles
from kprov.kube.api import core
from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.binding.pod_binder import PodBinder
from kprov.kube.scheduler.devices.binder import ClaimBinder
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.framework.plugin import Plugin
from kprov.kube.scheduler.framework.waiting_pods import WaitingPods
from kprov.kube.scheduler.plugins.default_binder import DefaultBinder
from kprov.kube.scheduler.plugins.default_preemption import DefaultPreemption
from kprov.kube.scheduler.plugins.dynamic_resources import DynamicResources
from kprov.kube.scheduler.plugins.image_locality import ImageLocality
from kprov.kube.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kprov.kube.scheduler.plugins.node_affinity import NodeAffinity
from kprov.kube.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from kprov.kube.scheduler.plugins.node_name import NodeName
from kprov.kube.scheduler.plugins.node_ports import NodePorts
from kprov.kube.scheduler.plugins.node_resources import NodeResourcesBalancedAllocation, NodeResourcesFit
from kprov.kube.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kprov.kube.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from kprov.kube.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kprov.kube.scheduler.plugins.priority_sort import PrioritySort
from kprov.kube.scheduler.plugins.taint_toleration import TaintToleration
from kprov.kube.scheduler.plugins.volume_binding import VolumeBinding
from kprov.kube.scheduler.plugins.volume_restrictions import VolumeRestrictions
from kprov.kube.scheduler.plugins.volume_zone import VolumeZone
from kprov.kube.scheduler.preemption.candidates import CandidateLimits
from kprov.kube.scheduler.preemption.eviction import Evictor
from kprov.kube.scheduler.volumes.binder import AssumedBindings, VolumeBinder
from kprov.kube.scheduler.volumes.limits import NodeVolumes
from kprov.kube.scheduler.volumes.listers import VolumeListers


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginResources:
    """What plugins read and write, besides the state. The profiles share it, except the evictor.

    `default_selector` returns a selector of the pods that belong together with a pod. Without `binder`,
    `evictor`, `claim_binder` and `pod_binder` nothing is written.
    """

    default_selector: Callable[[Pod], LabelSelector | None]
    listers: VolumeListers
    binder: VolumeBinder | None = None
    assumed: AssumedBindings = field(default_factory=AssumedBindings)
    list_budgets: Callable[[], Iterable[PodDisruptionBudget]] = tuple
    evictor: Evictor | None = None
    devices: DeviceListers = field(default_factory=DeviceListers)
    claim_binder: ClaimBinder | None = None
    pod_binder: PodBinder | None = None
    node_volumes: NodeVolumes | None = None
    waiting_pods: WaitingPods = field(default_factory=WaitingPods)
    extenders: Extenders = field(default_factory=Extenders)
    #: Extended resources that NodeResourcesFit leaves to the extenders.
    ignored_resources: Sequence[str] = ()


_Factory = Callable[[PluginResources, profiles.Profile], Plugin]


def _build_default_preemption(resources: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.DefaultPreemptionArgs)
    limits = CandidateLimits(args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute)
    return DefaultPreemption(resources.list_budgets, resources.evictor, limits, resources.extenders)


def _build_dynamic_resources(resources: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.DynamicResourcesArgs)
    return DynamicResources(
        resources.devices, resources.claim_binder, args.binding_seconds, args.filter_seconds
    )


def _build_inter_pod_affinity(_: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.InterPodAffinityArgs)
    ignore = args.ignore_preferred_terms_of_existing_pods
    return InterPodAffinity(args.hard_pod_affinity_weight, ignore_preferred=ignore)


def _build_node_resources_fit(resources: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.NodeResourcesFitArgs)
    if resources.ignored_resources:
        args = dataclasses.replace(args, ignored_resources=list(resources.ignored_resources))
    return NodeResourcesFit(args, resources.devices)


def _build_pod_topology_spread(resources: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.PodTopologySpreadArgs)
    defaults = args.default_constraints if args.defaulting_type == "List" else None
    return PodTopologySpread(
        resources.default_selector,
        None
        if defaults is None
        else msgspec.convert(defaults, list[core.TopologySpreadConstraint], from_attributes=True),
    )


def _build_node_affinity(profile: profiles.Profile) -> Plugin:
    added = profile.get_arguments(arguments.NodeAffinityArgs).added_affinity
    if added is None:
        return NodeAffinity(None)
    return NodeAffinity(msgspec.convert(added, core.NodeAffinity, from_attributes=True))


def _build_volume_binding(resources: PluginResources, profile: profiles.Profile) -> Plugin:
    args = profile.get_arguments(arguments.VolumeBindingArgs)
    return VolumeBinding(resources.listers, resources.binder, resources.assumed, args.bind_timeout_seconds)


FACTORIES: Final[Mapping[str, _Factory]] = {
    "PrioritySort": lambda _resources, _: PrioritySort(),
    "NodeUnschedulable": lambda _resources, _: NodeUnschedulable(),
    "NodeName": lambda _resources, _: NodeName(),
    "TaintToleration": lambda _resources, _: TaintToleration(),
    "NodeAffinity": lambda _, profile: _build_node_affinity(profile),
    "NodePorts": lambda _resources, _: NodePorts(),
    "NodeResourcesFit": _build_node_resources_fit,
    "VolumeRestrictions": lambda resources, _: VolumeRestrictions(resources.listers),
    "NodeVolumeLimits": lambda resources, _: NodeVolumeLimits(
        resources.node_volumes or NodeVolumes(resources.listers)
    ),
    "VolumeBinding": _build_volume_binding,
    "VolumeZone": lambda resources, _: VolumeZone(resources.listers),
    "PodTopologySpread": _build_pod_topology_spread,
    "InterPodAffinity": _build_inter_pod_affinity,
    "DynamicResources": _build_dynamic_resources,
    "DefaultPreemption": _build_default_preemption,
    "NodeResourcesBalancedAllocation": lambda resources, profile: NodeResourcesBalancedAllocation(
        profile.get_arguments(arguments.NodeResourcesBalancedAllocationArgs), resources.devices
    ),
    "ImageLocality": lambda _resources, _: ImageLocality(),
    "DefaultBinder": lambda resources, _: DefaultBinder(resources.pod_binder),
    "NodeDeclaredFeatures": lambda _resources, _: NodeDeclaredFeatures(),
}
