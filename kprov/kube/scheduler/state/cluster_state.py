"""All nodes as arrays, and which pods are on them: what filters and scores compute on.

A node has a slot, an index into every array; slots of removed nodes are reused, `alive` tells which count.
Pods count as soon as they are assumed, before the API server has heard of the binding.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from kprov.kube.api.core import Node, Pod, Taint
from kprov.kube.scheduler.state.columns import (
    MISSING,
    Counts,
    ExtendedResource,
    LabelColumn,
    Mask,
    PodCounter,
)
from kprov.kube.scheduler.state.pod_info import COLUMNS, AffinityTerm, PodInfo, parse_amounts

TaintSet = tuple[tuple[str, str, str], ...]

_FIRST_CAPACITY = 16
_COUNTERS_KEPT = 512
_IMAGES_KEPT = 512


class ClusterState:
    """Nodes and their pods. Not thread-safe: it belongs to the event loop."""

    def __init__(self) -> None:
        self.capacity = _FIRST_CAPACITY
        self.nodes: list[Node | None] = [None] * self.capacity
        self.alive: Mask = np.zeros(self.capacity, dtype=np.bool_)
        self.unschedulable: Mask = np.zeros(self.capacity, dtype=np.bool_)
        self.allocatable = np.zeros((self.capacity, len(COLUMNS)), dtype=np.int64)
        self.requested = np.zeros((self.capacity, len(COLUMNS)), dtype=np.int64)
        self.nonzero = np.zeros((self.capacity, len(COLUMNS)), dtype=np.int64)
        #: What pods of each priority request, as in `requested`.
        self._requested_by_priority: dict[int, Counts] = {}
        self.taint_ids = np.zeros(self.capacity, dtype=np.int64)
        self.taint_sets: list[TaintSet] = [()]
        self.extended: list[dict[str, int]] = [{} for _ in range(self.capacity)]
        self.images: list[dict[str, int]] = [{} for _ in range(self.capacity)]
        self.slot_of: dict[str, int] = {}
        self.pods: dict[str, PodInfo] = {}
        self.pods_on: list[dict[str, PodInfo]] = [{} for _ in range(self.capacity)]
        #: Existing pods' required anti-affinity and all preferred terms: term > pods that have it, by slot.
        self.terms: dict[tuple[str, object, int], tuple[AffinityTerm, PodCounter]] = {}
        self.namespace_labels: dict[str, dict[str, str]] = {}
        self._labels: dict[str, LabelColumn] = {}
        self._extended: dict[str, ExtendedResource] = {}
        self._image_sizes: OrderedDict[str, Counts] = OrderedDict()
        self._counters: OrderedDict[object, PodCounter] = OrderedDict()
        #: Pods that are bound to nodes which are not (or no longer) known.
        self._strays: dict[str, dict[str, PodInfo]] = {}

    # nodes

    def set_node(self, node: Node) -> None:
        """Store a new or changed node."""
        name = node.metadata.name
        slot = self.slot_of.get(name)
        if slot is None:
            slot = self._find_free_slot()
            self.slot_of[name] = slot
        before = self.nodes[slot]
        self.nodes[slot] = node
        self.alive[slot] = True
        self.unschedulable[slot] = node.spec.unschedulable
        self.allocatable[slot], self.extended[slot] = parse_amounts(node.status.allocatable)
        for resource, column in self._extended.items():
            column.allocatable[slot] = self.extended[slot].get(resource, 0)
        self.taint_ids[slot] = self._get_taint_id(node.spec.taints)
        self.images[slot] = {image: entry.size_bytes for entry in node.status.images for image in entry.names}
        for image, sizes in self._image_sizes.items():
            sizes[slot] = self.images[slot].get(image, 0)
        old = before.metadata.labels if before else {}
        for key in old.keys() | node.metadata.labels.keys():
            if key in self._labels:
                self._write_label(self._labels[key], slot, node.metadata.labels.get(key))
        for info in self._strays.pop(name, {}).values():
            self._add_pod_to_node(info, slot)

    def remove_node(self, name: str) -> None:
        """Remove a node. Its pods are kept in case it comes back."""
        slot = self.slot_of.pop(name, None)
        if slot is None:
            return
        for info in list(self.pods_on[slot].values()):
            self._remove_pod_from_node(info)
            self._strays.setdefault(name, {})[info.pod.metadata.uid] = info
        self.nodes[slot] = None
        self.alive[slot] = False
        self.allocatable[slot] = 0
        self.extended[slot] = {}
        self.images[slot] = {}
        for resource in self._extended.values():
            resource.allocatable[slot] = 0
        for sizes in self._image_sizes.values():
            sizes[slot] = 0
        for column in self._labels.values():
            column.ids[slot] = MISSING

    @property
    def node_count(self) -> int:
        """Return the number of known nodes."""
        return len(self.slot_of)

    def get_label_column(self, key: str) -> LabelColumn:
        """Return the column of a label, which is made at the first call."""
        column = self._labels.get(key)
        if column is None:
            column = self._labels[key] = LabelColumn(self.capacity)
            for slot, node in enumerate(self.nodes):
                if node is not None:
                    self._write_label(column, slot, node.metadata.labels.get(key))
        return column

    def get_extended_resource(self, name: str) -> ExtendedResource:
        """Return the arrays of an extended resource, which are made when a pod first requests it."""
        resource = self._extended.get(name)
        if resource is None:
            resource = self._extended[name] = ExtendedResource(self.capacity)
            for slot in np.flatnonzero(self.alive):
                resource.allocatable[slot] = self.extended[slot].get(name, 0)
                resource.requested[slot] = sum(
                    info.extended.get(name, 0) for info in self.pods_on[slot].values()
                )
        return resource

    def get_image_sizes(self, image: str) -> Counts:
        """Return the bytes of an image by slot, 0 where the node lacks it. Recent images are cached."""
        sizes = self._image_sizes.get(image)
        if sizes is None:
            sizes = self._image_sizes[image] = np.array(
                [images.get(image, 0) for images in self.images], dtype=np.int64
            )
            if len(self._image_sizes) > _IMAGES_KEPT:
                self._image_sizes.popitem(last=False)
        else:
            self._image_sizes.move_to_end(image)
        return sizes

    # pods

    def add_pod(self, info: PodInfo, node_name: str) -> None:
        """Add a pod to a node to which it is bound, or assumed to be.

        It replaces an earlier state of the pod.
        """
        uid = info.pod.metadata.uid
        self.remove_pod(uid)
        self.pods[uid] = info
        slot = self.slot_of.get(node_name)
        if slot is None:
            self._strays.setdefault(node_name, {})[uid] = info
        else:
            self._add_pod_to_node(info, slot)

    def remove_pod(self, uid: str) -> None:
        """Remove a pod from its node. Unknown pods are ignored."""
        info = self.pods.pop(uid, None)
        if info is None:
            return
        if info.slot >= 0:
            self._remove_pod_from_node(info)
        else:
            for strays in self._strays.values():
                strays.pop(uid, None)

    def forget_pod(self, info: PodInfo) -> None:
        """Undo `add_pod`, unless the pod was added again since."""
        uid = info.pod.metadata.uid
        if self.pods.get(uid) is info:
            self.remove_pod(uid)

    def get_node_of(self, uid: str) -> str | None:
        """Return the node of a pod: "" if the node is not known, None if the pod is not known."""
        info = self.pods.get(uid)
        if info is None:
            return None
        node = self.nodes[info.slot] if info.slot >= 0 else None
        return node.metadata.name if node is not None else ""

    def refresh_pod(self, pod: Pod) -> None:
        """Replace the object of a pod whose change matters to no counter, such as its start time."""
        info = self.pods.get(pod.metadata.uid)
        if info is not None:
            info.pod = pod

    def sum_requests_below(self, priority: int) -> Counts:
        """Return what pods of lower priorities request, with the columns of `requested`."""
        total = np.zeros_like(self.requested)
        for pod_priority, requests in self._requested_by_priority.items():
            if pod_priority < priority:
                total += requests
        return total

    def copy_without_requests(self, requests: Counts, extended: Iterable[str]) -> ClusterState:
        """Return the state as if pods requested so much less, and none of these extended resources.

        The copy shares all other data with this state. It is only for reading.
        """
        state = copy.copy(self)
        state.requested = self.requested - requests
        state._extended = self._extended | {  # noqa: SLF001  a copy of this state
            name: self.get_extended_resource(name).copy_without_requests() for name in extended
        }
        return state

    def change_requests(self, info: PodInfo, slot: int, sign: int) -> None:
        """Add (1) or subtract (-1) the requests of a pod, and nothing else that add_pod counts."""
        self.requested[slot] += sign * info.requests
        self._change_extended(info, slot, sign)

    def _change_extended(self, info: PodInfo, slot: int, sign: int) -> None:
        for name, amount in info.extended.items():
            if name in self._extended:
                self._extended[name].requested[slot] += sign * amount

    def change_requests_of(self, placed: Sequence[tuple[PodInfo, int]], sign: int) -> None:
        """Do `change_requests` for many pods with their slots."""
        if not placed:
            return
        slots = [slot for _, slot in placed]
        np.add.at(self.requested, slots, sign * np.array([info.requests for info, _ in placed]))
        for info, slot in placed:
            self._change_extended(info, slot, sign)

    def set_namespace_labels(self, namespace: str, labels: dict[str, str]) -> bool:
        """Replace the labels of a namespace, {} when it is gone. Return whether they changed.

        Counters of terms with a namespaceSelector count the pods of the namespace again.
        """
        if self.namespace_labels.get(namespace, {}) == labels:
            return False
        placed = [info for info in self.pods.values() if info.namespace == namespace and info.slot >= 0]
        self._change_counters(placed, -1)
        if labels:
            self.namespace_labels[namespace] = labels
        else:
            self.namespace_labels.pop(namespace, None)
        self._change_counters(placed, 1)
        return True

    def _change_counters(self, infos: Iterable[PodInfo], sign: int) -> None:
        for info in infos:
            for counter in self._counters.values():
                counter.change(info, sign)

    def count(self, key: object, accepts: Callable[[PodInfo], int]) -> Counts:
        """Return the number of pods on each slot that the predicate accepts.

        The counts are cached under the key, and updated from then on.
        """
        counter = self._counters.get(key)
        if counter is None:
            counter = PodCounter(accepts, self.capacity)
            for info in self.pods.values():
                if info.slot >= 0:
                    counter.change(info, 1)
            self._counters[key] = counter
            if len(self._counters) > _COUNTERS_KEPT:
                self._counters.popitem(last=False)
        else:
            self._counters.move_to_end(key)
        return counter.counts

    def _add_pod_to_node(self, info: PodInfo, slot: int) -> None:
        info.slot = slot
        self.change_requests(info, slot, 1)
        self.nonzero[slot] += info.nonzero
        by_priority = self._requested_by_priority.get(info.priority)
        if by_priority is None:
            by_priority = self._requested_by_priority[info.priority] = np.zeros_like(self.requested)
        by_priority[slot] += info.requests
        self.pods_on[slot][info.pod.metadata.uid] = info
        self._count_pod(info, 1)

    def _remove_pod_from_node(self, info: PodInfo) -> None:
        self._count_pod(info, -1)
        slot = info.slot
        self.change_requests(info, slot, -1)
        self.nonzero[slot] -= info.nonzero
        self._requested_by_priority[info.priority][slot] -= info.requests
        del self.pods_on[slot][info.pod.metadata.uid]
        info.slot = -1

    def _count_pod(self, info: PodInfo, sign: int) -> None:
        self._change_counters((info,), sign)
        for kind, terms in (
            ("required-anti", info.anti_affinity),
            ("required", info.affinity),
            ("preferred", info.preferred_affinity),
            ("preferred-anti", info.preferred_anti_affinity),
        ):
            for term in terms:
                key = (kind, term.key, term.weight)
                if key not in self.terms:
                    self.terms[key] = (term, PodCounter(lambda _: 1, self.capacity))
                counter = self.terms[key][1]
                counter.counts[info.slot] += sign
                if sign < 0 and not counter.counts.any():
                    del self.terms[key]

    # arrays

    def _find_free_slot(self) -> int:
        free = np.flatnonzero(~self.alive)
        if not free.size:
            self._grow()
            free = np.flatnonzero(~self.alive)
        return int(free[0])

    def _grow(self) -> None:
        more = self.capacity
        self.capacity *= 2
        self.alive = np.concatenate([self.alive, np.zeros(more, dtype=np.bool_)])
        self.unschedulable = np.concatenate([self.unschedulable, np.zeros(more, dtype=np.bool_)])
        empty = np.zeros((more, len(COLUMNS)), dtype=np.int64)
        self.allocatable = np.concatenate([self.allocatable, empty])
        self.requested = np.concatenate([self.requested, empty])
        self.nonzero = np.concatenate([self.nonzero, empty])
        for priority, requests in self._requested_by_priority.items():
            self._requested_by_priority[priority] = np.concatenate([requests, empty])
        self.taint_ids = np.concatenate([self.taint_ids, np.zeros(more, dtype=np.int64)])
        self.nodes += [None] * more
        self.extended += [{} for _ in range(more)]
        self.images += [{} for _ in range(more)]
        self.pods_on += [{} for _ in range(more)]
        for image, sizes in self._image_sizes.items():
            self._image_sizes[image] = np.concatenate([sizes, np.zeros(more, dtype=np.int64)])
        for resource in self._extended.values():
            none = np.zeros(more, dtype=np.int64)
            resource.allocatable = np.concatenate([resource.allocatable, none])
            resource.requested = np.concatenate([resource.requested, none])
        for column in self._labels.values():
            column.ids = np.concatenate([column.ids, np.full(more, MISSING, dtype=np.int64)])
        for counter in [*self._counters.values(), *(counter for _, counter in self.terms.values())]:
            counter.counts = np.concatenate([counter.counts, np.zeros(more, dtype=np.int64)])

    def _write_label(self, column: LabelColumn, slot: int, value: str | None) -> None:
        column.ids[slot] = MISSING if value is None else column.intern(value)

    def _get_taint_id(self, taints: list[Taint]) -> int:
        taint_set = tuple((taint.key, taint.value, taint.effect) for taint in taints)
        if taint_set not in self.taint_sets:
            self.taint_sets.append(taint_set)
        return self.taint_sets.index(taint_set)
