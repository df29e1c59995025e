"""What a request does depends on those before it: deletions under way, owners, what was made how."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import MERGE, merge, ok, watching
from tests.apiserver.servers import Answer, ApiServer
from tests.builders.config_maps import build_config_map
from tests.builders.pods import build_pod

APPLY = "application/apply-patch+yaml"
HELD: dict[str, Any] = {"finalizers": ["a.example/f"]}
LONG_AGO = "2026-01-01T00:00:00Z"


def workload(**spec: Any) -> JsonObject:
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}


def applied(server: ApiServer, item: str, obj: JsonObject, manager: str = "m", query: str = "") -> Answer:
    return server.ask("PATCH", f"{item}?fieldManager={manager}{query}", obj, content_type=APPLY)


def owners(obj: JsonObject) -> list[tuple[str, str]]:
    return [
        (each["manager"], each.get("subresource", "")) for each in obj["metadata"].get("managedFields", [])
    ]


def test_who_watches_sees_a_pod_end_before_it_is_gone(server: ApiServer, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    made = ok(server, "POST", pods, build_pod())["metadata"]
    with watching(server, pods, resourceVersion=made["resourceVersion"]) as watch:
        ok(server, "DELETE", f"{pods}/p")
        (first, ending), (second, gone) = watch.next(), watch.next()
    assert (first, second) == ("MODIFIED", "DELETED")
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 0
    assert ending["metadata"]["generation"] == gone["metadata"]["generation"] == 2
    assert int(made["resourceVersion"]) < int(ending["metadata"]["resourceVersion"])
    assert int(ending["metadata"]["resourceVersion"]) < int(gone["metadata"]["resourceVersion"])


def test_a_deletion_that_runs_is_only_made_shorter(server: ApiServer, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    ok(server, "POST", pods, build_pod(nodeName="n1", terminationGracePeriodSeconds=20))
    first = ok(server, "DELETE", f"{pods}/p")["metadata"]
    for options in (
        {},
        {"gracePeriodSeconds": 30},
        {"gracePeriodSeconds": 20, "propagationPolicy": "Orphan"},
    ):
        assert ok(server, "DELETE", f"{pods}/p", options)["metadata"] == first
    shorter = ok(server, "DELETE", f"{pods}/p", {"gracePeriodSeconds": 3, "propagationPolicy": "Orphan"})
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 3
    assert shorter["metadata"]["finalizers"] == ["orphan"]
    assert shorter["metadata"]["generation"] == first["generation"]


def test_a_foreground_deletion_returns_202_while_finalizers_remain(server: ApiServer, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    ok(server, "POST", maps, build_config_map("a", **HELD))
    assert server.ask("DELETE", f"{maps}/a", {"orphanDependents": False}).status == 202
    assert server.ask("DELETE", f"{maps}/a", {"propagationPolicy": "Background"}).status == 200
    ending = server.ask("DELETE", f"/api/v1/namespaces/{namespace}", {"orphanDependents": False})
    assert (ending.status, ending.json["metadata"]["finalizers"]) == (202, ["foregroundDeletion"])


def test_what_goes_at_once_is_shown_as_it_stood(server: ApiServer) -> None:
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    ok(server, "POST", classes, {"metadata": {"name": "going", "finalizers": ["orphan"]}, "provisioner": "p"})
    shown = server.ask("DELETE", f"{classes}/going", {"propagationPolicy": "Background"})
    assert (shown.status, shown.json["metadata"]["finalizers"]) == (200, ["orphan"])
    assert "deletionTimestamp" not in shown.json["metadata"]
    assert server.get(f"{classes}/going").status == 404


@pytest.mark.parametrize("policy", ["Orphan", "Foreground"])
def test_events_have_no_dependents(server: ApiServer, namespace: str, policy: str) -> None:
    events = f"/api/v1/namespaces/{namespace}/events"
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": namespace}}
    ok(server, "POST", events, event)
    assert ok(server, "DELETE", f"{events}/e", {"propagationPolicy": policy})["status"] == "Success"
    assert server.get(f"{events}/e").status == 404


def test_events_of_any_version_come_in_pages(server: ApiServer, namespace: str) -> None:
    for kind, body in (("events", {"involvedObject": {"namespace": namespace}}), ("configmaps", {})):
        for name in ("a", "b"):
            path = f"/api/v1/namespaces/{namespace}/{kind}"
            made = ok(server, "POST", path, {"metadata": {"name": name}, **body})
        ok(server, "GET", f"{path}?resourceVersion={made['metadata']['resourceVersion']}")
        listed = ok(server, "GET", f"{path}?resourceVersion=0&limit=1")
        assert len(listed["items"]) == (1 if kind == "events" else 2)
        assert bool(listed["metadata"].get("continue")) is (kind == "events")


def test_an_applied_object_may_be_on_its_way_out_from_the_start(server: ApiServer, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    ending: dict[str, Any] = {"deletionTimestamp": LONG_AGO, "deletionGracePeriodSeconds": 0}
    assert "deletionTimestamp" not in ok(server, "POST", maps, build_config_map("b", **ending))["metadata"]
    made = applied(server, f"{maps}/a", build_config_map("a", **ending))
    assert (made.status, made.json["metadata"]["deletionTimestamp"]) == (201, LONG_AGO)
    refused = server.post(maps, build_config_map("a", generateName="a-"))
    assert refused.json["message"].startswith('object is being deleted: configmaps "a" already exists, the')
    merge(server, f"{maps}/a", {})
    assert server.get(f"{maps}/a").status == 404


def test_times_of_a_deletion_have_owners_and_stay(server: ApiServer, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    ok(server, "POST", maps, build_config_map("a", **HELD))
    since = ok(server, "DELETE", f"{maps}/a")["metadata"]["deletionTimestamp"]
    changed = merge(server, f"{maps}/a?fieldManager=m", {"metadata": {"deletionTimestamp": LONG_AGO}})
    assert changed["metadata"]["deletionTimestamp"] == since
    fields = {each["manager"]: each["fieldsV1"] for each in changed["metadata"]["managedFields"]}
    assert fields["m"] == {"f:metadata": {"f:deletionTimestamp": {}}}
    grace = {"metadata": {"deletionGracePeriodSeconds": 5}}
    refused = server.ask("PATCH", f"{maps}/a", grace, content_type=MERGE)
    told = {cause["field"] for cause in refused.json["details"]["causes"]}
    assert (refused.status, told) == (422, {"metadata.deletionGracePeriodSeconds"})


def test_an_apply_of_nothing_owns_nothing(server: ApiServer, namespace: str) -> None:
    item = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/a"
    bare = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}}
    assert owners(applied(server, item, bare).json) == []


def test_a_dry_run_shows_what_would_not_be_stored(server: ApiServer, namespace: str) -> None:
    item = f"/api/v1/namespaces/{namespace}/configmaps/a"
    obj = build_config_map("a", resourceVersion="1", selfLink="x")
    shown = applied(server, item, obj, query="&dryRun=All").json["metadata"]
    assert (shown["resourceVersion"], shown.get("selfLink")) == ("1", "x")
    made = applied(server, item, obj).json["metadata"]
    assert (made["resourceVersion"] != "1", "selfLink" in made) == (True, False)


def test_what_is_left_in_a_namespace_that_is_gone_is_not_changed(server: ApiServer) -> None:
    item, maps = "/api/v1/namespaces/left", "/api/v1/namespaces/left/configmaps"
    ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": "left"}})
    ok(server, "POST", maps, build_config_map("a"))
    ok(server, "DELETE", item)
    merge(server, f"{maps}/a", {"data": {"k": "v"}})
    ok(server, "PUT", f"{item}/finalize", {"metadata": {"name": "left"}})
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"k": "w"}}
    refused = server.ask("PATCH", f"{maps}/a", stale, content_type=MERGE)
    assert (refused.status, refused.json["message"]) == (404, 'namespaces "left" not found')
    ok(server, "DELETE", f"{maps}/a")


def test_a_terminating_namespace_is_reported_in_the_requested_group(
    server: ApiServer, namespace: str
) -> None:
    ok(server, "DELETE", f"/api/v1/namespaces/{namespace}")
    event = {
        "metadata": {"name": "e"},
        "regarding": {"namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "action": "a",
        "reason": "r",
        "type": "Normal",
        "reportingController": "c/d",
        "reportingInstance": "i",
    }
    refused = server.post(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", event)
    assert (refused.status, refused.json["details"]["group"]) == (403, "events.k8s.io")


def test_an_event_of_either_group_is_one_kind(server: ApiServer, namespace: str) -> None:
    ok(
        server,
        "POST",
        f"/api/v1/namespaces/{namespace}/events",
        {"metadata": {"name": "e"}, "involvedObject": {"namespace": namespace}},
    )
    item = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e"
    refused = server.ask("DELETE", item, {"preconditions": {"resourceVersion": "1"}}).json
    assert (refused["code"], refused["details"]) == (409, {"name": "e", "kind": "Event"})
    refused = server.ask("PUT", item, {"metadata": {"name": "e", "uid": "u"}}).json
    assert (refused["code"], refused["details"]["group"]) == (409, "events.k8s.io")
    disowned = merge(server, item, {"metadata": {"managedFields": []}})
    assert owners(disowned) == []


@pytest.mark.parametrize("precondition", [{"uid": "u"}, {"resourceVersion": "1"}])
def test_preconditions_of_namespaces(server: ApiServer, namespace: str, precondition: JsonObject) -> None:
    answer = server.ask("DELETE", f"/api/v1/namespaces/{namespace}", {"preconditions": precondition})
    about = f'Operation cannot be fulfilled on namespaces "{namespace}": Precondition failed: '
    assert (answer.status, answer.json["details"]["kind"]) == (409, "namespaces")
    assert answer.json["message"].startswith(about)


def test_a_generated_namespaces_label_has_no_owner(server: ApiServer) -> None:
    made = ok(server, "POST", "/api/v1/namespaces", {"metadata": {"generateName": "made-"}})["metadata"]
    assert made["labels"] == {"kubernetes.io/metadata.name": made["name"]}
    assert "f:labels" not in made["managedFields"][0]["fieldsV1"].get("f:metadata", {})


def test_all_jobs_deleted_are_warned_of_as_one_is(server: ApiServer, namespace: str) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    assert len(server.ask("DELETE", jobs).warnings) == 1
    assert len(server.ask("DELETE", f"{jobs}/none").warnings) == 1
    assert server.ask("DELETE", jobs, {"propagationPolicy": "Background"}).warnings == ()


def test_a_jobs_status_brings_back_its_labels(server: ApiServer, namespace: str) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    sent = {"metadata": {"name": "a"}, "spec": {"template": template}}
    labels = ok(server, "POST", jobs, sent)["metadata"]["labels"]
    changed = ok(server, "PUT", f"{jobs}/a/status", {**sent, "status": {"active": 1}})
    assert changed["metadata"]["labels"] == labels


def test_who_scales_takes_the_replicas_from_who_had_them(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    ok(server, "POST", f"{path}?fieldManager=m", workload(replicas=1))
    merge(server, f"{path}/a/scale?fieldManager=s", {"spec": {"replicas": 2}})
    entries = ok(server, "GET", f"{path}/a")["metadata"]["managedFields"]
    assert sorted(owners({"metadata": {"managedFields": entries}})) == [("m", ""), ("s", "scale")]
    scaled = next(each for each in entries if each["manager"] == "s")
    assert (scaled["fieldsV1"], "time" in scaled) == ({"f:spec": {"f:replicas": {}}}, False)
    merge(server, f"{path}/a/scale?fieldManager=s", {"spec": {"replicas": 0}})
    assert owners(ok(server, "GET", f"{path}/a")) == [("m", "")]


def test_replicas_that_nobody_has_are_scaled_by_nobody(server: ApiServer, namespace: str) -> None:
    item = f"/apis/apps/v1/namespaces/{namespace}/deployments/a"
    applied(server, item, workload())
    merge(server, f"{item}/scale?fieldManager=s", {"spec": {"replicas": 2}})
    assert owners(ok(server, "GET", item)) == [("m", "")]


@pytest.mark.parametrize(("plural", "rows"), [("limitranges", None), ("configmaps", [])])
def test_an_empty_table_by_the_general_printer(
    server: ApiServer, namespace: str, plural: str, rows: Any
) -> None:
    form = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = server.get(f"/api/v1/namespaces/{namespace}/{plural}", headers=form).json
    assert table["rows"] == rows
