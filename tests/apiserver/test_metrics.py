"""What /metrics counts, as what: compared with upstream's server over the same requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.apiserver.servers import ApiServer, Connection, running

MAPS = "/api/v1/namespaces/default/configmaps"
TOTAL = "apiserver_request_total"
DURATION = "apiserver_request_duration_seconds_count"
SLI = "apiserver_request_sli_duration_seconds_count"
SIZES = "apiserver_response_sizes_count"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    flags = ("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")
    with running(tmp_path_factory.mktemp("metrics"), *flags) as (_, found):
        yield found


def samples(server: ApiServer) -> list[tuple[str, frozenset[tuple[str, str]], float]]:
    text = server.get("/metrics").body.decode()
    return [
        (each.name, frozenset(each.labels.items()), each.value)
        for family in text_string_to_metric_families(text)
        for each in family.samples
    ]


class Counted:
    """What of a metric has become more within the block: counts by the values of some labels."""

    def __init__(self, server: ApiServer, *labels: str) -> None:
        self._server = server
        self._labels = labels

    def _read(self) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        for name, labels, value in samples(self._server):
            have = dict(labels)
            found[(name, *(have.get(label, "") for label in self._labels))] += int(value)
        return found

    def __enter__(self) -> Counted:
        self._before = self._read()
        return self

    def __exit__(self, *_: Any) -> None:
        self._more = self._read() - self._before

    def of(self, name: str) -> dict[tuple[str, ...], int]:
        return {key[1:]: count for key, count in self._more.items() if key[0] == name}


def test_no_series_stands_twice(server: ApiServer) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
    assert server.post("/api/v1/namespaces/default/pods", pod).status == 201
    path = "/api/v1/namespaces/default/pods/p/exec?command=x&stdout=1"
    with Counted(server, "verb", "subresource", "code") as counted:
        assert server.get(path).status == 400
        assert server.post(path, None).status == 400
    assert counted.of(TOTAL) == {("CONNECT", "exec", "400"): 2}
    series = Counter((name, labels) for name, labels, _ in samples(server))
    assert [each for each, count in series.items() if count > 1] == []


def test_what_does_not_come_to_its_handler_is_not_counted(server: ApiServer) -> None:
    with Counted(server, "resource", "code") as counted:
        assert server.get(MAPS, token="bad").status == 401
        assert server.get(MAPS, token="bob-token").status == 403
        assert server.get("/apis/nope/v1/foos").status == 404
        assert server.get("/nothing").status == 404
        assert server.get("/version").status == 200
        assert server.ask("HEAD", MAPS).status == 405
        assert server.ask("PATCH", f"{MAPS}/a", {}, content_type="text/plain").status == 415
        assert server.get(f"{MAPS}/nothing").status == 404
    assert counted.of(TOTAL) == {("configmaps", "404"): 1}
    assert counted.of(DURATION) == counted.of(SIZES) == {("configmaps", ""): 1}


def test_verbs_and_scopes_are_of_the_route(server: ApiServer) -> None:
    apply = "application/apply-patch+yaml"
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    with Counted(server, "verb", "scope", "dry_run") as counted:
        server.get(f"{MAPS}?fieldSelector=metadata.name%3Da")
        server.get("/api/v1/configmaps")
        server.ask("PATCH", f"{MAPS}/a?fieldManager=m", obj, content_type=apply)
        server.get(f"{MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da")
        server.get("/api/v1/watch/namespaces/default/configmaps/a?timeoutSeconds=1")
        server.post(f"{MAPS}?dryRun=Some", obj)
        server.ask("DELETE", f"{MAPS}?dryRun=All")
    told = {
        ("LIST", "namespace", ""): 1,
        ("LIST", "cluster", ""): 1,
        ("APPLY", "resource", ""): 1,
        ("WATCH", "namespace", ""): 1,
        ("WATCH", "resource", ""): 1,
        ("POST", "resource", "invalid"): 1,
        ("DELETE", "namespace", "All"): 1,
    }
    assert counted.of(TOTAL) == counted.of(DURATION) == told
    # Neither watches nor what only tries are part of what the service level is of.
    assert counted.of(SLI) == {key: 1 for key in told if not key[2] and key[0] != "WATCH"}


def test_paths_that_are_no_resources(server: ApiServer) -> None:
    with Counted(server, "subresource", "verb", "scope", "component") as counted:
        server.get("/healthz")
        server.get("/readyz/ping")
        server.get("/openapi/v3")
        server.get("/openapi/v3/api/v1")
        server.get("/apis")
        server.get(
            "/apis",
            headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"},
        )
    told = {
        ("/healthz", "GET", "", ""): 1,
        ("openapi/v3", "GET", "", ""): 1,
        ("openapi/v3/", "GET", "", ""): 1,
        ("apis", "GET", "", "apiserver"): 1,
    }
    assert counted.of(TOTAL) == counted.of(SLI) == counted.of(SIZES) == told


def test_a_log_is_a_connection(server: ApiServer) -> None:
    with Counted(server, "verb", "subresource", "scope") as counted:
        server.get("/api/v1/namespaces/default/pods/none/log")
    assert counted.of(TOTAL) == {("CONNECT", "log", "resource"): 1}


def test_the_build_and_the_size_of_the_database(server: ApiServer) -> None:
    found = {name: (dict(labels), value) for name, labels, value in samples(server)}
    version = server.get("/version").json
    labels, value = found["kubernetes_build_info"]
    assert value == 1
    assert labels == {
        "major": version["major"],
        "minor": version["minor"],
        "git_version": version["gitVersion"],
        "git_commit": version["gitCommit"],
        "git_tree_state": version["gitTreeState"],
        "build_date": version["buildDate"],
        "go_version": version["goVersion"],
        "compiler": version["compiler"],
        "platform": version["platform"],
    }
    labels, value = found["apiserver_storage_size_bytes"]
    assert labels == {"storage_cluster_id": "etcd-0"}
    assert value >= 16 * 1024


def test_changes_in_etcd_are_counted(server: ApiServer) -> None:
    with Counted(server, "group", "resource") as counted:
        server.post(MAPS, {"metadata": {"name": "changed"}})
        server.ask("PUT", f"{MAPS}/changed", {"metadata": {"name": "changed"}, "data": {"a": "b"}})
        server.ask("DELETE", f"{MAPS}/changed")
        # Its answer waits for all that is in etcd.
        server.get(MAPS)
    assert counted.of("apiserver_storage_events_received_total")["", "configmaps"] == 3


def test_watches_are_counted_with_their_bytes_whoever_ends_them(server: ApiServer) -> None:
    path = f"{MAPS}?watch=1"
    with Counted(server, "verb", "code") as counted, Counted(server, "verb", "le") as sizes:
        heard = server.get(f"{path}&timeoutSeconds=1").body
        server.get("/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1")
        connection = Connection(server.port, server.context(), 30)
        connection.request("GET", path, headers={"Authorization": "Bearer admin-token"})
        assert connection.getresponse().readline() in heard
        connection.close()
        # The server hears of that in its own time.
        deadline = time.monotonic() + 10
        while running_watches(server) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert counted.of(TOTAL) == {("WATCH", "200"): 3}
    # What watches by its path is none of these.
    assert sizes.of(SIZES) == {("WATCH", ""): 2}
    assert sizes.of("apiserver_response_sizes_sum") == {("WATCH", ""): 2 * len(heard)}


def running_watches(server: ApiServer) -> float:
    return sum(value for name, labels, value in samples(server) if name == "apiserver_longrunning_requests")


def test_the_duration_of_initial_events_is_measured_where_their_end_is_marked(server: ApiServer) -> None:
    path = f"{MAPS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    with Counted(server, "group", "version", "resource", "scope") as counted:
        server.get(f"{path}&allowWatchBookmarks=true")
        server.get(path)
        server.get(f"{MAPS}?watch=1&timeoutSeconds=1")
    assert counted.of("apiserver_watch_list_duration_seconds_count") == {
        ("", "v1", "configmaps", "namespace"): 1
    }
