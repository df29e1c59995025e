"""/statusz and /flagz. Texts, codes and headers are upstream's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.apiserver.servers import ApiServer, running

ACCEPTED = "only the following media types are accepted: application/json, application/yaml, text/plain"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    flags = ("--event-ttl=90s", "--disable-admission-plugins=LimitRanger,PodSecurity")
    with running(tmp_path_factory.mktemp("zpages"), *flags) as (_, found):
        yield found


def accepting(kind: str, version: str, media_type: str = "application/json") -> dict[str, str]:
    return {"Accept": f"{media_type};v={version};g=config.k8s.io;as={kind}"}


@pytest.mark.parametrize("accept", ["", "text/plain", "*/*", "application/json,text/*"])
def test_people_get_text(server: ApiServer, accept: str) -> None:
    found = server.get("/statusz", headers={"Accept": accept})
    assert found.headers["Content-Type"] == "text/plain; charset=utf-8"
    begin, empty, rest = found.body.decode().partition("only.\n\n")
    assert begin.startswith(
        "\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable"
    )
    assert empty
    names = [line.partition(":")[0] for line in rest.splitlines()]
    assert names == ["Started", "Up", "Go version", "Binary version", "Emulation version", "Paths"]
    assert rest.endswith("Paths: /flagz /healthz /livez /metrics /readyz /statusz /version\n")


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_programs_name_what_they_want(server: ApiServer, version: str) -> None:
    found = server.get("/statusz", headers=accepting("Statusz", version))
    assert found.headers["Content-Type"] == f"application/json;g=config.k8s.io;v={version};as=Statusz"
    assert found.json["apiVersion"] == f"config.k8s.io/{version}"
    assert (found.json["binaryVersion"], found.json["emulationVersion"]) == ("1.36.0", "1.36")
    assert 0 <= found.json["uptimeSeconds"] < 600
    wanted = '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'
    assert found.warnings == ((wanted,) if version == "v1alpha1" else ())


def test_flags_are_listed_in_gos_form(server: ApiServer) -> None:
    found = server.get("/flagz", headers=accepting("Flagz", "v1beta1", "application/yaml"))
    assert found.headers["Content-Type"] == "application/yaml;g=config.k8s.io;v=v1beta1;as=Flagz"
    flags = yaml.safe_load(found.body)["flags"]
    assert flags["event-ttl"] == "1m30s"
    assert flags["disable-admission-plugins"] == "[LimitRanger,PodSecurity]"
    assert (flags["anonymous-auth"], flags["min-request-timeout"]) == ("true", "1800")
    assert "\nevent-ttl: 1m30s\n" in server.get("/flagz").body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "application/yaml"},
        accepting("Flagz", "v1beta1"),
        accepting("Statusz", "v1"),
        accepting("Statusz", "v1beta1", "text/plain"),
    ],
)
def test_other_forms_are_refused(server: ApiServer, headers: dict[str, str]) -> None:
    found = server.get("/statusz", headers=headers)
    assert found.status == 406
    assert ACCEPTED in " ".join(found.body.decode().split())


def test_only_some_may_read_them(server: ApiServer) -> None:
    for path in ("/statusz", "/flagz"):
        assert server.get(path, token="bob-token").status == 403
        assert server.get(f"{path}/x").status == 404
    assert {"/statusz", "/flagz"} <= set(server.get("/").json["paths"])
