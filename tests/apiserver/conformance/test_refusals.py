"""Errors that quote what a client sent, and which of several errors comes first."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import ok
from tests.apiserver.servers import ApiServer

POD: JsonObject = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT: JsonObject = {
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {}}, "spec": POD["spec"]},
    },
}


def refused(server: ApiServer, method: str, path: str, body: JsonObject | None = None) -> tuple[int, str]:
    answer = server.ask(method, path, body)
    return answer.status, answer.json["message"]


def test_the_error_for_a_changed_ephemeral_container_has_a_diff(server: ApiServer, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    ok(server, "POST", pods, POD)
    path = f"{pods}/p/ephemeralcontainers"
    debugged = {**POD, "spec": {**POD["spec"], "ephemeralContainers": [{"name": "e", "image": "i"}]}}
    ok(server, "PUT", path, debugged)
    debugged["spec"]["ephemeralContainers"] = [{"name": "e", "image": "i", "command": []}]
    assert server.ask("PUT", path, debugged).status == 200
    debugged["spec"]["ephemeralContainers"] = [{"name": "e", "image": "other", "command": []}]
    status, text = refused(server, "PUT", path, debugged)
    assert status == 422
    assert text.endswith(
        'may not be changed\n@@ -1,5 +1,6 @@\n {\n- "image": "i",\n+ "command": [],\n+ "image": "other",\n'
        '  "imagePullPolicy": "Always",\n  "name": "e",\n  "resources": {},\n'
    )


def test_what_was_given_empty_is_shown_empty(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    status, text = refused(server, "POST", path, DEPLOYMENT)
    assert (status, "Invalid value: {}: `selector` does not match" in text) == (422, True)


@pytest.mark.parametrize(
    ("metadata", "status"), [({"name": "other"}, 422), ({"namespace": "other"}, 400), ({}, 404)]
)
def test_a_token_request_is_looked_at_before_its_account(
    server: ApiServer, namespace: str, metadata: JsonObject, status: int
) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/nobody/token"
    assert refused(server, "POST", path, {"metadata": metadata, "spec": {}})[0] == status


def test_a_null_in_a_secret_is_empty(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    assert ok(server, "POST", path, {"metadata": {"name": "s"}, "data": {"a": None}})["data"] == {"a": ""}


def test_an_applied_value_that_its_type_cannot_hold_is_refused(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/d?fieldManager=m"
    body = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1.5}}'
    answer = server.ask("PATCH", path, body.encode(), content_type="application/apply-patch+yaml")
    text = (
        "failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: unable to convert "
        "unstructured object to apps/v1, Kind=Deployment: cannot convert float64 to int32"
    )
    assert (answer.status, answer.json["message"]) == (400, text)


@pytest.mark.parametrize("number", ["18446744073709551616", "9223372036854775808", "-1e20", "1e300"])
@pytest.mark.parametrize(
    "fields",
    ['"metadata":{"name":"a","generateName":%s}', '"metadata":{"name":"a"},"data":%s', '"data":{"a":%s}'],
)
def test_an_applied_number_beyond_64_bits_is_refused(
    server: ApiServer, namespace: str, fields: str, number: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=t"
    body = f'{{"apiVersion":"v1","kind":"ConfigMap",{fields % number}}}'
    answer = server.ask("PATCH", path, body.encode(), content_type="application/apply-patch+yaml")
    assert answer.status == 400, answer.body


def test_a_proxy_to_a_service_without_endpoints_speaks_of_the_service(
    server: ApiServer, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/services/nothing/proxy/"
    assert refused(server, "GET", path) == (404, 'services "nothing" not found')


def test_invalid_log_options_are_reported_before_a_missing_pod(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/nothing/log"
    status, text = refused(server, "GET", f"{path}?sinceTime=x")
    assert (status, text.startswith('parsing time "x" as')) == (400, True)
    assert refused(server, "GET", path)[0] == 404
