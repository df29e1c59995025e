"""The node lifecycle controller: taints nodes that report nothing (pkg/controller/nodelifecycle)."""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kprov.kube.api.coordination import Lease
from kprov.kube.api.core import Node, Pod, Taint
from kprov.kube.client import ApiError, reference
from kprov.kube.client.resource import STRATEGIC_MERGE_PATCH
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.node import health, zones
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

#: Timers may fire so much too early.
_TIMER_SECONDS: Final = 0.01
LEASES: Final = "kube-node-lease"
_EVICTIONS: Final = metrics.counter(
    "node_collector_evictions",
    "Number of Node evictions that happened since current instance of NodeController started.",
    ["zone"],
)
_NODE_SECONDS: Final = metrics.histogram(
    "node_collector_update_node_health_duration_seconds",
    "Duration in seconds for NodeController to update the health of a single node.",
    buckets=[0.001 * 4**power for power in range(8)],
)
_ALL_NODES_SECONDS: Final = metrics.histogram(
    "node_collector_update_all_nodes_health_duration_seconds",
    "Duration in seconds for NodeController to update the health of all nodes.",
    buckets=[0.01 * 4**power for power in range(8)],
)


class NodeLifecycleController(Controller):
    """Checks all nodes every monitor period. The queue has nodes whose taints may have to change."""

    name = "node_lifecycle_controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._recorder = context.make_recorder("node-controller")
        self._probes: dict[str, health.Probe] = {}
        #: When each node may get its NoExecute taint, in monotonic seconds.
        self._evictions: dict[str, float] = {}
        self._last_eviction: dict[str, float] = {}
        self._states: dict[str, zones.ZoneState] = {}
        # Whether no node of any zone was ready at the last check.
        self._is_outage = False
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._leases = context.informers.informer(
            "coordination.k8s.io", "v1", "leases", Lease, namespace=LEASES
        )
        self._pods = context.informers.informer(
            "", "v1", "pods", Pod, indexers={"node": lambda pod: [pod.spec.node_name]}
        )
        self._nodes.add_handler(
            on_add=self._handle_add, on_update=lambda _, new: self.enqueue(new), on_delete=self._handle_remove
        )
        self._pods.add_handler(on_add=self._handle_pod, on_update=lambda _, new: self._handle_pod(new))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            period = self.context.options.node_monitor_period
            group.create_task(run_periodically(period, self.monitor, self.name))

    async def monitor(self) -> None:
        """Check every node once."""
        start = time.monotonic()
        members: dict[str, list[Node]] = defaultdict(list)
        for node in self._nodes.list():
            with _NODE_SECONDS.time():
                try:
                    await self._probe(node)
                except ApiError as error:
                    if not error.is_not_found:
                        log.warning("node %s: %s", node.metadata.name, error)
            members[zones.get_zone(node)].append(node)
        await self._handle_outage(members)
        _ALL_NODES_SECONDS.observe(time.monotonic() - start)

    async def sync(self, key: str) -> None:
        """Set the taints that follow from conditions and spec.unschedulable, and the old labels."""
        node = self._nodes.get("", key)
        if node is None:
            return
        if health.get_ready_status(node) == "True":
            self._evictions.pop(key, None)
        may_evict = self._evictions.get(key, math.inf) <= time.monotonic()
        wanted = health.make_taints(node, timestamps.now(), evict=may_evict)
        if wanted is not None:
            await self._write_taints(node, wanted)
        if labels := health.find_wrong_labels(node):
            await self.resource_of(self._nodes).patch(key, {"metadata": {"labels": labels}})
        if health.get_ready_status(node) == "Unknown":
            await self._mark_pods(node)

    async def _probe(self, node: Node) -> None:
        name, now = node.metadata.name, time.monotonic()
        lease = self._leases.get(LEASES, name)
        sign = health.get_last_heartbeat(node, lease.spec.renew_time if lease else None)
        probe = self._probes.get(name)
        if probe is None or probe.sign != sign:
            probe = self._probes[name] = health.Probe(now, sign)
        options = self.context.options
        reported = health.find_condition(node, "Ready") is not None
        grace = options.node_monitor_grace_period if reported else options.node_startup_grace_period
        if now - probe.at <= grace:
            return
        conditions = health.make_unknown_conditions(node, timestamps.now())
        if not conditions:
            return
        log.info("node %s has not reported for %.0f s", name, now - probe.at)
        await self.resource_of(self._nodes).patch(
            name,
            {"status": {"conditions": conditions}},
            subresource="status",
            patch_type=STRATEGIC_MERGE_PATCH,
        )
        if health.get_ready_status(node) == "True":
            text = f"Node {name} status is now: NodeNotReady"
            self._recorder.event(_about(node), "Normal", "NodeNotReady", text)

    async def _handle_outage(self, members: dict[str, list[Node]]) -> None:
        """Allow NoExecute taints by the states of the zones. members: all nodes by zone."""
        counted = {zone: counting for zone, nodes in members.items() if (counting := _list_counting(nodes))}
        for zone in counted:
            # Rates of a counter need its value from before the first eviction.
            _EVICTIONS.labels(zone)
        zones.record_zones(counted, [zone for zone in self._states if zone not in counted])
        threshold = self.context.options.unhealthy_zone_threshold
        self._states = {zone: zones.compute_state(nodes, threshold) for zone, nodes in counted.items()}
        is_outage = bool(self._states) and all(
            state is zones.ZoneState.FULL for state in self._states.values()
        )
        if is_outage and not self._is_outage:
            await self._enter_outage()
        elif self._is_outage and not is_outage:
            self._leave_outage()
        self._is_outage = is_outage
        if not is_outage:
            for zone, nodes in members.items():
                self._allow_evictions(zone, nodes, len(counted.get(zone, ())))

    async def _enter_outage(self) -> None:
        """No node reports: the network of this controller is broken. Take back what would end pods."""
        log.warning("all nodes are not ready, evictions stop")
        self._evictions.clear()
        for node in self._nodes.list():
            taints = health.drop_eviction_taints(node)
            if taints is None:
                continue
            try:
                await self._write_taints(node, taints)
            except ApiError as error:
                if not error.is_not_found:
                    log.warning("node %s: cannot remove its taints: %s", node.metadata.name, error)

    def _leave_outage(self) -> None:
        """Nodes report again: give all of them a whole grace period."""
        log.info("some nodes are ready again, evictions go on")
        for probe in self._probes.values():
            probe.at = time.monotonic()

    def _allow_evictions(self, zone: str, nodes: list[Node], size: int) -> None:
        options, now = self.context.options, time.monotonic()
        rate = zones.compute_rate(
            self._states.get(zone, zones.ZoneState.NORMAL),
            size,
            rate=options.node_eviction_rate,
            secondary_rate=options.secondary_node_eviction_rate,
            large_size=options.large_cluster_size_threshold,
        )
        for node in nodes:
            name = node.metadata.name
            if rate <= 0 or not health.needs_eviction_taint(node) or name in self._evictions:
                continue
            due = max(now, self._last_eviction.get(zone, -1e9) + 1 / rate)
            if due >= now + options.node_monitor_period:
                break
            self._last_eviction[zone] = self._evictions[name] = due
            _EVICTIONS.labels(zone).inc()
            self.queue.add_after(name, due - now + _TIMER_SECONDS)

    async def _write_taints(self, node: Node, taints: list[Taint]) -> None:
        body = {
            "metadata": {"resourceVersion": node.metadata.resource_version},
            "spec": {"taints": [msgspec.to_builtins(taint) for taint in taints] or None},
        }
        await self.resource_of(self._nodes).patch(node.metadata.name, body)

    async def _mark_pods(self, node: Node) -> None:
        """Mark the pods of a lost node as not ready, so that services stop sending traffic to them.

        A kubelet that reports that its node is not ready still reports on its pods.
        """
        for pod in self._pods.by_index("node", node.metadata.name):
            ready = pod_conditions.find_condition(pod, "Ready")
            if ready is None or ready.status != "True" or pod_conditions.is_terminal(pod):
                continue
            now = timestamps.now()
            change: dict[str, Any] = {"type": "Ready", "status": "False", "lastTransitionTime": now}
            try:
                await self.resource_of(self._pods).patch(
                    pod.metadata.name,
                    {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [change]}},
                    namespace=pod.metadata.namespace,
                    subresource="status",
                    patch_type=STRATEGIC_MERGE_PATCH,
                )
            except ApiError as error:
                if not error.is_not_found:
                    raise
            self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "NodeNotReady", "Node is not ready")

    def _handle_add(self, node: Node) -> None:
        text = f"Node {node.metadata.name} event: Registered Node {node.metadata.name} in Controller"
        self._recorder.event(_about(node), "Normal", "RegisteredNode", text)
        self.enqueue(node)

    def _handle_remove(self, node: Node) -> None:
        self._probes.pop(node.metadata.name, None)
        self._evictions.pop(node.metadata.name, None)
        text = f"Node {node.metadata.name} event: Removing Node {node.metadata.name} from Controller"
        self._recorder.event(_about(node), "Normal", "RemovingNode", text)

    def _handle_pod(self, pod: Pod) -> None:
        """Handle a ready pod on a lost node: one informer was behind the other."""
        if pod.spec.node_name and pod_conditions.is_ready(pod):
            node = self._nodes.get("", pod.spec.node_name)
            if node is not None and health.get_ready_status(node) == "Unknown":
                self.enqueue(node)


def _list_counting(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if zones.counts_for_zone(node)]


def _about(node: Node) -> Any:
    # describe node finds events by kind, name and UID.
    return reference(node, "v1", "Node")
