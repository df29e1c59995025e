"""Heavy requests are executed by another process, with the same results."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.loop_budget import LIMIT_SECONDS, LoopBudget
from tests.apiserver.servers import ApiServer, running

_MAPS = "/api/v1/namespaces/default/configmaps"
_READY = "another process executes heavy requests"
_LARGE = "x" * 100_000
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "RequestResponse", "users": ["alice"]}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("heavy")
    (folder / "policy.json").write_text(json.dumps(_POLICY))
    flags = (f"--audit-policy-file={folder / 'policy.json'}", f"--audit-log-path={folder / 'audit.log'}")
    with running(folder, "--disable-admission-plugins=ServiceAccount", *flags) as (_, found):
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        binding = {
            "metadata": {"name": "a"},
            "roleRef": role,
            "subjects": [{"kind": "User", "name": "alice"}],
        }
        found.post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
        yield found


def begin_process(server: ApiServer, count: int = 1) -> None:
    """Send a heavy request, and wait until a process runs for the next ones."""
    server.post(f"{_MAPS}?dryRun=All", {"metadata": {"name": "first"}, "data": {"a": _LARGE}})
    eventually(lambda: server.log().count(_READY) >= count, seconds=60)


def read_ticks(process: int) -> int:
    """The CPU time of a process."""
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))


def test_results_are_those_of_the_first_process(server: ApiServer) -> None:
    begin_process(server)
    large = {"metadata": {"name": "large"}, "data": {"a": _LARGE}, "unknown": 1}
    made = server.post(_MAPS, large, headers={"User-Agent": "tool/1"})
    assert made.status == 201
    assert made.warnings == ('299 - "unknown field \\"unknown\\""',)
    assert made.json["metadata"]["managedFields"][0]["manager"] == "tool"
    assert "X-Kubernetes-Pf-Flowschema-Uid" in made.headers
    assert server.get(f"{_MAPS}/large").json == made.json
    assert server.post(_MAPS, large).json["reason"] == "AlreadyExists"
    wrong = server.post(_MAPS, large | {"metadata": {"name": "A"}})
    assert (wrong.status, wrong.json["reason"]) == (422, "Invalid")
    change = {"data": {"b": "small"}}
    changed = server.ask("PATCH", f"{_MAPS}/large", change, content_type="application/merge-patch+json")
    assert changed.json["data"]["b"] == "small"
    refused = server.ask("PUT", f"{_MAPS}/large", b"{" + b" " * 100_000, content_type="text/plain")
    assert refused.status == 415
    counted = 'code="409",component="apiserver",dry_run="",group="",resource="configmaps"'
    assert counted in server.get("/metrics").body.decode()


def test_a_user_has_the_rights_of_the_user_and_the_audit_event_both_bodies(server: ApiServer) -> None:
    begin_process(server)
    body = {"metadata": {"name": "audited"}, "data": {"a": _LARGE}}
    assert server.post(_MAPS, body, token="bob-token").status == 403
    assert server.post("/api/v1/namespaces/kube-system/configmaps", body, token="alice-token").status == 403
    assert server.post(_MAPS, body, token="alice-token").status == 201
    lines = (server.folder / "audit.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if '"audited"' in line]
    event = next(event for event in events if event["responseStatus"]["code"] == 201)
    assert event["requestObject"]["data"] == event["responseObject"]["data"] == {"a": _LARGE}
    assert event["user"]["username"] == "alice"


def test_the_first_process_spends_little_on_a_heavy_request(server: ApiServer) -> None:
    begin_process(server)
    variables = [{"name": f"A{number}", "value": "b"} for number in range(30_000)]
    spec = {"containers": [{"name": "c", "image": "i", "env": variables}]}
    (process,) = server.helpers()
    before = [read_ticks(number) for number in (server.process, process)]
    answer = server.post(
        "/api/v1/namespaces/default/pods?dryRun=All", {"metadata": {"name": "p"}, "spec": spec}
    )
    assert answer.status == 201
    own, other = (
        read_ticks(number) - ticks for number, ticks in zip((server.process, process), before, strict=True)
    )
    assert own < other / 4


def test_another_process_follows_one_that_was_killed(server: ApiServer) -> None:
    begin_process(server)
    count = server.log().count(_READY)
    (process,) = server.helpers()
    os.kill(process, signal.SIGKILL)
    eventually(lambda: process not in server.helpers())
    begin_process(server, count + 1)
    assert server.post(_MAPS, {"metadata": {"name": "after"}, "data": {"a": _LARGE}}).status == 201
    assert len(server.helpers()) == 1


def test_a_costly_schema_makes_small_objects_heavy(server: ApiServer) -> None:
    """An item of 4 bytes is checked against 200 branches."""
    begin_process(server)
    branches = [{"enum": [f"value-{number}"]} for number in range(200)]
    items = {"type": "string", "anyOf": branches}
    spec = {"type": "object", "properties": {"items": {"type": "array", "maxItems": 5000, "items": items}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    definition = {
        "metadata": {"name": "costs.heavy.example.com"},
        "spec": {
            "group": "heavy.example.com",
            "scope": "Namespaced",
            "names": {"plural": "costs", "singular": "cost", "kind": "Cost"},
            "versions": [version],
        },
    }
    made = server.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    assert made.status == 201, made.json
    path = "/apis/heavy.example.com/v1/namespaces/default/costs"
    eventually(lambda: server.get(path).status == 200)
    (helper,) = server.helpers()
    before = read_ticks(helper)
    budget = LoopBudget()
    budget.read_new_steps({server.folder / "apiserver.log"})
    body = {
        "apiVersion": "heavy.example.com/v1",
        "kind": "Cost",
        "metadata": {"name": "a"},
        "spec": {"items": ["nope"] * 4000},
    }
    refused = server.post(path, body)
    assert (refused.status, refused.json["reason"]) == (422, "Invalid")
    assert read_ticks(helper) - before > 10
    slow = budget.read_new_steps({server.folder / "apiserver.log"})
    assert [step for step in slow if step.seconds > LIMIT_SECONDS] == []
