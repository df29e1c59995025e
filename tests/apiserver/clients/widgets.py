"""Widgets: the custom kind that clients define and use, in a group of its own for each test."""

from __future__ import annotations

import itertools
from typing import Any

_NUMBERS = itertools.count(1)
_SCHEMA = {
    "type": "object",
    "description": "A widget turns.",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "description": "How large it is."},
                "color": {"type": "string", "default": "red"},
                "replicas": {"type": "integer"},
                "parts": {"type": "array", "items": {"type": "string"}},
            },
        },
        "status": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
        },
    },
}


def new_group() -> str:
    return f"g{next(_NUMBERS)}.example.com"


def define(group: str, **more: Any) -> dict[str, Any]:
    """Return a definition of widgets in that group. more: fields of the spec."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _SCHEMA},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
        ],
        "selectableFields": [{"jsonPath": ".spec.color"}],
    }
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "singular": "widget",
            "kind": "Widget",
            "listKind": "WidgetList",
            "shortNames": ["wd"],
            "categories": ["all"],
        },
        "versions": [version],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": spec | more,
    }


def make_widget(group: str, name: str, **spec: Any) -> dict[str, Any]:
    """Return a widget of size 3. spec: fields of its spec."""
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 3} | spec,
    }
