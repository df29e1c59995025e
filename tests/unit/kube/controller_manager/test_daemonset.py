"""The daemon set controller over a server."""

from typing import Any

from kprov.kube.controller_manager.framework.controller_revisions import (
    POD_REVISION_LABEL,
    make_revision_patch,
)
from kprov.kube.machinery.go_text import go_json

READY = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}


def template(image: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": image}]}}


async def create_set(api: Any, image: str = "i:1") -> dict[str, Any]:
    spec = {
        "selector": {"matchLabels": {"app": "d"}},
        "template": template(image),
        "revisionHistoryLimit": 10,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
    }
    made: dict[str, Any] = await api.create("daemonsets", {"metadata": {"name": "d"}, "spec": spec})
    return made


def owned(ds: dict[str, Any], name: str, labels: dict[str, str], **metadata: Any) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": ds["metadata"]["uid"]}
    references = [{**owner, "controller": True}]
    return {
        "metadata": {"name": name, "labels": {"app": "d", **labels}, "ownerReferences": references} | metadata
    }


async def create_pod(api: Any, ds: dict[str, Any], node: str, digest: str, **metadata: Any) -> None:
    pod = owned(ds, f"pod-{node}", {POD_REVISION_LABEL: digest}, **metadata)
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
    await api.create("pods", pod | {"spec": spec, "status": READY})


def deletions(api: Any) -> list[str]:
    return [
        obj["metadata"]["name"]
        for _, _, kind, obj in api.log
        if kind == "pods" and obj["metadata"].get("deletionTimestamp")
    ]


async def test_a_set_that_has_not_seen_its_deletions_changes_nothing(api: Any, start: Any) -> None:
    """On a copy that stays behind, one pod is deleted; no other, and none is made, until its end is seen."""
    ds = await create_set(api)
    for node in "abc":
        await api.create("nodes", {"metadata": {"name": node}, "spec": {}})
        await create_pod(api, ds, node, "of-an-older-template", finalizers=["test/keep"])
    api.silent = lambda request: request.path == "/api/v1/pods"
    await start("daemonset-controller")
    await api.until(lambda: deletions(api))
    await api.create("nodes", {"metadata": {"name": "d"}, "spec": {}})
    status: dict[str, Any] = {}

    def counted() -> bool:
        status.update(api.get("daemonsets", "d").get("status") or {})
        return status.get("desiredNumberScheduled") == 4

    await api.until(counted)
    assert status["currentNumberScheduled"] == 3
    assert deletions(api) == ["pod-a"]
    assert len(api.list("pods")) == 3


async def test_a_failed_pod_is_replaced_and_again_after_its_back_off(api: Any, start: Any) -> None:
    await api.create("nodes", {"metadata": {"name": "a"}, "spec": {}})
    await start("daemonset-controller")
    await create_set(api)
    seen: set[str] = set()
    for _ in range(2):
        pod = await api.until(
            lambda: next((each for each in api.list("pods") if each["metadata"]["uid"] not in seen), None)
        )
        seen.add(pod["metadata"]["uid"])
        await api.change("pods", pod["metadata"]["name"], {"status": {"phase": "Failed"}})
    await api.until(lambda: all(each["metadata"]["uid"] not in seen for each in api.list("pods")))
    reasons = await api.until(lambda: [event["reason"] for event in api.list("events")])
    assert "FailedDaemonPod" in reasons


async def test_revisions_in_another_order_of_keys_are_merged_without_new_pods(api: Any, start: Any) -> None:
    """What was written before, or restored by another program: the same template is no update."""
    ds = await create_set(api)
    await api.create("nodes", {"metadata": {"name": "a"}, "spec": {}})
    await create_pod(api, ds, "a", "other")
    body = owned(ds, "d-other", {POD_REVISION_LABEL: "other"})
    unsorted = dict(reversed(make_revision_patch(template("i:1"))["spec"]["template"].items()))
    await api.create("controllerrevisions", body | {"data": {"spec": {"template": unsorted}}, "revision": 1})
    await start("daemonset-controller")
    await api.until(
        lambda: [each["metadata"]["name"] for each in api.list("controllerrevisions")] != ["d-other"]
    )
    await api.until(lambda: len(api.list("controllerrevisions")) == 1)
    revision = api.list("controllerrevisions")[0]
    assert go_json.dumps(revision["data"]).startswith(b'{"spec":{"template":{"$patch":"replace","metadata"')
    assert (
        api.get("pods", "pod-a")["metadata"]["labels"][POD_REVISION_LABEL]
        == revision["metadata"]["labels"][POD_REVISION_LABEL]
    )
    assert deletions(api) == []


async def test_a_name_that_another_template_has_counts_as_a_collision(api: Any, start: Any) -> None:
    await start("daemonset-controller")
    first = await create_set(api)
    await api.until(lambda: api.list("controllerrevisions"))
    name = api.list("controllerrevisions")[0]["metadata"]["name"]
    await api.delete(("daemonsets", "default", "d"))
    await api.delete(("controllerrevisions", "default", name))
    taken = owned(first, name, {POD_REVISION_LABEL: "x"}) | {"data": {"spec": {}}, "revision": 1}
    await api.create("controllerrevisions", taken)
    await create_set(api)
    await api.until(lambda: len(api.list("controllerrevisions")) == 2)
    assert api.get("daemonsets", "d")["status"]["collisionCount"] == 1
