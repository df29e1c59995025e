"""Strategies for what no client should send: documents, bodies, patches, parameters, paths, headers."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, Final
from urllib.parse import quote

from hypothesis import strategies as st

DEPTH: Final = 10_000
_TOO_MUCH: Final = 3 * 1024 * 1024 + 1

words = st.sampled_from(
    ["", "a", "metadata", "spec", "name", "labels", "data", "containers", "status", "$patch", "$retainKeys",
     "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "kind", "apiVersion", "annotations",
     "managedFields", "finalizers", "ownerReferences", "ports", "template", "selector", "\x00", "é", "\ud800",
     "a" * 300]
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), words,
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(["9" * 400, "1e400", "-0", "1.5Gi", "v1", "Pod", "ConfigMap", "replace", "delete", "merge",
                     "2020-01-01T00:00:00Z", "fuzz"]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)


def _object(metadata: Any, spec: Any, more: Any) -> dict[str, Any]:
    return {**(more if isinstance(more, dict) else {}), "metadata": metadata, "spec": spec}


_names = st.just({"name": "fuzz"}) | st.just({"name": "fuzz", "namespace": "fuzz"})
objects = documents | st.builds(_object, _names | documents, documents, documents)
_operations = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "none"]) | documents,
        "path": st.sampled_from(
            ["", "/", "/metadata", "/metadata/labels/a", "/data/a", "/spec/containers/0", "/spec/containers/-",
             "/spec/containers/-1", "/spec/containers/99999999999999999999", "/metadata/~2", "metadata", "/kind",
             "/metadata/name", "/metadata/managedFields", "/spec/template/spec/containers/01"]
        ) | documents,
        "from": st.sampled_from(["", "/metadata", "/spec/containers/0", "x"]) | documents,
        "value": documents,
    },
)  # fmt: skip
patches = objects | st.lists(_operations, max_size=4)


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


BROKEN: Final = (
    b"", b" ", b"{", b"}", b"[", b'"', b"nul", b"{]", b'{"a":}', b'{"a" 1}', b'{"a":1,}', b"[1,]", b"\x00", b"{\x00}",
    b'{"a":"\x00"}', b'{"a":"\xff\xfe"}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"\\ud800":1}', b'{"a":"\\u"}',
    b'{"a":1e999}', b'{"a":-1e999}', b'{"a":' + b"9" * 5000 + b"}", b'{"a":0.' + b"1" * 5000 + b"}", b'{"a":01}', b"{}{}",
    b'{"a":NaN}', b'{"a":Infinity}', b"{} x", b'{"kind":1}', b'{"kind":"Pod","kind":"Pod"}', b'{"metadata":{},"metadata":[]}',
    b'{"metadata":{"name":"a","name":"b","name":{}}}', b"&a [*a]", b"a: &a [*a, *a]", b"? {a: b}\n: c", b"!!python/none x",
    b"a: b\n---\nc: d", b"\t\ta: b", b"a: 'x", b"%YAML 9.9\n---\n{}", b"<<: *x", b"{<<: {a: b}}", b"- - - - -", b"k8s\x00",
    b"k8s\x00\n\x04\n\x02v1\x12\x03Pod", b"k8s\x00" + b"\xff" * 50, b"k8s\x00\n" + b"\xff" * 10 + b"\x01", b"1", b"[]", b"null",
    b"true", b'"x"', b"0x10", b"!!binary x", b"2020-01-01", b"a: !!float x", b"a: !!int x", b"a: .nan", b"1: 2", b"null: 1",
    *(b'{"metadata":{"name":"deep"},"x":' + b'{"a":' * n + b"1" + b"}" * n + b"}" for n in (100, 260, 1000)),
    *(b'{"metadata":{"name":"deep","labels":' + b"[" * n + b"]" * n + b"}}" for n in (100, 260, 1000)),
    *(b'[{"op":"add","path":"/x","value":' + b"[" * n + b"]" * n + b"}]" for n in (100, 260, 1000)),
    b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, b"[" * DEPTH, b"[" * DEPTH + b"]" * DEPTH, b'{"metadata":' * DEPTH,
    b'{"spec":' + b"[" * DEPTH + b"]" * DEPTH + b"}", b"{metadata: " + b"[" * DEPTH, b"- " * DEPTH,
    b'{"metadata":{"annotations":{"a":"' + b"a" * 300_000 + b'"}}}', b'{"data":{"a":"' + b"a" * 1_500_000 + b'"}}',
)  # fmt: skip
HUGE: Final = (
    b" " * _TOO_MUCH, b'{"data":{"a":"' + b"a" * _TOO_MUCH + b'"}}', b"[" * _TOO_MUCH, b"a: " * (_TOO_MUCH // 3 + 1),
)  # fmt: skip


def _aliases(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


bodies = st.one_of(
    st.sampled_from([*BROKEN, _aliases(9)]),
    objects.map(as_json),
    objects.map(as_json).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])),
    st.binary(max_size=40),
    st.tuples(objects.map(as_json), st.binary(min_size=1, max_size=3), st.integers(0, 40)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    ),
)
content_types = st.sampled_from(
    ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/json; charset=utf-8",
     "text/plain", "", "x", "/", "application/json;;", "application/cbor", 'a/b; c="', "*/*", "multipart/form-data",
     "application/json, application/yaml", "application/merge-patch+json", "APPLICATION/JSON", "\xff"]
)  # fmt: skip
codings = st.sampled_from([None] * 8 + ["gzip", "deflate", "identity", "x", "gzip, gzip", ""])
patch_types = st.sampled_from(
    ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
     "application/apply-patch+yaml", "application/apply-patch+cbor"]
)  # fmt: skip
_numbers = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1",
        "00",
        "9" * 18,
        "9" * 19,
        "9" * 40,
        "1.5",
        "x",
        "0x1",
        "+1",
        "1e3",
        " 1",
        "\x00",
        "²",
    ]
)
_selectors = st.sampled_from(
    ["", "a", "a=b", "a!=b", "a in (b,c)", "a in", "a in ()", "!a", "!", ",", "a=b,", "a==b", "a>1", "a>x", "(", "metadata.name=a",
     "metadata.name=a,metadata.name=b", "x.y=z", "metadata.name\\=a", "=", "a=\x00", "é=é", "a" * 400, "a=b\\", "spec.nodeName!=",
     "status.phase=Running,", "a=" + "b" * 64, "a/b/c=d", "in in (in)", "a notin (b),!c", "((((((", "a\\,b=c"]
)  # fmt: skip
_flags = st.sampled_from(
    ["", "true", "false", "1", "0", "x", "TRUE", "\x00", "All", "Ignore", "Warn", "Strict"]
)
_PARAMETERS: Final = {
    "limit": _numbers, "resourceVersion": _numbers, "timeoutSeconds": _numbers, "gracePeriodSeconds": _numbers,
    "continue": st.sampled_from(["", "x", "e30", "e30=", "bnVsbA", "W10", "eyJ2IjoxfQ", "a" * 5000, "\x00",
                                 "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vLi4vYSJ9",
                                 "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6IngiLCJzdGFydCI6MX0"]),
    "resourceVersionMatch": st.sampled_from(["", "Exact", "NotOlderThan", "x"]),
    "fieldSelector": _selectors, "labelSelector": _selectors, "watch": st.sampled_from(["", "0", "1", "x"]),
    "allowWatchBookmarks": _flags, "sendInitialEvents": _flags, "dryRun": _flags, "force": _flags,
    "fieldManager": st.sampled_from(["", "a", "a" * 129, "\x00", "é", "a b"]), "fieldValidation": _flags, "pretty": _flags,
    "propagationPolicy": st.sampled_from(["", "Orphan", "Background", "Foreground", "x", "\x00"]),
    "orphanDependents": _flags, "includeObject": st.sampled_from(["", "None", "Object", "Metadata", "x"]),
    "timeout": st.sampled_from(["", "1s", "x", "-1s", "0", "9" * 30 + "h", "1h"]), "ignoreStoreReadErrorWithClusterBreakingPotential": _flags,
}  # fmt: skip
_pair = st.sampled_from(sorted(_PARAMETERS)).flatmap(lambda name: st.tuples(st.just(name), _PARAMETERS[name]))
_broken_pair = st.sampled_from(
    ["%", "%zz", "&&&", "=", "a=%ff", ";", "a;b", "%00=1", "limit", "watch&watch", "x=" + "y" * 9000]
)
queries = st.lists(
    _pair.map(lambda pair: f"{pair[0]}={quote(pair[1])}") | _broken_pair, min_size=1, max_size=5
).map("&".join)
_steps = st.sampled_from(
    ["api", "v1", "apis", "apps", "namespaces", "fuzz", "pods", "deployments", "scale", "status", "..", ".", "", "%2e%2e", "%2F", "%00",
     "%", "%zz", "%ff", "%C3%A9", "watch", "v2", "log", "eviction", "binding", "a" * 300, "configmaps", "openapi", "v3", "readyz", "livez",
     "etcd", "metrics", "version", "a:b", "a b".replace(" ", "%20"), "~", "%7e", ";a", "%0d%0a", "nodes", "proxy%00", "logs", "debug",
     ".well-known", "openid-configuration", "healthz", "ping", "rbac.authorization.k8s.io", "token", "finalize"]
)  # fmt: skip
paths = st.lists(_steps, max_size=8).map(lambda steps: "/" + "/".join(steps))
methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
accepts = st.sampled_from(
    ["", "*/*", "application/json", "application/yaml", "text/html", "x", "application/vnd.kubernetes.protobuf", "application/cbor",
     "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v9;g=meta.k8s.io", "application/json;as=x",
     "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/json;q=x", "application/json;q=0", ";", ",", ",,,", 'a/b;c="', "application/*",
     "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io", "application/json;profile=nopeer", "application/json;stream=watch",
     "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "\xff\xff", "a" * 9000]
)  # fmt: skip


def coded(body: bytes, coding: str | None) -> bytes:
    """A body packed as its Content-Encoding says, most of the time."""
    if coding == "gzip":
        return gzip.compress(body) if len(body) % 2 else body
    return zlib.compress(body) if coding == "deflate" else body
