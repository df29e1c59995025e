"""The state of zones, which decides how many nodes lose their pods. Functions of values (nodelifecycle)."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from kprov.kube.api.core import Node
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.node.health import get_ready_status

#: Nodes with this label do not count for the state of their zone.
_EXCLUDED: Final = "node.kubernetes.io/exclude-disruption"
_ZONE_LABELS: Final = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")
_REGION_LABELS: Final = ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region")
# A few nodes that fail together are no outage.
_MOST_FAILED_NODES: Final = 2

_HEALTH: Final = metrics.gauge(
    "node_collector_zone_health", "Gauge measuring percentage of healthy nodes per zone.", ["zone"]
)
_SIZE: Final = metrics.gauge(
    "node_collector_zone_size", "Gauge measuring number of registered Nodes per zones.", ["zone"]
)
_UNHEALTHY: Final = metrics.gauge(
    "node_collector_unhealthy_nodes_in_zone", "Gauge measuring number of not Ready Nodes per zones.", ["zone"]
)


class ZoneState(Enum):
    """NORMAL: at most a few nodes fail. PARTIAL: most fail, perhaps only in our view. FULL: all fail."""

    NORMAL = auto()
    PARTIAL = auto()
    FULL = auto()


def get_zone(node: Node) -> str:
    """Return the key of a node's zone, "" without labels. The null character keeps two keys apart."""
    labels = node.metadata.labels
    zone = next((labels[key] for key in _ZONE_LABELS if key in labels), "")
    region = next((labels[key] for key in _REGION_LABELS if key in labels), "")
    return f"{region}:\x00:{zone}" if region or zone else ""


def counts_for_zone(node: Node) -> bool:
    return _EXCLUDED not in node.metadata.labels


def compute_state(nodes: Sequence[Node], threshold: float) -> ZoneState:
    """Return the state of a zone with these nodes.

    threshold: the part of failed nodes that makes it PARTIAL.
    """
    failed = _count_failed(nodes)
    if failed and failed == len(nodes):
        return ZoneState.FULL
    if failed > _MOST_FAILED_NODES and failed / len(nodes) >= threshold:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def compute_rate(
    state: ZoneState, size: int, *, rate: float, secondary_rate: float, large_size: int
) -> float:
    """Nodes a second of a zone that may get the NoExecute taint.

    When most of a zone fails, it is more likely that the controller is cut off than that all its nodes died.
    When all of it fails while other zones work, the zone itself is lost.
    """
    if state is not ZoneState.PARTIAL:
        return rate
    return secondary_rate if size > large_size else 0.0


def record_zones(zones: Mapping[str, Sequence[Node]], gone: Sequence[str]) -> None:
    """Set the metrics. gone: zones that had nodes before."""
    for zone, nodes in zones.items():
        failed = _count_failed(nodes)
        _SIZE.labels(zone).set(len(nodes))
        _HEALTH.labels(zone).set(100 * (len(nodes) - failed) / len(nodes))
        _UNHEALTHY.labels(zone).set(failed)
    for zone in gone:
        _SIZE.labels(zone).set(0)
        _HEALTH.labels(zone).set(100)
        _UNHEALTHY.labels(zone).set(0)


def _count_failed(nodes: Sequence[Node]) -> int:
    return sum(get_ready_status(node) != "True" for node in nodes)
