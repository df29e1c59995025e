"""Assigns a part of the cluster's pod range to every node (pkg/controller/nodeipam, RangeAllocator)."""

import functools
from argparse import Namespace
from collections.abc import Iterable
from typing import ClassVar, Final

from kprov.kube.api.core import Node
from kprov.kube.client import ApiError, reference
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.node.cidrs import CidrSet, parse_cidrs

_PREFIX: Final = "node_ipam_controller_"
_ALLOCATIONS: Final = metrics.counter(
    f"{_PREFIX}cidrset_cidrs_allocations_total",
    "Counter measuring total number of CIDR allocations.",
    ["clusterCIDR"],
)
_USAGE: Final = metrics.gauge(
    f"{_PREFIX}cidrset_usage_cidrs", "Gauge measuring percentage of allocated CIDRs.", ["clusterCIDR"]
)
# The name has upstream's spelling.
_SIZE: Final = metrics.gauge(
    f"{_PREFIX}cirdset_max_cidrs", "Maximum number of CIDRs that can be allocated.", ["clusterCIDR"]
)
_RUNNING: Final = metrics.gauge(
    "running_managed_controllers",
    "Indicates where instances of a controller are currently running",
    ["name", "manager"],
)


class NodeIpamController(Controller):
    """Keys are nodes. One worker, so that it knows an assignment before it makes the next one."""

    name = "node_ipam"
    queue_name = "cidrallocator_node"
    workers: ClassVar[int] = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("cidrAllocator")
        self._sets = _sets(context.options)
        # Assignments that the informer may not have shown yet, by node name and UID.
        self._node_cidrs: dict[str, tuple[str, list[str]]] = {}
        self._nodes = context.informers.informer(
            "", "v1", "nodes", Node, indexers={"podCIDR": lambda node: node.spec.pod_cidrs}
        )
        self._nodes.add_handler(
            on_add=self._handle_node,
            on_update=lambda _, new: self._handle_node(new),
            on_delete=self._handle_deleted_node,
        )
        for cidr_set in self._sets:
            _SIZE.labels(str(cidr_set.cluster)).set(cidr_set.count)
            _USAGE.labels(str(cidr_set.cluster)).set_function(
                functools.partial(self._compute_usage, cidr_set)
            )
        _RUNNING.labels("nodeipam", "kube-controller-manager").set(1)

    async def sync(self, key: str) -> None:
        node = self._nodes.get("", key)
        if node is None or node.spec.pod_cidr or node.metadata.deletion_timestamp:
            return
        uid, parts = self._node_cidrs.get(key, ("", []))
        if uid != node.metadata.uid:
            parts = self._allocate(node)
        self._node_cidrs[key] = (node.metadata.uid, parts)
        body = {
            "metadata": {"uid": node.metadata.uid},
            "spec": {"podCIDR": parts[0], "podCIDRs": parts},
        }
        try:
            await self.resource_of(self._nodes).patch(key, body)
        except ApiError as error:
            # Refused for good: another assignment stands, the node is gone or another one of its name came.
            # Without an answer (no ApiError) the parts stay with the node, and the same patch is sent again.
            del self._node_cidrs[key]
            if not error.is_not_found:
                raise

    def _allocate(self, node: Node) -> list[str]:
        parts = []
        for cidr_set in self._sets:
            part = cidr_set.allocate(self._is_taken)
            if part is None:
                text = f"Node {node.metadata.name} status is now: CIDRNotAvailable"
                self._recorder.event(reference(node, "v1", "Node"), "Normal", "CIDRNotAvailable", text)
                raise RuntimeError("the cluster CIDR has no free part left")
            _ALLOCATIONS.labels(str(cidr_set.cluster)).inc()
            parts.append(part)
        return parts

    def _compute_usage(self, cidrs: CidrSet) -> float:
        """Return the used part of a range, from 0 to 1."""
        used = sum(cidrs.contains(part) for node in self._nodes.list() for part in node.spec.pod_cidrs)
        return used / cidrs.count

    def _is_taken(self, cidr: str) -> bool:
        return bool(self._nodes.by_index("podCIDR", cidr)) or any(
            cidr in parts for parts in _split_node_cidrs(self._node_cidrs.values())
        )

    def _handle_node(self, node: Node) -> None:
        if node.spec.pod_cidr:
            self._node_cidrs.pop(node.metadata.name, None)
        else:
            self.enqueue(node)

    def _handle_deleted_node(self, node: Node) -> None:
        self._node_cidrs.pop(node.metadata.name, None)


def _split_node_cidrs(node_cidrs: Iterable[tuple[str, list[str]]]) -> Iterable[list[str]]:
    return (parts for _, parts in node_cidrs)


def _sets(options: Namespace) -> list[CidrSet]:
    reserved = parse_cidrs(options.service_cluster_ip_range)
    sets = []
    for cluster in parse_cidrs(options.cluster_cidr):
        own = options.node_cidr_mask_size_ipv4 if cluster.version == 4 else options.node_cidr_mask_size_ipv6
        prefix = own or options.node_cidr_mask_size or (24 if cluster.version == 4 else 64)
        sets.append(CidrSet(cluster, prefix, reserved))
    return sets
