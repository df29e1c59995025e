"""kubectl's commands on objects of a custom kind."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl, editor
from tests.apiserver.clients.widgets import define, make_widget, new_group
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.conformance.definitions import DEFINITIONS
from tests.apiserver.servers import ApiServer


@pytest.fixture(scope="module")
def group(governed: ApiServer) -> Iterator[str]:
    """A group in which widgets are defined."""
    group = new_group()
    ok(governed, "POST", DEFINITIONS, define(group))
    eventually(lambda: governed.get(f"/apis/{group}/v1/widgets").status == 200)
    yield group
    ok(governed, "DELETE", f"{DEFINITIONS}/widgets.{group}")
    eventually(lambda: governed.get(f"{DEFINITIONS}/widgets.{group}").status == 404)


@pytest.fixture
def kind(group: str) -> str:
    return f"widgets.{group}"


def create(
    kubectl: Kubectl, group: str, name: str, *, labels: dict[str, str] | None = None, **spec: Any
) -> str:
    """Create a widget and return its path."""
    path = f"/apis/{group}/v1/namespaces/{kubectl.namespace}/widgets"
    widget = make_widget(group, name, **spec)
    widget["metadata"]["labels"] = labels or {}
    ok(kubectl.server, "POST", path, widget)
    return f"{path}/{name}"


def test_outputs(kubectl: Kubectl, group: str, kind: str) -> None:
    create(kubectl, group, "one", size=3)
    create(kubectl, group, "two", size=1, color="blue", labels={"tier": "front"})
    for name in (f"widget.{group}", f"widgets.v1.{group}", kind):
        assert kubectl("get", name, "-o", "name").splitlines() == [
            f"widget.{group}/one",
            f"widget.{group}/two",
        ]
    assert kubectl("get", kind, "-o", "jsonpath={.items[*].spec.color}") == "red blue"
    assert kubectl("get", f"{kind}/one", "-o", "go-template={{.spec.size}}") == "3"
    columns = "custom-columns=N:.metadata.name,S:.spec.size"
    assert [line.split() for line in kubectl("get", kind, "-o", columns).splitlines()] == [
        ["N", "S"],
        ["one", "3"],
        ["two", "1"],
    ]
    table = [line.split() for line in kubectl("get", kind, "--show-labels").splitlines()]
    assert table == [
        ["NAME", "SIZE", "COLOR", "LABELS"],
        ["one", "3", "red", "<none>"],
        ["two", "1", "blue", "tier=front"],
    ]
    assert kubectl("get", kind, "--sort-by=.spec.size", "-o", "name").splitlines()[0].endswith("/two")
    assert kubectl("get", kind, "-l", "tier=front", "-o", "name") == f"widget.{group}/two"
    assert kubectl("get", "all", "-o", "name").splitlines() == [f"widget.{group}/one", f"widget.{group}/two"]
    description = kubectl("describe", kind, "two")
    assert "Color:  blue" in description
    assert "Kind:         Widget" in description
    assert "\nAPI Version:" in description


def test_watches(kubectl: Kubectl, group: str, kind: str) -> None:
    create(kubectl, group, "one")
    path = create(kubectl, group, "two", color="blue")
    command = kubectl.command("get", kind, "-w", "--field-selector=spec.color=red", "--output-watch-events")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline().split() == ["EVENT", "NAME", "SIZE", "COLOR"]
        assert watch.stdout.readline().split() == ["ADDED", "one", "3", "red"]
        merge(kubectl.server, path, {"spec": {"color": "red"}})
        assert watch.stdout.readline().split() == ["ADDED", "two", "3", "red"]
        merge(kubectl.server, path, {"spec": {"size": 4}})
        assert watch.stdout.readline().split() == ["MODIFIED", "two", "4", "red"]
        merge(kubectl.server, path, {"spec": {"color": "blue"}})
        assert watch.stdout.readline().split()[:2] == ["DELETED", "two"]
        watch.terminate()


def test_apply_from_the_client(kubectl: Kubectl, group: str, kind: str) -> None:
    first = make_widget(group, "one", parts=["a"], replicas=1)
    assert kubectl("apply", "-f", "-", stdin=first).endswith("created")
    assert kubectl("apply", "-f", "-", stdin=first).endswith("unchanged")
    merge(kubectl.server, kubectl_path(kubectl, group, "one"), {"spec": {"color": "blue"}})
    # A field that the last configuration had and this one has not goes; one of somebody else stays.
    assert kubectl("apply", "-f", "-", stdin=make_widget(group, "one", parts=["b"])).endswith("configured")
    assert kubectl.get(kind, "one")["spec"] == {"size": 3, "color": "blue", "parts": ["b"]}
    labels = {"prune": "yes"}
    for name in ("one", "two"):
        widget = make_widget(group, name)
        widget["metadata"]["labels"] = labels
        flags = ("--prune", "-l", "prune=yes", f"--prune-allowlist={group}/v1/Widget")
        answer = kubectl("apply", "-f", "-", *flags, stdin=widget)
    assert f"widget.{group}/one pruned" in answer
    assert [widget["metadata"]["name"] for widget in kubectl.get(kind)["items"]] == ["two"]


def kubectl_path(kubectl: Kubectl, group: str, name: str) -> str:
    return f"/apis/{group}/v1/namespaces/{kubectl.namespace}/widgets/{name}"


def test_apply_on_the_server(kubectl: Kubectl, group: str, kind: str) -> None:
    server = ("--server-side", "-f", "-")
    kubectl("apply", *server, stdin=make_widget(group, "one", parts=["a"]))
    conflict = kubectl.refused(
        "apply", *server, "--field-manager=other", stdin=make_widget(group, "one", size=5)
    )
    assert 'conflict with "kubectl": .spec.size' in conflict
    forced = ("--field-manager=other", "--force-conflicts")
    kubectl("apply", *server, *forced, stdin=make_widget(group, "one", size=5))
    diff = kubectl.run("diff", *server, *forced, stdin=make_widget(group, "one", size=6))
    assert (diff.returncode, "+  size: 6" in diff.stdout) == (1, True)
    assert kubectl.run("diff", *server, *forced, stdin=make_widget(group, "one", size=5)).returncode == 0
    # The first manager drops a field that it alone has.
    widget = make_widget(group, "one")
    del widget["spec"]["size"]
    kubectl("apply", *server, stdin=widget)
    assert kubectl.get(kind, "one")["spec"] == {"size": 5, "color": "red"}
    unknown = kubectl.refused("apply", *server, stdin=make_widget(group, "one", typo=1))
    assert ".spec.typo: field not declared in schema" in unknown


def test_edit_patch_label_annotate_and_replace(
    kubectl: Kubectl, group: str, kind: str, tmp_path: Path
) -> None:
    create(kubectl, group, "one")
    edited = kubectl("edit", kind, "one", environment=editor(tmp_path, "s/size: 3/size: 4/"))
    assert edited.endswith("edited")
    assert kubectl.get(kind, "one")["spec"]["size"] == 4
    status = editor(tmp_path, "s/^spec:/status: {phase: Edited}\\nspec:/")
    kubectl("edit", kind, "one", "--subresource=status", environment=status)
    assert kubectl.get(kind, "one")["status"] == {"phase": "Edited"}
    kubectl("patch", kind, "one", "--type=json", "-p", '[{"op":"remove","path":"/spec/color"}]')
    # The default of the schema takes the place.
    assert kubectl.get(kind, "one")["spec"]["color"] == "red"
    assert "application/strategic-merge-patch+json is not supported" in kubectl.refused(
        "patch", kind, "one", "-p", '{"spec":{"size":5}}'
    )
    kubectl("label", kind, "--all", "tier=front")
    kubectl("annotate", f"{kind}/one", "note=text")
    widget = kubectl.get(kind, "one")
    assert (widget["metadata"]["labels"], widget["metadata"]["annotations"]) == (
        {"tier": "front"},
        {"note": "text"},
    )
    widget["spec"]["size"] = 7
    kubectl("replace", "-f", "-", stdin=widget)
    # The version of the file is no longer the object's.
    assert "the object has been modified" in kubectl.refused("replace", "-f", "-", stdin=widget)


def test_wait_and_scale(kubectl: Kubectl, group: str, kind: str) -> None:
    path = create(kubectl, group, "one", replicas=1)
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Up"}
    report = threading.Timer(0.5, lambda: merge(kubectl.server, f"{path}/status", {"status": ready}))
    report.start()
    kubectl("wait", "--for=condition=Ready", "--timeout=20s", f"{kind}/one")
    report.join()
    kubectl("wait", "--for=jsonpath={.status.phase}=Up", "--timeout=20s", kind, "--all")
    assert "timed out" in kubectl.refused("wait", "--for=condition=Other", "--timeout=1s", f"{kind}/one")
    kubectl("scale", "--current-replicas=1", "--replicas=2", f"{kind}/one")
    assert "Expected replicas to be 1" in kubectl.refused(
        "scale", "--current-replicas=1", "--replicas=3", f"{kind}/one"
    )
    scale = json.loads(kubectl("get", "--raw", f"{path}/scale"))
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    kubectl("autoscale", f"{kind}/one", "--max=5")
    assert kubectl.get("hpa", "one")["spec"]["scaleTargetRef"]["kind"] == "Widget"


@pytest.mark.parametrize(
    ("cascade", "remains"), [("background", False), ("orphan", True), ("foreground", False)]
)
def test_delete_with_and_without_dependents(
    kubectl: Kubectl, group: str, kind: str, cascade: str, remains: bool
) -> None:
    path = create(kubectl, group, "owner")
    owner = {"apiVersion": f"{group}/v1", "kind": "Widget", "name": "owner", "blockOwnerDeletion": True}
    owner["uid"] = ok(kubectl.server, "GET", path)["metadata"]["uid"]
    owned = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    maps = f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    ok(kubectl.server, "POST", maps, owned)
    kubectl("delete", kind, "owner", f"--cascade={cascade}", "--timeout=30s")
    if remains:
        assert "ownerReferences" not in ok(kubectl.server, "GET", f"{maps}/owned")["metadata"]
    else:
        eventually(lambda: kubectl.server.get(f"{maps}/owned").status == 404)


def test_explain(kubectl: Kubectl, group: str, kind: str) -> None:
    def is_published() -> bool:
        return kubectl.run("explain", kind).returncode == 0

    eventually(is_published)
    text = kubectl("explain", kind, "--recursive")
    for line in ("size\t<integer> -required-", "parts\t<[]string>", "metadata\t<ObjectMeta>"):
        assert line in text, text
    assert "How large it is." in kubectl("explain", f"{kind}.spec.size")
    assert 'field "nothing" does not exist' in kubectl.refused("explain", f"{kind}.spec.nothing")
