"""Objects that the server stores but does not act on: the client and the log say so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.servers import ApiServer

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_WEBHOOK = {
    "name": "hook.example.com",
    "clientConfig": {"url": "https://127.0.0.1:1/hook"},
    "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "failurePolicy": "Ignore",
}
_MATCH = {
    "resourceRules": [
        {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}
    ]
}
_MUTATION = {
    "patchType": "ApplyConfiguration",
    "applyConfiguration": {"expression": "Object{}"},
}
_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "ValidatingWebhookConfiguration": (
        f"{_ADMISSION}/validatingwebhookconfigurations",
        {"metadata": {"name": "idle"}, "webhooks": [_WEBHOOK]},
    ),
    "MutatingWebhookConfiguration": (
        f"{_ADMISSION}/mutatingwebhookconfigurations",
        {"metadata": {"name": "idle"}, "webhooks": [_WEBHOOK]},
    ),
    "MutatingAdmissionPolicy": (
        f"{_ADMISSION}/mutatingadmissionpolicies",
        {
            "metadata": {"name": "idle.example.com"},
            "spec": {"matchConstraints": _MATCH, "mutations": [_MUTATION], "reinvocationPolicy": "Never"},
        },
    ),
    "MutatingAdmissionPolicyBinding": (
        f"{_ADMISSION}/mutatingadmissionpolicybindings",
        {"metadata": {"name": "idle.example.com"}, "spec": {"policyName": "idle.example.com"}},
    ),
    "APIService": (
        "/apis/apiregistration.k8s.io/v1/apiservices",
        {
            "metadata": {"name": "v1.metrics.example.com"},
            "spec": {
                "group": "metrics.example.com",
                "version": "v1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"namespace": "default", "name": "metrics"},
            },
        },
    ),
    "NetworkPolicy": (
        "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
        {"metadata": {"name": "deny"}, "spec": {"podSelector": {}}},
    ),
}


@pytest.mark.parametrize("kind", _CASES)
def test_a_kind_without_effect_is_stored_with_a_warning(server: ApiServer, kind: str) -> None:
    """At creation and at each update; reads and deletions have none."""
    path, obj = _CASES[kind]
    name = obj["metadata"]["name"]
    created = server.post(path, obj)
    assert created.status == 201, created.body
    assert [text for text in created.warnings if f"this {kind} has no effect" in text], created.warnings
    changed = server.ask(
        "PATCH",
        f"{path}/{name}",
        {"metadata": {"labels": {"a": "b"}}},
        content_type="application/merge-patch+json",
    )
    assert changed.status == 200, changed.body
    assert [text for text in changed.warnings if f"this {kind} has no effect" in text], changed.warnings
    assert not server.get(f"{path}/{name}").warnings
    assert not server.ask("DELETE", f"{path}/{name}").warnings
    assert f'{kind} "{name}" is stored but has no effect' in server.log()


def test_an_api_service_of_the_server_itself_has_no_such_warning(server: ApiServer) -> None:
    """It names no service: this server answers for its group."""
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    obj = {
        "metadata": {"name": "v1.local.example.com"},
        "spec": {
            "group": "local.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    created = server.post(path, obj)
    assert created.status == 201, created.body
    assert not created.warnings
    server.ask("DELETE", f"{path}/v1.local.example.com")


def test_a_service_of_type_load_balancer_is_warned_of_until_it_has_an_address(server: ApiServer) -> None:
    path = "/api/v1/namespaces/default/services"
    spec: dict[str, Any] = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    warning = "kprov does not support load balancers yet: this Service gets no external address"
    (text,) = server.post(path, {"metadata": {"name": "balanced"}, "spec": spec}).warnings
    assert warning in text
    address = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    merge = "application/merge-patch+json"
    assert server.ask("PATCH", f"{path}/balanced/status", address, content_type=merge).status == 200
    label = {"metadata": {"labels": {"a": "b"}}}
    assert not server.ask("PATCH", f"{path}/balanced", label, content_type=merge).warnings
    spec["loadBalancerClass"] = "example.com/other"
    assert not server.post(path, {"metadata": {"name": "classed"}, "spec": spec}).warnings
    for name in ("balanced", "classed"):
        assert server.ask("DELETE", f"{path}/{name}").status == 200
