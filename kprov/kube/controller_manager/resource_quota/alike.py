"""Pods and services of a namespace, grouped by what quotas measure of them.

The pods of an owner are alike for a quota. So the cost of a recount grows with the number of owners and not
with the number of pods, of which a namespace may have ten thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

from kprov.kube.api.core import Container, Pod, PodSpec, PodStatus, Service
from kprov.kube.api.core.containers import ContainerStatus
from kprov.kube.api.core.services import ServicePort, ServiceSpec
from kprov.kube.api.meta import Condition, ObjectMeta
from kprov.kube.client import Informer
from kprov.kube.client.store import key_of
from kprov.kube.machinery.json_object import JsonObject

_RESIZE: Final = "PodResizePending"


@dataclass(eq=False, slots=True)
class _Group:
    """Objects with the same measured fields, which `document` has as JSON."""

    namespace: str
    document: bytes
    count: int = 0


class AlikeObjects:
    """Counts the objects of an informer by their measured fields."""

    def __init__(self, informer: Informer[Any], measure: Callable[[Any], Any]) -> None:
        """measure: returns an object of the same view that has the measured fields only."""
        self._measure = measure
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        self._groups: dict[str, dict[bytes, _Group]] = {}
        self._members: dict[tuple[str, str], _Group] = {}
        informer.add_handler(
            on_add=self._put, on_update=lambda _, new: self._put(new), on_delete=self._remove
        )

    def list(self, namespace: str) -> list[tuple[JsonObject, int]]:
        """Documents with the measured fields, and how many objects have them."""
        return [
            (orjson.loads(group.document), group.count) for group in self._groups.get(namespace, {}).values()
        ]

    def _put(self, obj: Any) -> None:
        key, document = key_of(obj), self._encode(self._measure(obj))
        known = self._members.get(key)
        if known is not None and known.document == document:
            return
        self._remove(obj)
        groups = self._groups.setdefault(key[0], {})
        group = groups.get(document)
        if group is None:
            group = groups[document] = _Group(key[0], document)
        group.count += 1
        self._members[key] = group

    def _remove(self, obj: Any) -> None:
        group = self._members.pop(key_of(obj), None)
        if group is None:
            return
        group.count -= 1
        if not group.count:
            groups = self._groups[group.namespace]
            del groups[group.document]
            if not groups:
                del self._groups[group.namespace]


def measure_pod(pod: Pod) -> Pod:
    """Return the fields that decide about the scopes and the usage of a pod."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    return Pod(
        metadata=ObjectMeta(
            deletion_timestamp=metadata.deletion_timestamp,
            deletion_grace_period_seconds=metadata.deletion_grace_period_seconds,
        ),
        spec=PodSpec(
            containers=[_measure_container(container) for container in spec.containers],
            init_containers=[_measure_container(init_container) for init_container in spec.init_containers],
            active_deadline_seconds=spec.active_deadline_seconds,
            affinity=spec.affinity,
            overhead=spec.overhead,
            priority_class_name=spec.priority_class_name,
            resources=spec.resources,
        ),
        status=PodStatus(
            phase=status.phase,
            conditions=[
                Condition(type=_RESIZE, reason=condition.reason)
                for condition in status.conditions
                if condition.type == _RESIZE
            ],
            container_statuses=_measure_statuses(status.container_statuses),
            init_container_statuses=_measure_statuses(status.init_container_statuses),
            allocated_resources=status.allocated_resources,
            resources=status.resources,
        ),
    )


def measure_service(service: Service) -> Service:
    """Return the fields that decide about the usage of a service."""
    spec = service.spec
    return Service(
        spec=ServiceSpec(
            type=spec.type,
            ports=[ServicePort(port=1, node_port=1 if port.node_port else 0) for port in spec.ports],
            allocate_load_balancer_node_ports=spec.allocate_load_balancer_node_ports,
        )
    )


def _measure_container(container: Container) -> Container:
    return Container(
        name=container.name, resources=container.resources, restart_policy=container.restart_policy
    )


def _measure_statuses(statuses: Iterable[ContainerStatus]) -> list[ContainerStatus]:
    return [
        ContainerStatus(
            name=status.name, resources=status.resources, allocated_resources=status.allocated_resources
        )
        for status in statuses
        if status.resources is not None
    ]
