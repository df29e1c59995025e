"""Nodes."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

from typing import Any

import msgspec

from kprov.kube.api.core.affinity import Taint
from kprov.kube.api.core.types import ResourceList
from kprov.kube.api.meta import Condition, Object, View


class NodeSpec(View):
    pod_cidr: str = msgspec.field(default="", name="podCIDR")
    pod_cidrs: list[str] = msgspec.field(default_factory=list, name="podCIDRs")
    provider_id: str = msgspec.field(default="", name="providerID")
    unschedulable: bool = False
    taints: list[Taint] = []


class NodeAddress(View):
    type: str = ""
    address: str = ""


class ContainerImage(View):
    names: list[str] = []
    size_bytes: int = 0


class DaemonEndpoint(View):
    port: int = msgspec.field(default=0, name="Port")


class NodeDaemonEndpoints(View):
    kubelet_endpoint: DaemonEndpoint = msgspec.field(default_factory=DaemonEndpoint)


class AttachedVolume(View):
    name: str = ""
    device_path: str = ""


class NodeStatus(View):
    capacity: ResourceList = {}
    allocatable: ResourceList = {}
    phase: str = ""
    conditions: list[Condition] = []
    addresses: list[NodeAddress] = []
    daemon_endpoints: NodeDaemonEndpoints = msgspec.field(default_factory=NodeDaemonEndpoints)
    node_info: dict[str, Any] = {}
    images: list[ContainerImage] = []
    volumes_in_use: list[str] = []
    declared_features: list[str] = []
    volumes_attached: list[AttachedVolume] = []


class Node(Object):
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)

    def address(self, kind: str = "InternalIP") -> str:
        """Return the first address of that type, or ""."""
        return next((entry.address for entry in self.status.addresses if entry.type == kind), "")
