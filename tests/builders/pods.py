"""Pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from tests.builders.containers import build_container
from tests.builders.metadata import build_metadata


def build_pod(
    name: str = "p",
    *,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    cpu: str = "",
    ports: Sequence[JsonObject] = (),
    requests: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    **spec: Any,
) -> JsonObject:
    """Return a pod of one container, or of the `containers` given.

    metadata: further fields of it. cpu: a request of the container, beside `requests`. ports: of the container.
    Without `status`, the pod has none.
    """
    amounts = ({"cpu": cpu} if cpu else {}) | dict(requests or {})
    fields: dict[str, Any] = {"ports": list(ports)} if ports else {}
    containers = [build_container(requests=amounts, limits=limits, **fields)]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": build_metadata(name, metadata, namespace=namespace, labels=labels),
        "spec": {"containers": containers} | spec,
    } | ({} if status is None else {"status": dict(status)})


def view_pod(
    name: str = "p", *, namespace: str = "ns", metadata: Mapping[str, Any] | None = None, **fields: Any
) -> Pod:
    """Return the typed view of a pod whose UID is its name. fields: see build_pod."""
    metadata = {"uid": name} | dict(metadata or {})
    return convert(build_pod(name, namespace=namespace, metadata=metadata, **fields), Pod)


def build_conditions(**statuses: str | bool) -> list[JsonObject]:
    """Return conditions, such as `Ready=True`."""
    return [{"type": name, "status": str(status)} for name, status in statuses.items()]
