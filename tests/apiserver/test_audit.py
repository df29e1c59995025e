"""The audit log: what is recorded of whom, at which stage, in which form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import Answer, ApiServer, Etcd, running

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/metrics"]},
        {
            "level": "RequestResponse",
            "resources": [{"group": "", "resources": ["configmaps"], "resourceNames": ["seen", ""]}],
            "omitManagedFields": True,
        },
        {
            "level": "RequestResponse",
            "resources": [{"group": "", "resources": ["configmaps"], "resourceNames": ["whole"]}],
        },
        {"level": "Request", "verbs": ["create"], "resources": [{"group": "", "resources": ["namespaces"]}]},
        {"level": "Request", "resources": [{"group": "authentication.k8s.io"}]},
        {"level": "None", "userGroups": ["developers"], "namespaces": ["default"]},
        {"level": "Metadata"},
    ],
}
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ApiServer]:
    policy = folder / "policy.yaml"
    policy.write_text(json.dumps(POLICY))
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}")
    with running(folder, *flags) as (_, started):
        yield started


def events(folder: Path, answer: Answer) -> list[dict[str, Any]]:
    """Those of an answer, by its Audit-Id."""
    lines = (folder / "audit.log").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["auditID"] == answer.headers["Audit-Id"]]


def test_a_write_is_recorded_with_both_objects_and_without_managed_fields(
    server: ApiServer, folder: Path
) -> None:
    made = server.post(MAPS, {"metadata": {"name": "seen"}, "data": {"a": "b"}})
    (event,) = events(folder, server.get(f"{MAPS}/seen"))
    assert event["responseObject"]["data"] == {"a": "b"}
    assert "managedFields" not in event["responseObject"]["metadata"]
    (event,) = events(folder, made)
    # The name stands in the body only, so the path's rule of resourceNames "" is the one that matched.
    assert event["level"] == "RequestResponse"
    assert event["stage"] == "ResponseComplete"
    assert event["verb"] == "create"
    assert event["requestURI"] == MAPS
    assert event["user"]["username"] == "admin"
    assert event["objectRef"] == {
        "resource": "configmaps", "namespace": "default", "name": "seen", "apiVersion": "v1",
    }  # fmt: skip
    assert event["requestObject"]["data"] == {"a": "b"}
    assert event["responseObject"]["metadata"]["uid"] == made.json["metadata"]["uid"]
    assert event["responseStatus"] == {"metadata": {}, "code": 201}
    assert event["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["stageTimestamp"])


def test_refusals_say_why(server: ApiServer, folder: Path) -> None:
    forbidden = server.get("/api/v1/namespaces/kube-system/secrets", token="alice-token")
    (event,) = events(folder, forbidden)
    assert event["annotations"] == {
        "authorization.k8s.io/decision": "forbid",
        "authorization.k8s.io/reason": "",
    }
    assert event["responseStatus"]["reason"] == "Forbidden"
    (event,) = events(folder, server.get("/version", token="nobody's"))
    assert event["responseStatus"]["code"] == 401
    assert event["stage"] == "ResponseStarted"
    assert event["user"] == {}


@pytest.mark.parametrize("query", ["", "?watch=1"])
def test_the_response_to_wrong_credentials_is_recorded(server: ApiServer, folder: Path, query: str) -> None:
    answer = server.get(f"{MAPS}{query}", token="nobody's")
    (event,) = events(folder, answer)
    assert event["responseObject"] == answer.json
    (event,) = events(folder, server.get("/version", token="nobody's"))
    assert "responseObject" not in event


def test_a_timeout_that_is_none_is_recorded_of_nobody(server: ApiServer, folder: Path) -> None:
    (event,) = events(folder, server.get(f"{MAPS}?timeout=x"))
    assert (event["user"], event["stage"], event["responseStatus"]["code"]) == ({}, "ResponseStarted", 400)


def test_rules_are_asked_in_order_and_none_is_silent(server: ApiServer, folder: Path) -> None:
    quiet = server.get("/api/v1/namespaces/default/pods", token="alice-token")
    assert events(folder, quiet) == []
    (event,) = events(folder, server.post("/api/v1/namespaces", {"metadata": {"name": "asked"}}))
    assert event["level"] == "Request"
    assert event["requestObject"]["metadata"]["name"] == "asked"
    assert "responseObject" not in event
    (event,) = events(folder, server.get("/api/v1/namespaces/asked"))
    assert event["level"] == "Metadata"
    assert "responseObject" not in event


def test_a_watch_is_recorded_when_it_begins_and_when_it_ends(server: ApiServer, folder: Path) -> None:
    watch = server.get("/api/v1/namespaces?watch=1&timeoutSeconds=1")
    # The end of a watch is sent before it is recorded.
    eventually(lambda: len(events(folder, watch)) > 1)
    assert [event["stage"] for event in events(folder, watch)] == ["ResponseStarted", "ResponseComplete"]


def test_impersonation_names_both_users_and_the_client_may_name_the_event(
    server: ApiServer, folder: Path
) -> None:
    headers = {"Impersonate-User": "carol", "Audit-ID": "of-the-client", "X-Forwarded-For": "192.0.2.7"}
    (event,) = events(folder, server.get("/api/v1/nodes", headers=headers))
    assert event["auditID"] == "of-the-client"
    assert event["user"]["username"] == "admin"
    assert event["impersonatedUser"] == {"username": "carol", "groups": ["system:authenticated"]}
    assert event["sourceIPs"] == ["192.0.2.7", "127.0.0.1"]


def test_headers_that_are_no_text_hide_nothing(server: ApiServer, folder: Path) -> None:
    headers = {"User-Agent": b"\xe9\xff/1".decode("latin1"), "Impersonate-User": b"\xff".decode("latin1")}
    (event,) = events(folder, server.get("/api/v1/nodes", headers=headers))
    assert event["userAgent"] == "\N{REPLACEMENT CHARACTER}" * 2 + "/1"
    assert event["impersonatedUser"]["username"] == "\N{REPLACEMENT CHARACTER}"
    body = {"metadata": {"name": "agent"}}
    made = server.post(MAPS, body, headers={"User-Agent": b"\xe9/1".decode("latin1")})
    assert made.status == 201


def test_events_are_counted(server: ApiServer) -> None:
    server.get("/version")
    text = server.get("/metrics").body.decode()
    for name in ("apiserver_audit_event_total", 'apiserver_audit_level_total{level="Metadata"}'):
        found = re.search(rf"^{re.escape(name)} (\S+)", text, re.MULTILINE)
        assert found is not None
        assert float(found[1]) > 0


def test_a_pretty_printed_response_is_recorded_on_one_line(server: ApiServer, folder: Path) -> None:
    server.post(MAPS, {"metadata": {"name": "whole"}})
    for query in ("", "?pretty=true"):
        answer = server.get(f"{MAPS}/whole{query}")
        (event,) = events(folder, answer)
        assert event["responseObject"] == answer.json


def test_a_full_log_is_put_aside_and_old_ones_go(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({**POLICY, "rules": [{"level": "RequestResponse"}]}))
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={tmp_path / 'logs/audit.log'}"]
    flags += ["--audit-log-maxsize=1", "--audit-log-maxbackup=2", "--audit-log-mode=batch"]
    with running(tmp_path, *flags) as (_, server):
        for number in range(12):
            data = {"a": "x" * 200_000}
            assert server.post(MAPS, {"metadata": {"name": f"m{number}"}, "data": data}).status == 201
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 3
    assert all(path.stat().st_size <= 1024 * 1024 for path in files)
    assert all(
        json.loads(line)["kind"] == "Event" for path in files for line in path.read_text().splitlines()
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--audit-webhook-config-file=/x"], "audit webhooks are not supported"),
        (["--audit-log-mode=never"], "invalid audit log mode never"),
        (["--audit-policy-file=POLICY", "--audit-log-path=-"], "rules[0].level: Unsupported value"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, flags: list[str], said: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(json.dumps({**POLICY, "rules": [{"level": "All"}, {"users": ["a"]}]}))
    etcd = Etcd(tmp_path)
    try:
        server = ApiServer(tmp_path, etcd, *(flag.replace("POLICY", str(policy)) for flag in flags))
        assert said in server.refused()
    finally:
        etcd.stop()


def test_an_object_that_does_not_say_its_kind_is_recorded_with_it(server: ApiServer, folder: Path) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    (event,) = events(folder, server.post(path, {}))
    assert event["requestObject"]["kind"] == "SelfSubjectReview"
    assert event["requestObject"]["apiVersion"] == "authentication.k8s.io/v1"


def test_a_privileged_pods_policy_and_a_deprecated_resource_are_annotated(
    server: ApiServer, folder: Path
) -> None:
    server.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    (event,) = events(folder, server.post("/api/v1/namespaces/default/pods", pod))
    enforced = event["annotations"]["pod-security.kubernetes.io/enforce-policy"]
    assert enforced == "privileged:latest"
    (event,) = events(folder, server.get("/api/v1/componentstatuses"))
    assert event["annotations"]["k8s.io/deprecated"] == "true"
