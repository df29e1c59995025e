"""Helm 4 with a chart that brings a definition, an object of it, a deployment, hooks and a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.clients.helm import Helm
from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.workloads.conftest import Home

_CHART = str(Path(__file__).with_name("chart"))
_WAIT = ("--wait", "--timeout=60s")


@pytest.fixture
def helm(home: Home) -> Helm:
    return Helm(home.server, home.name)


def widget_path(home: Home, name: str = "demo") -> str:
    return f"/apis/helm.example.com/v1/namespaces/{home.name}/widgets/{name}"


def read_widget(home: Home) -> dict[str, Any]:
    return ok(home.server, "GET", widget_path(home))


def test_the_life_of_a_release(home: Home, helm: Helm) -> None:
    installed = helm("install", "demo", _CHART, *_WAIT)
    assert "Widget demo has size 3." in installed
    assert read_widget(home)["spec"] == {"size": 3, "color": "red"}
    assert home.get("deployments", "demo")["status"]["readyReplicas"] == 1
    assert home.get("jobs", "demo-prepare")["status"]["succeeded"] == 1
    # The policy of this hook removes it once it is there.
    assert home.server.get(widget_path(home, "demo-after")).status == 404
    config = ok(home.server, "GET", f"/api/v1/namespaces/{home.name}/configmaps/demo")["data"]
    assert config == {"revision": "1", "isKnown": "true", "namespace": home.name}

    helm("test", "demo", "--timeout=60s")
    assert home.get("pods", "demo-test")["status"]["phase"] == "Succeeded"

    helm("upgrade", "demo", _CHART, "--set=size=5,replicas=2", *_WAIT)
    assert read_widget(home)["spec"]["size"] == 5
    assert home.get("deployments", "demo")["status"]["readyReplicas"] == 2
    refusal = helm.refused("upgrade", "demo", _CHART, "--set=size=0", *_WAIT)
    assert "spec.size" in refusal
    assert "greater than or equal to 1" in refusal
    history = [(entry["revision"], entry["status"]) for entry in helm.ask("history", "demo")]
    assert history == [(1, "superseded"), (2, "deployed"), (3, "failed")]
    helm("rollback", "demo", "1", *_WAIT)
    assert read_widget(home)["spec"]["size"] == 3
    assert home.get("deployments", "demo")["spec"]["replicas"] == 1

    helm("uninstall", "demo", *_WAIT)
    assert home.server.get(widget_path(home)).status == 404
    assert not home.exists("deployments", "demo")
    assert helm.ask("list") == []
    # Helm leaves definitions, since their removal would remove all objects.
    assert home.server.get(widget_path(home).removesuffix("/demo")).status == 200


def test_what_helm_shows_of_a_release(home: Home, helm: Helm) -> None:
    dry = helm("install", "demo", _CHART, "--dry-run=server")
    assert f'namespace: "{home.name}"' in dry
    helm("install", "demo", _CHART, "--set=size=4", "--no-hooks")
    (listed,) = helm.ask("list")
    assert (listed["name"], listed["status"], listed["revision"]) == ("demo", "deployed", "1")
    assert helm.ask("get", "values", "demo") == {"size": 4}
    assert "kind: Widget" in helm("get", "manifest", "demo")
    assert "helm.sh/hook: test" in helm("get", "hooks", "demo")
    assert "demo has size 4" in helm("get", "notes", "demo")
    assert "v1/Widget" in helm("status", "demo")


def test_an_upgrade_takes_a_changed_field_back_only_by_force(home: Home, helm: Helm) -> None:
    helm("install", "demo", _CHART, "--no-hooks")
    merge(home.server, f"{widget_path(home)}?fieldManager=someone", {"spec": {"size": 8, "color": "blue"}})
    conflict = helm.refused("upgrade", "demo", _CHART, "--no-hooks", "--set=size=6")
    assert 'conflict with "someone"' in conflict
    assert read_widget(home)["spec"] == {"size": 8, "color": "blue"}
    helm("upgrade", "demo", _CHART, "--no-hooks", "--set=size=6", "--force-conflicts")
    widget = read_widget(home)
    # What the chart does not set stays with its manager.
    assert widget["spec"] == {"size": 6, "color": "blue"}
    owners = {owner["manager"]: owner["operation"] for owner in widget["metadata"]["managedFields"]}
    assert owners["helm"] == "Apply"
