"""Gauges that follow the objects of an informer."""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from kprov.kube.client import Informer
from kprov.kube.client.store import key_of
from kprov.kube.component_base.prometheus import Gauge

Object = TypeVar("Object")
Labels = tuple[str, ...]


def count_objects(
    informer: Informer[Object], gauge: Gauge, labels_of: Callable[[Object], Labels | None]
) -> None:
    """Keep the gauge at the number of the informer's objects by labels. None: the object does not count."""
    counts = _Counts(gauge)
    informer.add_handler(
        on_add=lambda obj: counts.set(key_of(obj), labels_of(obj)),
        on_update=lambda _, new: counts.set(key_of(new), labels_of(new)),
        on_delete=lambda obj: counts.set(key_of(obj), None),
    )


class _Counts:
    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._labels: dict[Any, Labels] = {}
        self._counts: Counter[Labels] = Counter()

    def set(self, key: Any, labels: Labels | None) -> None:
        before = self._labels.pop(key, None)
        if labels is not None:
            self._labels[key] = labels
        if before == labels:
            return
        if before is not None:
            self._add(before, -1)
        if labels is not None:
            self._add(labels, 1)

    def _add(self, labels: Labels, change: int) -> None:
        """Remove a series without objects, as upstream's collectors show none."""
        self._counts[labels] += change
        if self._counts[labels]:
            self._gauge.labels(*labels).set(self._counts[labels])
        else:
            del self._counts[labels]
            self._gauge.remove(*labels)
