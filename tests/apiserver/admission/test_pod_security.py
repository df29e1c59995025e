"""Pod security by namespace labels: refusals, warnings and exemptions, in upstream's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.admission.conftest import Space
from tests.apiserver.servers import Answer, ApiServer, running
from tests.builders.pods import build_pod

PREFIX = "pod-security.kubernetes.io/"
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Without service accounts: no controller runs here."""
    flags = ("--disable-admission-plugins=ServiceAccount", "--allow-privileged")
    with running(tmp_path_factory.mktemp("server"), *flags) as (_, one):
        yield one


def labelled(server: ApiServer, name: str, **labels: str) -> Space:
    named = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    answer = server.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": named}})
    assert answer.status == 201, answer.body
    return Space(server, name)


def secured(name: str = "p", **context: Any) -> dict[str, Any]:
    made = build_pod(name)
    made["spec"]["containers"][0]["securityContext"] = context
    return made


def warnings(answer: Answer) -> str:
    return answer.headers.get("Warning", "")


def test_a_privileged_namespace_takes_everything(server: ApiServer) -> None:
    space = labelled(server, "free")
    answer = space.create("pods", build_pod(hostNetwork=True, hostPID=True))
    assert (answer.status, warnings(answer)) == (201, "")


def test_baseline_refuses_what_opens_the_host(server: ApiServer) -> None:
    space = labelled(server, "base", enforce="baseline", enforce_version="v1.30")
    volumes = [{"name": "root", "hostPath": {"path": "/"}}]
    answer = space.create("pods", build_pod(hostNetwork=True, volumes=volumes))
    assert answer.status == 403
    assert answer.json["message"] == (
        'pods "p" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true), '
        'hostPath volumes (volume "root")'
    )
    assert space.create("pods", build_pod()).status == 201


def test_restricted_wants_every_container_to_say_so(server: ApiServer) -> None:
    space = labelled(server, "strict", enforce="restricted")
    assert space.create("pods", build_pod()).json["message"] == (
        'pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
        '(container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities '
        '(container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
        'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must '
        'set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
    assert space.create("pods", secured(**RESTRICTED)).status == 201


def test_what_a_version_did_not_know_is_not_asked_for(server: ApiServer) -> None:
    space = labelled(server, "old", enforce="restricted", enforce_version="v1.7")
    assert "allowPrivilegeEscalation" not in space.create("pods", build_pod()).json["message"]


def test_workloads_are_warned_of_and_not_refused(server: ApiServer) -> None:
    space = labelled(server, "workloads", enforce="baseline")
    spec = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": build_pod(hostIPC=True)["spec"]},
    }
    answer = space.create("apps/v1/deployments", {"metadata": {"name": "d"}, "spec": spec})
    assert answer.status == 201
    text = 'would violate PodSecurity \\"baseline:latest\\": host namespaces (hostIPC=true)'
    assert warnings(answer) == f'299 - "{text}"'


def test_a_mode_of_its_own_only_warns(server: ApiServer) -> None:
    space = labelled(server, "warned", warn="restricted", warn_version="v1.25")
    answer = space.create("pods", build_pod())
    assert answer.status == 201
    assert 'would violate PodSecurity \\"restricted:v1.25\\": allowPrivilegeEscalation' in warnings(answer)


def test_labels_are_checked(server: ApiServer) -> None:
    labels = {PREFIX + "enforce": "lax", PREFIX + "warn-version": "2"}
    answer = server.post("/api/v1/namespaces", {"metadata": {"name": "bad", "labels": labels}})
    assert answer.status == 422
    assert answer.json["message"] == (
        'Namespace "bad" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "lax": '
        "must be one of privileged, baseline, restricted, "
        "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "
        '"2": must be "latest" or "v1.x"]'
    )


def test_a_stricter_level_names_the_pods_that_are_there(server: ApiServer) -> None:
    space = labelled(server, "stricter")
    for number in range(3):
        space.made("pods", secured(f"p{number}", privileged=True))
    change = {"metadata": {"labels": {PREFIX + "enforce": "baseline"}}}
    path = "/api/v1/namespaces/stricter"
    answer = server.ask("PATCH", path, change, content_type="application/merge-patch+json")
    assert answer.status == 200
    # The one before it says that existing pods violate the new level.
    assert warnings(answer) == '299 - "p0 (and 2 other pods): privileged"'


def test_an_update_that_brings_nothing_new_is_let_through(server: ApiServer) -> None:
    space = labelled(server, "updated")
    space.made("pods", secured(privileged=True))
    change = {"metadata": {"labels": {PREFIX + "enforce": "baseline"}}}
    path = "/api/v1/namespaces/updated"
    server.ask("PATCH", path, change, content_type="application/merge-patch+json")
    assert space.patch("pods", "p", {"metadata": {"labels": {"a": "b"}}}).status == 200
    pod_now = space.get("pods", "p")
    pod_now["spec"]["containers"][0]["image"] = "registry.example/other:2"
    answer = server.ask("PUT", space.path("pods", "p"), pod_now)
    assert answer.status == 403
    assert "violates PodSecurity" in answer.json["message"]


def test_defaults_and_exemptions_of_the_configuration(tmp_path: Path) -> None:
    configuration = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {"enforce": "baseline", "enforce-version": "v1.29"},
        "exemptions": {"usernames": ["alice"], "namespaces": ["exempt"], "runtimeClasses": ["sealed"]},
    }
    file = tmp_path / "admission.json"
    plugins = [{"name": "PodSecurity", "configuration": configuration}]
    document = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration"}
    file.write_text(json.dumps(document | {"plugins": plugins}))
    flags = (f"--admission-control-config-file={file}", "--authorization-mode=AlwaysAllow")
    with running(tmp_path, "--disable-admission-plugins=ServiceAccount,RuntimeClass", *flags) as (_, server):
        space = labelled(server, "some")
        refused = space.create("pods", build_pod(hostPID=True))
        assert 'violates PodSecurity "baseline:v1.29"' in refused.json["message"]
        assert space.create("pods", build_pod("a", hostPID=True), token="alice-token").status == 201
        assert space.create("pods", build_pod("b", hostPID=True, runtimeClassName="sealed")).status == 201
        labels = {PREFIX + "enforce": "restricted"}
        answer = server.post("/api/v1/namespaces", {"metadata": {"name": "exempt", "labels": labels}})
        assert warnings(answer) == (
            '299 - "namespace \\"exempt\\" is exempt from Pod Security, and the policy '
            '(enforce=restricted:v1.29) will be ignored"'
        )
        assert Space(server, "exempt").create("pods", build_pod(hostPID=True)).status == 201
