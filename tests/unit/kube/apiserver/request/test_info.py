"""The RequestInfo of a path and a method."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.request import info


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/api/v1/pods", {}, ("list", "", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "1"}, ("watch", "", "", "pods", "", "")),
        ("GET", "/api/v1/pods", {"watch": "false"}, ("list", "", "", "pods", "", "")),
        ("GET", "/api/v1/namespaces/n/pods/p/log", {}, ("get", "", "n", "pods", "p", "log")),
        ("GET", "/api/v1/namespaces", {}, ("list", "", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/n", {}, ("get", "", "n", "namespaces", "n", "")),
        ("PUT", "/api/v1/namespaces/n/finalize", {}, ("update", "", "n", "namespaces", "n", "finalize")),
        (
            "POST",
            "/apis/apps/v1/namespaces/n/deployments",
            {},
            ("create", "apps", "n", "deployments", "", ""),
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/n/deployments",
            {},
            ("deletecollection", "apps", "n", "deployments", "", ""),
        ),
        ("PATCH", "/api/v1/nodes/n1/status", {}, ("patch", "", "", "nodes", "n1", "status")),
        (
            "GET",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
            {},
            ("get", "rbac.authorization.k8s.io", "", "clusterroles", "system:node", ""),
        ),
        ("GET", "/%61pi/v%31/n%61mespaces/%6e/pods/p%2Flog", {}, ("get", "", "n", "pods", "p", "log")),
        ("GET", "/%61pis/%61pps/v1/w%61tch/deployments", {}, ("watch", "apps", "", "deployments", "", "")),
        ("GET", "/api/v1/namespaces/n/pods/%2561", {}, ("get", "", "n", "pods", "%61", "")),
        ("GET", "/api/v1/namespaces/n/pods/p/pr%6fxy/a%2Fb", {}, ("get", "", "n", "pods", "p", "proxy")),
    ],
)
def test_a_resource_path_has_verb_group_namespace_and_name(
    method: str, path: str, query: dict[str, str], expected: tuple[str, ...]
) -> None:
    found, _ = info.parse(method, path, query)
    assert found.is_resource_request
    parts = (found.verb, found.api_group, found.namespace, found.resource, found.name, found.subresource)
    assert parts == expected


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/openapi/v3/api/v1"]
)
def test_other_paths_are_not_resource_requests(path: str) -> None:
    found, _ = info.parse("GET", path, {})
    assert not found.is_resource_request
    assert found.verb == "get"


def test_the_path_behind_a_proxy_is_returned() -> None:
    _, tail = info.parse("GET", "/api/v1/namespaces/n/services/s:80/proxy/a/b", {})
    assert tail == "/a/b"


def test_the_path_behind_a_proxy_stays_percent_encoded() -> None:
    found, tail = info.parse("GET", "/api/v1/namespaces/n/services/%73:80/proxy/a%2Fb%25/", {})
    assert (found.name, found.subresource, tail) == ("s:80", "proxy", "/a%2Fb%25/")
    assert found.path == "/api/v1/namespaces/n/services/s:80/proxy/a/b%/"
