"""Bodies that are none, or of another kind: refused in upstream's words."""

from __future__ import annotations

import json

import pytest

from tests.apiserver.servers import ApiServer

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
NO_KIND = "couldn't get version/kind; json parse error: "
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): "
STRUCT = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)
UNKNOWN = 'is registered for version "%s" in scheme "pkg/api/legacyscheme/scheme.go:30"'

#: Body and message of the 400, in JSON.
REFUSED = {
    b"": f"{UNRECOGNIZED}{NO_KIND}unexpected end of JSON input (<empty>)",
    b'{"a":': f'{UNRECOGNIZED}{NO_KIND}unexpected end of JSON input ({{"a":)',
    b"hello": f"{UNRECOGNIZED}{NO_KIND}invalid character 'h' looking for beginning of value (68656c6c6f)",
    b"[]": f"{UNRECOGNIZED}{NO_KIND}json: cannot unmarshal array into Go value of type {STRUCT} (5b5d)",
    b'{"kind":5}': UNRECOGNIZED
    + NO_KIND
    + 'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})',
    b'{"apiVersion":"a/b/c"}': UNRECOGNIZED
    + 'unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})',
    b'{"kind":"Pod"}': 'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to '
    "(core.ConfigMap): unknown conversion",
    b'{"kind":"Foo"}': 'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" '
    + UNKNOWN % "v1",
    b'{"apiVersion":"apps/v1"}': 'ConfigMap in version "v1" cannot be handled as a ConfigMap: no kind '
    '"ConfigMap" ' + UNKNOWN % "apps/v1",
}


@pytest.mark.parametrize(("body", "text"), REFUSED.items(), ids=[repr(each[:14]) for each in REFUSED])
def test_a_body_that_is_no_object_of_the_kind_is_refused(server: ApiServer, body: bytes, text: str) -> None:
    answer = server.post("/api/v1/namespaces/default/configmaps", body)
    assert (answer.status, answer.json["reason"], answer.json["message"]) == (400, "BadRequest", text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"a:\n\t- b", "yaml: line 2: found character that cannot start any token (613a0a092d2062)"),
        (b"a: [", "yaml: line 1: did not find expected node content (613a205b)"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"%c: &%c [%b]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefg"),
            "yaml: document contains excessive aliasing",
        ),
    ],
    ids=["tab", "open", "aliases"],
)
def test_yaml_that_is_none_is_refused(server: ApiServer, body: bytes, text: str) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    answer = server.post(path, body, content_type="application/yaml")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"].startswith(UNRECOGNIZED + text)


def test_of_several_documents_the_first_is_read_and_keys_become_text(
    server: ApiServer, namespace: str
) -> None:
    body = b"kind: ConfigMap\nmetadata: {name: a}\ndata: {yes: b, 5: !!some/tag c}\n---\nkind: Pod\n"
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = server.post(path, body, content_type="application/yaml")
    assert (answer.status, answer.json["data"]) == (201, {"true": "b", "5": "c"})


def test_bytes_that_are_no_text_are_replaced(server: ApiServer, namespace: str) -> None:
    body = json.dumps(CONFIG_MAP | {"data": {"a": "?"}}).encode().replace(b"?", b"\xff")
    answer = server.post(f"/api/v1/namespaces/{namespace}/configmaps", body)
    assert (answer.status, answer.json["data"]) == (201, {"a": "\ufffd"})


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; x", ";", "text/yaml", "text/json"])
def test_a_content_type_that_is_not_served_is_refused(server: ApiServer, content_type: str) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    answer = server.post(path, CONFIG_MAP, content_type=content_type)
    assert (answer.status, answer.json["reason"]) == (415, "UnsupportedMediaType")
    assert answer.json["message"] == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )
