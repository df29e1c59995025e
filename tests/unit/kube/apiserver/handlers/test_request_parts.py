"""Paths, Accept headers and query parameters taken apart."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kprov.kube.apiserver.handlers import delete_options, parameters
from kprov.kube.apiserver.handlers.continuation import Token
from kprov.kube.apiserver.registry.generic.delete_options import decode
from kprov.kube.apiserver.request import body, info, negotiation
from kprov.kube.machinery.status import StatusError


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
def test_a_resource_path(method: str, path: str, query: dict[str, str], expected: tuple[str, ...]) -> None:
    found, _ = info.parse(method, path, query)
    assert found.is_resource_request
    parts = (found.verb, found.api_group, found.namespace, found.resource, found.name, found.subresource)
    assert parts == expected


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/openapi/v3/api/v1"]
)
def test_other_paths_are_no_resource_requests(path: str) -> None:
    found, _ = info.parse("GET", path, {})
    assert not found.is_resource_request
    assert found.verb == "get"


def test_what_follows_a_proxy_is_kept() -> None:
    _, tail = info.parse("GET", "/api/v1/namespaces/n/services/s:80/proxy/a/b", {})
    assert tail == "/a/b"


def test_what_follows_a_proxy_goes_on_as_it_came() -> None:
    found, tail = info.parse("GET", "/api/v1/namespaces/n/services/%73:80/proxy/a%2Fb%25/", {})
    assert (found.name, found.subresource, tail) == ("s:80", "proxy", "/a%2Fb%25/")
    assert found.path == "/api/v1/namespaces/n/services/s:80/proxy/a/b%/"


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "media_type", "kind"),
    [
        ("", "application/json", ""),
        ("*/*", "application/json", ""),
        ("application/yaml", "application/yaml", ""),
        (f"{TABLE},application/json", "application/json", "Table"),
        ("application/vnd.kubernetes.protobuf,application/json", "application/json", ""),
        ("application/json;as=Unheard;v=v1;g=meta.k8s.io,application/json", "application/json", ""),
        ("application/json;q=0.1,application/yaml;q=0.9", "application/yaml", ""),
        ("*/*;q=0.9,application/yaml;q=0.8", "application/yaml", ""),
        ("application/json;stream=watch", "application/json", ""),
        ("application/json;as=Table,application/yaml", "application/yaml", ""),
        ("application/json;v=v1,application/yaml", "application/yaml", ""),
        (" application/yaml ; q=0.5", "application/yaml", ""),
    ],
)
def test_the_form_a_client_gets(accept: str, media_type: str, kind: str) -> None:
    form = negotiation.parse_accept(accept)
    assert (form.media_type, form.kind) == (media_type, kind)


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.kubernetes.protobuf",
        "application/*",
        "Application/JSON",
        "application/json/x",
        "application/json;as=Table",
        "application/json;v=v2",
        "application/json;stream=x",
        "application/yaml;stream=watch",
    ],
)
def test_a_form_that_there_is_none_of_is_not_acceptable(accept: str) -> None:
    with pytest.raises(StatusError) as refused:
        negotiation.parse_accept(accept)
    assert refused.value.code == 406


def test_of_a_list_there_are_also_its_events() -> None:
    with pytest.raises(StatusError) as refused:
        negotiation.parse_accept("image/png", is_list=True)
    assert str(refused.value).endswith(": application/json, application/yaml, application/json;stream=watch")


def test_beside_routes_a_media_type_may_be_any_of_its_kind() -> None:
    assert negotiation.parse_accept("application/*", is_routed=False) is negotiation.PLAIN


def list_options(verb: str, query: dict[str, str]) -> Any:
    path_query = {**query, **({"watch": "1"} if verb == "watch" else {})}
    request, _ = info.parse("GET", "/api/v1/namespaces/n/pods", path_query)
    return parameters.parse_list_options(request, path_query, None)


@pytest.mark.parametrize(
    ("verb", "query"),
    [
        ("list", {"resourceVersionMatch": "Exact"}),
        ("list", {"resourceVersionMatch": "Exact", "resourceVersion": "0"}),
        ("list", {"resourceVersionMatch": "Newest", "resourceVersion": "1"}),
        ("list", {"sendInitialEvents": "true"}),
        ("list", {"resourceVersion": "x"}),
        ("list", {"labelSelector": "a in"}),
        ("list", {"continue": "x"}),
        ("list", {"limit": "many"}),
        ("watch", {"sendInitialEvents": "true"}),
        ("watch", {"resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"}),
    ],
)
def test_parameters_that_do_not_go_together(verb: str, query: dict[str, str]) -> None:
    with pytest.raises(StatusError) as refused:
        list_options(verb, query)
    assert refused.value.code in {400, 422}


def test_a_watch_list_is_understood() -> None:
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    options = list_options("watch", query)
    assert options.send_initial_events
    assert options.bookmarks
    assert options.selection.namespace == "n"


def test_a_continue_token_survives_its_encoding() -> None:
    token = Token(7, "default/p1\0")
    assert Token.parse(token.encode()) == token


@pytest.mark.parametrize(("grace", "understood"), [(0, 0), (30, 30), (-1, 1), (None, None)])
def test_a_grace_period_below_zero_is_a_second(grace: int | None, understood: int | None) -> None:
    body = {} if grace is None else {"gracePeriodSeconds": grace}
    options, dry_run = decode(body)
    assert options.grace_period_seconds == understood
    assert not dry_run


def test_a_body_of_delete_options_hides_the_query() -> None:
    _, dry_run = delete_options.parse({"dryRun": "All"}, b"{}", "application/json")
    assert not dry_run


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            b'{"gracePeriodSeconds":"x"}',
            "string into Go struct field DeleteOptions.gracePeriodSeconds of type",
        ),
        (b'{"dryRun":"All"}', "string into Go struct field DeleteOptions.dryRun of type []string"),
        (b'{"kind":"Foo"}', 'no kind "Foo" is registered for version "v1" in scheme'),
        (b"[]", "cannot unmarshal array into Go value"),
        (b"{", "unexpected end of JSON input"),
    ],
)
def test_a_body_that_is_no_delete_options_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(StatusError, match=re.escape(text)) as refusal:
        delete_options.parse({}, body, "application/json")
    assert refusal.value.code == 400


def test_delete_options_come_from_the_query_when_there_is_no_body() -> None:
    query = {"propagationPolicy": "Orphan", "dryRun": "All"}
    options, dry_run = delete_options.parse(query, b"", "application/json")
    assert options.propagation_policy == "Orphan"
    assert dry_run


def test_an_eviction_may_come_in_its_old_version() -> None:
    evicted = {"kind": "Eviction", "apiVersion": "policy/v1beta1", "metadata": {"name": "p"}}
    found = body.apply_type_meta(dict(evicted), ("policy", "v1", "Eviction"))
    assert found["apiVersion"] == "policy/v1"
    with pytest.raises(StatusError):
        body.apply_type_meta(dict(evicted), ("policy", "v1", "PodDisruptionBudget"))
