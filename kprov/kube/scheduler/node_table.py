"""All nodes in arrays, one row a node, so that a rule looks at every node in one operation.

The scheduler's cache: nodes, the pods on them, and pods assumed to be there before the API server says so.
Rows of nodes that are gone stay free for new ones; `exists` tells which are in use.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from kprov.kube.api.core import Node, Taint
from kprov.kube.component_helpers.pod_resources import CPU, EPHEMERAL_STORAGE, MEMORY, amount
from kprov.kube.scheduler.pod_info import HostPort, Labels, PodInfo

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MISSING = -1
_FIRST_ROWS = 16
_BASE_RESOURCES = (CPU, MEMORY, EPHEMERAL_STORAGE)


class Column:
    """A label of all nodes as numbers: `codes[row]` is the place in `values`, MISSING without the label."""

    def __init__(self, rows: int) -> None:
        self.codes: Ints = np.full(rows, MISSING, dtype=np.int64)
        self.values: dict[str, int] = {}

    def set(self, row: int, value: str | None) -> None:
        self.codes[row] = MISSING if value is None else self.values.setdefault(value, len(self.values))

    def where(self, test: Callable[[str | None], bool]) -> Bools:
        """Rows whose value passes; the test runs once for each value, and once for None."""
        table = np.fromiter((test(value) for value in (*self.values, None)), dtype=np.bool_)
        return table[self.codes]  # MISSING (-1) takes the last one


class NodeTable:
    """Arrays have shape [rows] or [rows, resources]; cpu in thousandths, the rest in whole units."""

    def __init__(self) -> None:
        rows = _FIRST_ROWS
        self.rows: dict[str, int] = {}
        self.names: list[str] = [""] * rows
        self.nodes: dict[str, Node] = {}
        self.resources: dict[str, int] = {name: i for i, name in enumerate(_BASE_RESOURCES)}
        self.exists: Bools = np.zeros(rows, dtype=np.bool_)
        self.unschedulable: Bools = np.zeros(rows, dtype=np.bool_)
        self.allocatable: Ints = np.zeros((rows, len(self.resources)), dtype=np.int64)
        self.requested: Ints = np.zeros((rows, len(self.resources)), dtype=np.int64)
        self.non_zero: Ints = np.zeros((rows, 2), dtype=np.int64)
        self.pod_count: Ints = np.zeros(rows, dtype=np.int64)
        self.pod_limit: Ints = np.zeros(rows, dtype=np.int64)
        self.taint_codes: Ints = np.zeros(rows, dtype=np.int64)
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self.images: dict[str, dict[int, int]] = {}
        self.ports: dict[tuple[str, int], dict[int, list[str]]] = {}
        # Pods by namespace and labels: row > how many. Those being deleted are not counted.
        self.groups: dict[str, dict[Labels, dict[int, int]]] = {}
        self.with_affinity: dict[str, tuple[PodInfo, str]] = {}
        self._taint_index: dict[tuple[tuple[str, str, str], ...], int] = {(): 0}
        self._columns: dict[str, Column] = {}
        self._free = list(range(rows - 1, -1, -1))
        self._pods: dict[str, tuple[PodInfo, str]] = {}
        self._pods_by_node: dict[str, set[str]] = {}

    # nodes

    def set_node(self, node: Node) -> None:
        """Add a node or take over its changes; pods known to be on it count at once."""
        name = node.metadata.name
        is_new = name not in self.rows
        row = self._row(name)
        old = self.nodes.get(name)
        self.nodes[name] = node
        self.unschedulable[row] = node.spec.unschedulable
        allocatable = node.status.allocatable or node.status.capacity
        for resource in allocatable:
            self._resource(resource)
        self.allocatable[row] = 0
        for resource, quantity in allocatable.items():
            if resource == "pods":
                self.pod_limit[row] = amount(resource, quantity)
            else:
                self.allocatable[row, self.resources[resource]] = amount(resource, quantity)
        self.taint_codes[row] = self._taint_code(node.spec.taints)
        for key, column in self._columns.items():
            column.set(row, node.metadata.labels.get(key))
        self._set_images(row, old, node)
        if is_new:
            for uid in self._pods_by_node.get(name, ()):
                self._count(self._pods[uid][0], row, 1)

    def remove_node(self, name: str) -> None:
        row = self.rows.pop(name, None)
        if row is None:
            return
        for uid in self._pods_by_node.get(name, ()):
            self._count(self._pods[uid][0], row, -1)
        self._set_images(row, self.nodes.pop(name), None)
        self.exists[row] = self.unschedulable[row] = False
        self.allocatable[row] = 0
        self.pod_limit[row] = self.taint_codes[row] = 0
        self.names[row] = ""
        for column in self._columns.values():
            column.set(row, None)
        self._free.append(row)

    # pods

    def set_pod(self, info: PodInfo, node_name: str) -> None:
        """A pod is on that node (or assumed to be); what was known of it before is forgotten."""
        uid = info.pod.metadata.uid
        self.remove_pod(uid)
        self._pods[uid] = (info, node_name)
        self._pods_by_node.setdefault(node_name, set()).add(uid)
        if info.has_affinity:
            self.with_affinity[uid] = (info, node_name)
        row = self.rows.get(node_name)
        if row is not None:
            self._count(info, row, 1)

    def remove_pod(self, uid: str) -> bool:
        """Whether it was known."""
        found = self._pods.pop(uid, None)
        if found is None:
            return False
        info, node_name = found
        self._pods_by_node[node_name].discard(uid)
        self.with_affinity.pop(uid, None)
        row = self.rows.get(node_name)
        if row is not None:
            self._count(info, row, -1)
        return True

    def node_of(self, uid: str) -> str | None:
        found = self._pods.get(uid)
        return found[1] if found else None

    # reading

    @property
    def size(self) -> int:
        return len(self.exists)

    def column(self, key: str) -> Column:
        """The label `key` of all nodes; kept up to date from the first time it is asked for."""
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = Column(self.size)
            for name, node in self.nodes.items():
                column.set(self.rows[name], node.metadata.labels.get(key))
        return column

    def counts(self, groups: Iterator[dict[int, int]]) -> Ints:
        """Pods of these groups by row."""
        total = np.zeros(self.size, dtype=np.int64)
        for group in groups:
            for row, count in group.items():
                total[row] += count
        return total

    # inside

    def _row(self, name: str) -> int:
        row = self.rows.get(name)
        if row is None:
            if not self._free:
                self._grow()
            row = self.rows[name] = self._free.pop()
            self.names[row] = name
            self.exists[row] = True
        return row

    def _grow(self) -> None:
        old, new = self.size, self.size * 2
        for attribute in (
            "exists", "unschedulable", "allocatable", "requested", "non_zero", "pod_count", "pod_limit", "taint_codes"
        ):  # fmt: skip
            array = getattr(self, attribute)
            setattr(self, attribute, np.concatenate([array, np.zeros_like(array)]))
        for column in self._columns.values():
            column.codes = np.concatenate([column.codes, np.full(old, MISSING, dtype=np.int64)])
        self.names += [""] * old
        self._free += range(new - 1, old - 1, -1)

    def _resource(self, name: str) -> int:
        if name == "pods":
            return MISSING
        index = self.resources.get(name)
        if index is None:
            index = self.resources[name] = len(self.resources)
            more = np.zeros((self.size, 1), dtype=np.int64)
            self.allocatable = np.concatenate([self.allocatable, more], axis=1)
            self.requested = np.concatenate([self.requested, more], axis=1)
        return index

    def _taint_code(self, taints: list[Taint]) -> int:
        key = tuple((taint.key, taint.value, taint.effect) for taint in taints)
        code = self._taint_index.get(key)
        if code is None:
            code = self._taint_index[key] = len(self.taint_sets)
            self.taint_sets.append(tuple(taints))
        return code

    def _set_images(self, row: int, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None and old.status.images == new.status.images:
            return
        for image in old.status.images if old else ():
            for name in image.names:
                rows = self.images.get(name, {})
                rows.pop(row, None)
                if not rows:
                    self.images.pop(name, None)
        for image in new.status.images if new else ():
            for name in image.names:
                self.images.setdefault(name, {})[row] = image.size_bytes

    def _count(self, info: PodInfo, row: int, sign: int) -> None:
        for name, value in info.requests.items():
            index = self._resource(name)
            self.requested[row, index] += sign * value
        self.non_zero[row, 0] += sign * info.non_zero.get(CPU, 0)
        self.non_zero[row, 1] += sign * info.non_zero.get(MEMORY, 0)
        self.pod_count[row] += sign
        for port in info.host_ports:
            self._count_port(port, row, sign)
        if not info.pod.metadata.deletion_timestamp:
            groups = self.groups.setdefault(info.namespace, {})
            group = groups.setdefault(info.label_key, {})
            group[row] = group.get(row, 0) + sign
            if not group[row]:
                del group[row]
                if not group:
                    del groups[info.label_key]

    def _count_port(self, port: HostPort, row: int, sign: int) -> None:
        addresses = self.ports.setdefault((port.protocol, port.port), {}).setdefault(row, [])
        if sign > 0:
            addresses.append(port.ip)
        else:
            addresses.remove(port.ip)
            if not addresses:
                del self.ports[port.protocol, port.port][row]
