"""Python clients of others with a custom kind: the official dynamic client, kr8s and lightkube."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest

from tests.apiserver.clients.kubectl import new_namespace
from tests.apiserver.clients.widgets import define, make_widget, new_group
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.conformance.definitions import DEFINITIONS
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import ApiServer

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.fixture(scope="module")
def group(governed: ApiServer) -> Iterator[str]:
    """A group in which widgets are defined."""
    group = new_group()
    item = f"{DEFINITIONS}/widgets.{group}"
    ok(governed, "POST", DEFINITIONS, define(group))
    eventually(lambda: governed.get(f"/apis/{group}/v1/widgets").status == 200)
    yield group
    ok(governed, "DELETE", item)
    eventually(lambda: governed.get(item).status == 404)


@pytest.fixture
def gears(governed: ApiServer, group: str) -> str:
    """The plural of a kind that no other group has: kr8s takes the first resource of that name."""
    names = {"plural": "gears", "singular": "gear", "kind": "Gear", "listKind": "GearList"}
    definition = define(group, names=names)
    definition["metadata"]["name"] = f"gears.{group}"
    ok(governed, "POST", DEFINITIONS, definition)
    eventually(lambda: governed.get(f"/apis/{group}/v1/gears").status == 200)
    return "gears"


@pytest.fixture
def namespace(governed: ApiServer) -> str:
    return new_namespace(governed).namespace


def report_ready(server: ApiServer, path: str) -> threading.Timer:
    """Say soon in the status of an object that it is ready, as its controller would."""

    def report() -> None:
        ok(server, "PATCH", f"{path}/status", {"status": READY}, content_type=MERGE)

    timer = threading.Timer(0.3, report)
    timer.start()
    return timer


def test_the_official_dynamic_client(governed: ApiServer, group: str, namespace: str) -> None:
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, UnprocessibleEntityError

    with kubernetes.config.new_client_from_config(str(kubeconfig(governed))) as client:
        widgets = DynamicClient(client).resources.get(api_version=f"{group}/v1", kind="Widget")
        assert (widgets.name, widgets.short_names, widgets.categories) == ("widgets", ["wd"], ["all"])
        assert set(widgets.subresources) == {"status", "scale"}
        made = widgets.create(body=make_widget(group, "one"), namespace=namespace)
        assert made.spec.color == "red"
        with pytest.raises(UnprocessibleEntityError, match=r"spec\.size"):
            widgets.create(body=make_widget(group, "wrong", size=0), namespace=namespace)
        made.spec.size = 4
        assert widgets.replace(body=made, namespace=namespace).metadata.generation == 2
        with pytest.raises(ConflictError):
            widgets.replace(body=made, namespace=namespace)
        change: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"color": "blue"}}
        assert widgets.patch(body=change, namespace=namespace, content_type=MERGE).spec.color == "blue"
        steps = [{"op": "replace", "path": "/spec/size", "value": 6}]
        stepped = widgets.patch(
            body=steps, name="one", namespace=namespace, content_type="application/json-patch+json"
        )
        assert stepped.spec.size == 6
        applied = widgets.server_side_apply(
            body=make_widget(group, "two", parts=["a"]), namespace=namespace, field_manager="test"
        )
        assert applied.metadata.managedFields[0].operation == "Apply"
        found = widgets.get(namespace=namespace, field_selector="spec.color=blue")
        assert [widget.metadata.name for widget in found.items] == ["one"]
        status: dict[str, Any] = {"metadata": {"name": "one"}, "status": {"phase": "New", "replicas": 1}}
        widgets.status.patch(body=status, namespace=namespace, content_type=MERGE)
        size: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"replicas": 3}}
        scale = widgets.scale.patch(body=size, namespace=namespace, content_type=MERGE)
        assert (scale.kind, scale.spec.replicas, scale.status.replicas) == ("Scale", 3, 1)
        events = widgets.watch(namespace=namespace, name="one", timeout=1)
        assert [(event["type"], event["object"].status.phase) for event in events] == [("ADDED", "New")]
        widgets.delete(name="one", namespace=namespace)
        with pytest.raises(NotFoundError):
            widgets.get(name="one", namespace=namespace)


@pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported")
async def test_kr8s(governed: ApiServer, group: str, gears: str, namespace: str) -> None:
    import kr8s.asyncio
    from kr8s.asyncio.objects import new_class

    api = await kr8s.asyncio.api(kubeconfig=str(kubeconfig(governed)), namespace=namespace)
    name = f"{gears}.{group}"
    assert "Gear" in {kind["kind"] for kind in await api.api_resources() if kind["version"] == f"{group}/v1"}
    gear_class = new_class(
        kind="Gear", version=f"{group}/v1", namespaced=True, scalable=True, scalable_spec="replicas"
    )
    gear = await gear_class(
        make_widget(group, "one", replicas=1) | {"kind": "Gear"}, namespace=namespace, api=api
    )
    await gear.create()
    assert await gear.exists()
    assert gear.spec.color == "red"
    await gear.patch({"spec": {"color": "blue"}})
    await gear.patch([{"op": "replace", "path": "/spec/size", "value": 6}], type="json")
    assert (gear.spec.color, gear.spec.size, gear.metadata.generation) == ("blue", 6, 3)
    await gear.label(tier="front")
    await gear.annotate({"note": "test"})
    (found,) = [item async for item in api.get(name, namespace=namespace, label_selector={"tier": "front"})]
    assert (found.kind, found.metadata.annotations["note"]) == ("Gear", "test")
    assert [item async for item in api.get(name, namespace=namespace, field_selector="spec.color=red")] == []
    await gear.patch({"status": {"phase": "New"}}, subresource="status")
    assert gear.status.phase == "New"
    timer = report_ready(governed, f"/apis/{group}/v1/namespaces/{namespace}/{gears}/one")
    await gear.wait(["condition=Ready"], timeout=20)
    timer.join()
    await gear.scale(3)
    assert gear.replicas == 3
    async with contextlib.aclosing(api.watch(name, namespace=namespace)) as events:
        kind, seen = await anext(events)
    assert (kind, seen.name, seen.raw["spec"]["replicas"]) == ("ADDED", "one", 3)
    await gear.delete()
    await gear.wait(["delete"], timeout=20)
    assert not await gear.exists()
    await api._session.aclose()


@pytest.fixture
def lightkube_client(governed: ApiServer, namespace: str) -> Iterator[Any]:
    from lightkube import Client, KubeConfig

    config = KubeConfig.from_file(str(kubeconfig(governed)))
    with Client(config=config, namespace=namespace, field_manager="test") as client:
        yield client


def test_lightkube(governed: ApiServer, group: str, namespace: str, lightkube_client: Any) -> None:
    from lightkube import ApiError
    from lightkube.generic_resource import create_namespaced_resource
    from lightkube.models.autoscaling_v1 import ScaleSpec
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.types import PatchType

    client = lightkube_client
    widget_class = create_namespaced_resource(group, "v1", "Widget", "widgets")
    widget = client.create(widget_class.from_dict(make_widget(group, "one")))
    assert widget.spec == {"size": 3, "color": "red"}
    with pytest.raises(ApiError) as refused:
        client.create(widget_class.from_dict(make_widget(group, "wrong", size=0)))
    assert (refused.value.status.code, refused.value.status.reason) == (422, "Invalid")
    widget.spec["size"] = 4
    assert client.replace(widget).metadata.generation == 2
    assert client.patch(
        widget_class, "one", {"spec": {"color": "blue"}}, patch_type=PatchType.MERGE
    ).spec == {
        "size": 4,
        "color": "blue",
    }
    applied = client.apply(widget_class.from_dict(make_widget(group, "two", parts=["a"])))
    assert applied.metadata.managedFields[0].operation == "Apply"
    with pytest.raises(ApiError) as conflict:
        client.apply(widget_class.from_dict(make_widget(group, "two", size=9)), field_manager="other")
    assert conflict.value.status.code == 409
    found = client.list(widget_class, fields={"spec.color": "blue"})
    assert [item.metadata.name for item in found] == ["one"]
    everywhere = client.list(widget_class, namespace="*", chunk_size=1)
    assert {"one", "two"} == {
        item.metadata.name for item in everywhere if item.metadata.namespace == namespace
    }
    status = widget_class.Status.from_dict(
        {
            "apiVersion": f"{group}/v1",
            "kind": "Widget",
            "metadata": {"name": "one"},
            "status": {"phase": "New"},
        }
    )
    client.patch(widget_class.Status, "one", status, patch_type=PatchType.MERGE)
    scale = widget_class.Scale(
        metadata=ObjectMeta(name="one", namespace=namespace), spec=ScaleSpec(replicas=3)
    )
    assert client.replace(scale).spec.replicas == 3
    timer = report_ready(governed, f"/apis/{group}/v1/namespaces/{namespace}/widgets/one")
    ready = client.wait(widget_class, "one", for_conditions=["Ready"])
    timer.join()
    assert (ready.status["phase"], ready.spec["replicas"]) == ("New", 3)
    with contextlib.closing(client.watch(widget_class, fields={"metadata.name": "one"})) as events:
        kind, seen = next(events)
    assert (kind, seen.metadata.name) == ("ADDED", "one")
    client.delete(widget_class, "one", cascade=None)
    with pytest.raises(ApiError) as missing:
        client.get(widget_class, "one")
    assert missing.value.status.code == 404
    client.deletecollection(widget_class)
    assert list(client.list(widget_class)) == []
