"""Nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.api.core import Node
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from tests.builders.metadata import build_metadata


def build_node(
    name: str = "n",
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    **spec: Any,
) -> JsonObject:
    """Return a node, as a kubelet registers it: without `status`, it has none."""
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": build_metadata(name, metadata, labels=labels),
        "spec": spec,
    } | ({} if status is None else {"status": dict(status)})


def view_node(
    name: str = "n",
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: Mapping[str, str] | None = None,
    status: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Node:
    """Return the typed view of a node with room for pods, labelled with its name.

    labels, status: further ones.
    """
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods}
    return convert(
        build_node(
            name,
            labels={"kubernetes.io/hostname": name} | dict(labels or {}),
            status={"allocatable": allocatable} | dict(status or {}),
            **spec,
        ),
        Node,
    )
