"""A definition with kubectl, from its creation to its removal."""

from __future__ import annotations

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.clients.widgets import define, make_widget, new_group
from tests.apiserver.conformance.calls import eventually


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
