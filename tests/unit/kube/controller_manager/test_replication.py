"""Replication controllers and their pods over a server."""

from typing import Any

import msgspec

from kprov.kube.controller_manager import options
from kprov.kube.controller_manager.framework.controller_ref_manager import parse_selector
from kprov.kube.controller_manager.replication import ReplicationController

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "i:1"}]},
}


def controller(replicas: int) -> dict[str, Any]:
    spec = {"replicas": replicas, "selector": {"app": "web"}, "template": TEMPLATE}
    return {"metadata": {"name": "web"}, "spec": spec}


async def until_it_says(api: Any, **status: Any) -> dict[str, Any]:
    def said() -> Any:
        found = api.get("replicationcontrollers", "web").get("status", {})
        return found if status.items() <= found.items() else None

    found: dict[str, Any] = await api.until(said)
    return found


def test_labels_are_read_as_a_selector_and_none_match_nothing() -> None:
    read = msgspec.json.Decoder(ReplicationController).decode
    one = read(b'{"spec": {"replicas": 0, "selector": {"app": "web"}}}')
    assert one.spec.replicas == 0
    assert parse_selector(one.spec.selector).matches({"app": "web", "more": "labels"})
    assert not parse_selector(one.spec.selector).matches({})
    assert not parse_selector(read(b'{"spec": {"selector": {}}}').spec.selector).matches({})


async def test_it_makes_as_many_pods_as_are_wanted_and_says_so(api: Any, start: Any) -> None:
    await start("replicationcontroller-controller")
    await api.create("replicationcontrollers", controller(2))
    status = await until_it_says(api, replicas=2, fullyLabeledReplicas=2, observedGeneration=1)
    assert "terminatingReplicas" not in status
    uid = api.get("replicationcontrollers", "web")["metadata"]["uid"]
    for pod in api.list("pods"):
        assert pod["metadata"]["name"].startswith("web-")
        assert pod["metadata"]["ownerReferences"] == [
            {
                "apiVersion": "v1",
                "kind": "ReplicationController",
                "name": "web",
                "uid": uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    await api.change("replicationcontrollers", "web", {"spec": {"replicas": 1}})
    await until_it_says(api, replicas=1, observedGeneration=2)
    assert len(api.list("pods")) == 1
    events = [(event["reason"], event["source"]["component"]) for event in api.list("events")]
    assert ("SuccessfulCreate", "replication-controller") in events


async def test_an_orphan_is_adopted_and_let_go_when_its_labels_change(api: Any, start: Any) -> None:
    await start("replicationcontroller-controller")
    orphan = {"metadata": {"name": "orphan", "labels": {"app": "web"}}, "spec": TEMPLATE["spec"]}
    await api.create("pods", orphan)
    await api.create("replicationcontrollers", controller(1))
    await until_it_says(api, replicas=1)
    owners = api.get("pods", "orphan")["metadata"]["ownerReferences"]
    assert [owner["kind"] for owner in owners] == ["ReplicationController"]
    await api.change("pods", "orphan", {"metadata": {"labels": {"app": "other"}}})
    await api.until(lambda: not api.get("pods", "orphan")["metadata"].get("ownerReferences"))
    await api.until(lambda: len(api.list("pods")) == 2)


async def test_a_replica_set_of_the_same_name_has_its_own_pods(api: Any, start: Any) -> None:
    await start("replicaset-controller", "replicationcontroller-controller")
    await api.create("replicationcontrollers", controller(1))
    template = {**TEMPLATE, "metadata": {"labels": {"app": "web", "of": "set"}}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"of": "set"}}, "template": template}
    await api.create("replicasets", {"metadata": {"name": "web"}, "spec": spec})
    await until_it_says(api, replicas=1)
    await api.until(lambda: api.get("replicasets", "web").get("status", {}).get("replicas") == 1)
    kinds = sorted(pod["metadata"]["ownerReferences"][0]["kind"] for pod in api.list("pods"))
    assert kinds == ["ReplicaSet", "ReplicationController"]


def test_the_flag_has_upstreams_two_spellings() -> None:
    for flag in ("--concurrent-rc-syncs=7", "--concurrent_rc_syncs=7"):
        assert options.parse([flag]).concurrent_rc_syncs == 7
