"""A definition with kubectl, from its creation to its removal."""

from __future__ import annotations

import itertools
from typing import Any

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.conformance.calls import eventually

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
            "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
        },
    },
}


def define(group: str, **more: Any) -> dict[str, Any]:
    """A definition of widgets in a group of its own. more: fields of the spec."""
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
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 3} | spec,
    }


def new_group() -> str:
    return f"g{next(_NUMBERS)}.example.com"


def test_from_definition_to_removal(kubectl: Kubectl) -> None:
    group = new_group()
    name = f"widgets.{group}"
    assert kubectl("apply", "-f", "-", stdin=define(group)).endswith("created")
    kubectl("wait", "--for=condition=Established", "--timeout=20s", f"crd/{name}")
    assert "Widget" in kubectl("api-resources", f"--api-group={group}")
    assert kubectl("apply", "-f", "-", stdin=make_widget(group, "one")).endswith("created")
    # A merge patch: kubectl sends a strategic one where the OpenAPI document lists it.
    assert kubectl("apply", "-f", "-", stdin=make_widget(group, "one", size=5)).endswith("configured")
    assert "+  size: 3" in kubectl.run("diff", "-f", "-", stdin=make_widget(group, "one", size=3)).stdout
    assert kubectl("apply", "-f", "-", stdin=make_widget(group, "one", size=3)).endswith("configured")
    refusal = kubectl.refused("apply", "-f", "-", stdin=make_widget(group, "two", size=0))
    assert "spec.size" in refusal
    assert "greater than or equal to 1" in refusal
    lines = kubectl("get", "wd").splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "COLOR"]
    assert lines[1].split() == ["one", "3", "red"]
    assert kubectl.get("widgets", "--field-selector=spec.color=blue")["items"] == []
    kubectl("patch", name, "one", "--type=merge", "-p", '{"spec":{"color":"blue"}}')
    (widget,) = kubectl.get(name, "--field-selector=spec.color=blue")["items"]
    assert (widget["kind"], widget["apiVersion"]) == ("Widget", f"{group}/v1")
    assert widget["metadata"]["generation"] == 4
    kubectl("scale", "--replicas=4", f"{name}/one")
    assert kubectl.get(name, "one")["spec"]["replicas"] == 4
    kubectl("patch", name, "one", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"New"}}')
    assert kubectl.get(name, "one")["status"] == {"phase": "New"}
    assert kubectl("apply", "--server-side", "-f", "-", stdin=make_widget(group, "three")).endswith("applied")
    assert "widget" in kubectl("get", "all")
    kubectl("delete", "crd", name, "--timeout=30s")
    assert "the server doesn't have a resource type" in kubectl.refused("get", name)


def test_explain(kubectl: Kubectl) -> None:
    group = new_group()
    kubectl("apply", "-f", "-", stdin=define(group))
    kubectl("wait", "--for=condition=Established", "--timeout=20s", f"crd/widgets.{group}")

    def explain() -> bool:
        return "How large it is." in kubectl("explain", "widgets.spec", f"--api-version={group}/v1")

    assert eventually(explain)
    assert "color\t<string>" in kubectl("explain", f"widgets.{group}", "--recursive")
