"""Allocators of cluster IPs and node ports. Each is allocated to one service only.

Called by core.service and bootstrap. May import: registry.generic, storage.interface, machinery.
"""

from __future__ import annotations

from argparse import Namespace

from kprov.kube.apiserver.registry.core.service.allocators.address_range import AddressRange
from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import ClusterIpAllocator
from kprov.kube.apiserver.registry.core.service.allocators.node_port import NodePortAllocator, PortRange
from kprov.kube.apiserver.registry.registry import Registry

__all__ = ["build"]


def build(options: Namespace, registry: Registry) -> tuple[ClusterIpAllocator, NodePortAllocator]:
    """Build the allocators from the flags. Raises ValueError for an invalid range."""
    ranges = AddressRange.of_flag(options.service_cluster_ip_range)
    ports = PortRange.parse(options.service_node_port_range)
    return ClusterIpAllocator(ranges, registry), NodePortAllocator(ports, registry.storage)
