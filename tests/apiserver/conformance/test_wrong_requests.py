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
UNKNOWN = 'is registered for version "%s"'

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


def test_a_patch_of_no_kind_that_is_served_is_refused(server: ApiServer) -> None:
    answer = server.ask("PATCH", "/api/v1/namespaces/default", {}, content_type="application/json")
    assert (answer.status, answer.json["message"]) == (415, "415: Unsupported Media Type")
    assert answer.json["details"] == {}


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; x", ";", "text/yaml", "text/json"])
def test_a_content_type_that_is_not_served_is_refused(server: ApiServer, content_type: str) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    answer = server.post(path, CONFIG_MAP, content_type=content_type)
    assert (answer.status, answer.json["reason"]) == (415, "UnsupportedMediaType")
    assert answer.json["message"] == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )


def test_a_body_of_a_deletion_hides_its_query(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert server.post(path, CONFIG_MAP).status == 201
    refused = server.ask("DELETE", f"{path}/a", {"gracePeriodSeconds": "x"})
    assert (refused.status, refused.json["message"]) == (
        400,
        "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
    )
    assert server.ask("DELETE", f"{path}/a?dryRun=All", {}).status == 200
    assert server.get(f"{path}/a").status == 404


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("dryRun=All&dryRun=x", 'dryRun: Unsupported value: ["All","x"]: supported values: "All"'),
        ("dryRun=", 'dryRun: Unsupported value: [""]: supported values: "All"'),
        (
            "fieldManager=a%0Ab",
            r'fieldManager: Invalid value: "a\nb": invalid character U+000A (at position 1)',
        ),
        (
            "fieldValidation=x",
            'fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
        ),
    ],
)
def test_wrong_options_of_a_patch_are_refused(
    server: ApiServer, namespace: str, query: str, text: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a?{query}"
    refused = server.ask("PATCH", path, {}, content_type="application/merge-patch+json")
    assert (refused.status, refused.json["message"]) == (
        422,
        f'PatchOptions.meta.k8s.io "" is invalid: {text}',
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"metadata": {"name": "a"}}, "invalid object type: /, Kind="),
        ({"apiVersion": "v1", "metadata": {"name": "a"}}, "invalid object type: /v1, Kind="),
        (CONFIG_MAP | {"kind": "Pod"}, "invalid object type: /v1, Kind=Pod"),
        (b"", "invalid object type: /, Kind="),
        (
            b"[]",
            (
                "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array "
                "into Go value of type map[string]interface {}"
            ),
        ),
        (
            b"{a: [",
            (
                "error decoding YAML: error converting YAML to JSON: yaml: line 1: did not find expected node "
                "content"
            ),
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap"},
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
        (
            CONFIG_MAP | {"metadata": None},
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
        (
            CONFIG_MAP | {"metadata": {"name": "a", "namespace": "other"}},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused(
    server: ApiServer, namespace: str, body: object, text: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=m"
    refused = server.ask("PATCH", path, body, content_type="application/apply-patch+yaml")
    assert (refused.status, refused.json["message"]) == (400, text)


def test_applying_asks_for_no_version_of_what_is_not_there(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=m"
    kind = "application/apply-patch+yaml"
    body = CONFIG_MAP | {"metadata": {"name": "a", "uid": "abc"}}
    refused = server.ask("PATCH", path, body, content_type=kind)
    assert (refused.status, refused.json["message"]) == (
        409,
        (
            'Operation cannot be fulfilled on configmaps "a": uid mismatch: the provided object specified uid abc, '
            "and no existing object was found"
        ),
    )
    body = CONFIG_MAP | {"metadata": {"name": "a", "resourceVersion": "5"}}
    assert server.ask("PATCH", path, body, content_type=kind).status == 201


@pytest.mark.parametrize(
    ("timeout", "text"),
    [
        ("1", 'missing unit in duration "1"'),
        ("x", 'invalid duration "x"'),
        ("1x", 'unknown unit "x" in duration "1x"'),
    ],
)
def test_a_timeout_that_is_no_duration_is_refused(server: ApiServer, timeout: str, text: str) -> None:
    refused = server.get(f"/api/v1/namespaces?timeout={timeout}")
    wanted = f"invalid timeout specified in the request URL - time: {text}"
    assert (refused.status, refused.json["message"]) == (400, wanted)


def test_versions_and_uids_of_what_is_not_there(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    body = {"metadata": {"name": "a", "resourceVersion": "7"}}
    refused = server.post(f"{path}/configmaps", body)
    assert refused.status == 400
    assert refused.json["message"] == "resourceVersion should not be set on objects to be created"
    assert server.ask("PUT", f"{path}/limitranges/a", body).status == 201
    refused = server.ask("PUT", f"{path}/limitranges/b", {"metadata": {"name": "b", "uid": "abc"}})
    assert (refused.status, "UID in precondition: abc" in refused.json["message"]) == (409, True)
    body["metadata"]["resourceVersion"] = "x"
    refused = server.ask("PUT", f"{path}/limitranges/a", body)
    assert (refused.status, refused.json["message"]) == (
        400,
        'strconv.ParseUint: parsing "x": invalid syntax',
    )


def test_a_count_below_zero_in_a_status_is_refused(server: ApiServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    assert server.post(path, {"metadata": {"name": "a"}, "spec": spec}).status == 201
    patch = {"status": {"replicas": -1}}
    kind = "application/merge-patch+json"
    refused = server.ask("PATCH", f"{path}/a/status", patch, content_type=kind)
    assert (refused.status, refused.json["reason"]) == (422, "Invalid")
    text = "status.updatedReplicas: Invalid value: 0: cannot be greater than status.replicas"
    assert text in refused.json["message"]
