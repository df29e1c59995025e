"""Health by named checks, its record, and the metrics of stable names. Texts and names are upstream's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.apiserver.servers import ApiServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with running(tmp_path_factory.mktemp("health")) as (_, found):
        yield found


@pytest.mark.parametrize("base", ["healthz", "livez", "readyz"])
def test_what_is_done_at_start_is_part_of_every_kind_of_health(server: ApiServer, base: str) -> None:
    lines = server.get(f"/{base}?verbose").body.decode().splitlines()
    hooks = [line for line in lines if "poststarthook/" in line]
    assert "[+]poststarthook/rbac/bootstrap-roles ok" in hooks
    assert lines[-1] == f"{base} check passed"
    single = server.get(f"/{base}/poststarthook/rbac/bootstrap-roles")
    assert (single.status, single.body) == (200, b"ok")
    assert single.headers["Cache-Control"] == "no-cache, private"
    assert "X-Content-Type-Options" not in single.headers


def test_each_exclude_parameter_names_one_check(server: ApiServer) -> None:
    text = server.get("/livez?verbose&exclude=etcd&exclude=ping").body.decode()
    assert text.startswith("[+]ping excluded: ok\n[+]log ok\n[+]etcd excluded: ok\n")
    text = server.get("/livez?verbose&exclude=zz&exclude=etcd,ping&exclude=log").body.decode()
    assert text.startswith("[+]ping ok\n[+]log excluded: ok\n[+]etcd ok\n")
    assert 'warn: some health checks cannot be excluded: no matches for "etcd,ping","zz"\n' in text
    assert server.get("/livez?exclude=zz").body == b"ok"


def test_results_of_health_checks_are_recorded(server: ApiServer) -> None:
    server.get("/livez")
    text = server.get("/metrics/slis").body.decode()
    assert 'kubernetes_healthcheck{name="etcd",type="livez"} 1.0\n' in text
    assert re.search(r'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} \d', text)
    assert server.get("/metrics/slis", token="bob-token").status == 403


def test_stable_metrics_of_what_was_answered(server: ApiServer) -> None:
    path = "/api/v1/namespaces/default/endpoints"
    assert server.get(path).status == 200
    assert server.post(path, {"metadata": {"name": "a"}}).status == 201
    text = server.get("/metrics").body.decode()
    labels = 'component="apiserver",group="",resource="endpoints",scope="namespace",subresource="",verb="LIST",version="v1"'
    sizes = {
        name: float(value)
        for name, value in re.findall(rf"apiserver_response_sizes_(\w+){{{labels}}} (\S+)", text)
    }
    assert sizes["count"] >= 1
    assert sizes["sum"] > sizes["count"] * 50
    assert not re.search(r'apiserver_response_sizes_count{[^}]*verb="POST"', text)
    deprecated = (
        'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",'
        'version="v1"} 1.0'
    )
    assert deprecated in text


@pytest.mark.parametrize(("step", "rejected", "count"), [("admit", "false", 1), ("validate", "false", 1)])
def test_admission_is_timed(server: ApiServer, step: str, rejected: str, count: int) -> None:
    def read() -> tuple[float, float]:
        text = server.get("/metrics").body.decode()
        found = []
        for name in ("step_admission", "controller_admission"):
            own = r'name="\w+",' if name.startswith("controller") else ""
            lines = re.findall(
                rf'apiserver_admission_{name}_duration_seconds_count{{{own}operation="CREATE",'
                rf'rejected="{rejected}",type="{step}"}} (\S+)',
                text,
            )
            found.append(sum(map(float, lines)))
        return found[0], found[1]

    before = read()
    made = server.post("/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "a-"}})
    assert made.status == 201
    after = read()
    assert after[0] - before[0] == count
    assert after[1] > before[1]


def test_every_check_and_document_is_listed_at_the_root_and_what_is_listed_is_there(
    server: ApiServer,
) -> None:
    listed = server.get("/").json["paths"]
    assert listed == sorted(listed)
    assert {
        "/.well-known/openid-configuration",
        "/openid/v1/jwks",
        "/apis/",
        "/openapi/v3/",
        "/healthz",
        "/healthz/etcd",
        "/livez/ping",
        "/livez/poststarthook/rbac/bootstrap-roles",
        "/readyz/informer-sync",
        "/readyz/shutdown",
    } <= set(listed)
    assert "/livez/shutdown" not in listed
    # Below the other there are documents; it is none itself.
    assert {path for path in listed if server.get(path).status != 200} <= {"/openapi/v3/"}
