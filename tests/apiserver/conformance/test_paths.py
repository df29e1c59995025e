"""Paths that lack a part: nothing stands between two of their slashes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.servers import ApiServer

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
NO_NAME = (400, "name must be provided")
NO_NAMESPACE = (400, "Namespace parameter required.")
NO_PATH = (404, "the server could not find the requested resource")


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("GET", "/api/v1/nodes//status", None, NO_NAME),
        ("GET", "/api/v1/nodes//proxy/a", None, NO_NAME),
        ("GET", "/api/v1/namespaces/default/pods//log", None, NO_NAME),
        ("PUT", "/api/v1/namespaces//finalize", {}, NO_NAME),
        ("GET", "/api/v1/nodes/n1//proxy/a", None, NO_PATH),
        ("GET", "/api/v1/pods//status", None, NO_PATH),
        ("GET", "/api/v1/namespaces//nodes", None, NO_PATH),
        ("GET", "/api/v1/namespaces//pods/a", None, NO_NAMESPACE),
        ("PUT", "/api/v1/namespaces//configmaps/a", CONFIG_MAP, NO_NAMESPACE),
        ("DELETE", "/api/v1/namespaces//services", None, NO_NAMESPACE),
        ("POST", "/api/v1/namespaces//bindings", {"metadata": {"name": "p"}, "target": {"name": "n"}}, NO_NAMESPACE),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/namespaces//localsubjectaccessreviews",
            {"spec": {"user": "a", "resourceAttributes": {"verb": "get"}}},
            (400, "namespace is required on this type: "),
        ),
        (
            "POST",
            "/api/v1/namespaces//configmaps",
            CONFIG_MAP,
            (422, 'ConfigMap "a" is invalid: metadata.namespace: Required value'),
        ),
        ("POST", "/api/v1/configmaps", CONFIG_MAP, (405, "the server does not allow this method on the requested resource")),
    ],
)  # fmt: skip
def test_is_refused(server: ApiServer, method: str, path: str, body: Any, wanted: tuple[int, str]) -> None:
    answer = server.ask(method, path, body)
    assert (answer.status, answer.json["message"]) == wanted


def test_without_a_namespace_there_is_nothing_to_delete_where_nothing_is(server: ApiServer) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces//leases?labelSelector=none%3Dsuch"
    answer = server.ask("DELETE", path)
    assert (answer.status, answer.json["kind"], answer.json["items"]) == (200, "LeaseList", [])
