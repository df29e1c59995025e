"""Columns of the state: one value for each slot of a node."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from kprov.kube.scheduler.state.pod_info import PodInfo

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
#: The number of a label that a node does not have.
MISSING = -1


class LabelColumn:
    """A label of all nodes: the number of its value by slot, MISSING where the node does not have it."""

    def __init__(self, capacity: int) -> None:
        self.ids = np.full(capacity, MISSING, dtype=np.int64)
        self.values: list[str] = []
        self._id_of: dict[str, int] = {}

    def intern(self, value: str) -> int:
        """Return the number of the value."""
        number = self._id_of.get(value)
        if number is None:
            number = self._id_of[value] = len(self.values)
            self.values.append(value)
        return number

    def get_id(self, value: str) -> int:
        """Return the number of the value, or one that no node has."""
        return self._id_of.get(value, -2)

    def match_values(self, values: Iterable[str]) -> Mask:
        """Return the slots whose value is one of these."""
        wanted = [self.get_id(value) for value in values]
        mask: Mask = self.ids == wanted[0] if len(wanted) == 1 else np.isin(self.ids, wanted)
        return mask


class ExtendedResource:
    """An extended resource: what nodes have and what their pods request, by slot."""

    def __init__(self, capacity: int) -> None:
        self.allocatable = np.zeros(capacity, dtype=np.int64)
        self.requested = np.zeros(capacity, dtype=np.int64)

    def copy_without_requests(self) -> ExtendedResource:
        """Return the resource as if no pod requested it. The copy shares `allocatable`."""
        resource = copy.copy(self)
        resource.requested = np.zeros_like(self.requested)
        return resource


class PodCounter:
    """How many pods that a predicate accepts are on each slot; kept up to date as pods come and go."""

    def __init__(self, accepts: Callable[[PodInfo], int], capacity: int) -> None:
        self.accepts = accepts
        self.counts = np.zeros(capacity, dtype=np.int64)

    def change(self, info: PodInfo, sign: int) -> None:
        amount = self.accepts(info)
        if amount:
            self.counts[info.slot] += sign * amount


def sum_by_domain(column: LabelColumn, counts: Counts, among: Mask) -> Counts:
    """Sum of counts over each topology domain, as an array by slot (0 where the label is missing)."""
    ids = column.ids
    usable = among & (ids >= 0)
    sums = np.bincount(ids[usable], weights=counts[usable], minlength=len(column.values) or 1).astype(
        np.int64
    )
    result = np.zeros(len(ids), dtype=np.int64)
    present = ids >= 0
    result[present] = sums[ids[present]]
    return result
