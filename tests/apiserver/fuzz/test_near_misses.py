"""Requests that are nearly right: objects of the server with a change, protobuf with noise, watches, identities."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import strategies as st

from tests.apiserver.fuzz import mutations, oddities, protobuf, targets
from tests.apiserver.fuzz.test_requests import play
from tests.apiserver.fuzz.wire import Judge
from tests.apiserver.servers import ApiServer

Share = Callable[[float], int]

_TYPES: Final = {
    "PUT": "application/json", "POST": "application/json", "MERGE": "application/merge-patch+json",
    "STRATEGIC": "application/strategic-merge-patch+json", "APPLY": "application/apply-patch+yaml",
}  # fmt: skip
_IDENTITIES: Final = {
    "Impersonate-User": ["", "alice", "system:admin", "system:serviceaccount:a:b", "system:serviceaccount:::", "system:node:", "a" * 5_000, "\xff", "%00"],
    "Impersonate-Group": ["", "system:masters", "system:authenticated", "system:unauthenticated", "\xff", "a,b", "a" * 5_000],
    "Impersonate-Uid": ["", "1", "\xff"],
    "Impersonate-Extra-Scopes": ["", "a", "\xff"], "Impersonate-Extra-%2f%ff": ["x"], "Impersonate-Extra-": ["x"], "Impersonate-Extra-%zz": ["x"],
    "Impersonate-Unheard": ["x"], "X-Remote-User": ["admin"], "X-Remote-Group": ["system:masters"], "Authorization": ["", "Bearer", "Bearer alice-token",
    "Basic YTpi", "Bearer bob-token x", "Bearer \xff", "Bearer " + "e30." * 3, "bearer\talice-token", "Negotiate x"],
}  # fmt: skip
_WATCHES: Final = {
    "watch": ["1", "true", "0", "x"], "resourceVersion": ["", "0", "1", "x", "-1", "9" * 15, "9" * 25], "timeoutSeconds": ["1", "0", "-1", "x"],
    "sendInitialEvents": ["true", "false", "x"], "resourceVersionMatch": ["", "NotOlderThan", "Exact", "x"], "allowWatchBookmarks": ["true", "x"],
    "labelSelector": ["a", "a in (b", "!a", "a=b,,", "\x00"], "fieldSelector": ["metadata.name=fuzz", "spec.x=1", "metadata.name", "a!=b", "\\"],
    "continue": ["x", "e30"], "limit": ["1", "x"],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _filled(server: ApiServer) -> None:
    targets.fill(server)


def test_objects_with_a_change(server: ApiServer, judge: Judge, share: Share) -> None:
    found = {}
    for kind in targets.everything():
        answer = server.get(kind)
        if answer.status == 200:
            found[kind] = answer.json
    cases = st.tuples(
        st.sampled_from(sorted(found)),
        st.sampled_from(sorted(_TYPES)),
        mutations.changes,
        st.sampled_from(
            ["", "", "/status", "/scale", "/resize", "/approval", "/finalize", "/ephemeralcontainers"]
        ),
    )

    def each(case: Any) -> None:
        path, way, drawn, sub = case
        body = oddities.as_json(mutations.changed(found[path], drawn))
        headers = [("Content-Type", _TYPES[way])]
        query = "?dryRun=All&fieldManager=fuzz&force=true" if way == "APPLY" else "?dryRun=All"
        if way == "POST":
            path, sub = path.rpartition("/")[0], ""
        judge.play(way if way in {"PUT", "POST"} else "PATCH", f"{path}{sub}{query}", headers, body)

    assert len(found) > 30
    play(judge, share(0.08), cases, each)


def test_odd_protobuf(judge: Judge, share: Share) -> None:
    places = st.sampled_from(
        [
            ("POST", "/api/v1/namespaces/fuzz/configmaps"), ("PUT", "/api/v1/namespaces/fuzz/configmaps/fuzz"), ("POST", "/api/v1/namespaces/fuzz/pods"),
            ("POST", "/apis/apps/v1/namespaces/fuzz/deployments"), ("POST", "/apis/coordination.k8s.io/v1/namespaces/fuzz/leases"),
            ("DELETE", "/api/v1/namespaces/fuzz/configmaps/none"), ("POST", "/api/v1/namespaces/fuzz/pods/fuzz/eviction"), ("POST", "/api/v1/nodes"),
            ("PUT", "/apis/apps/v1/namespaces/fuzz/deployments/fuzz/scale"), ("PATCH", "/api/v1/namespaces/fuzz/configmaps/fuzz"),
        ]
    )  # fmt: skip

    def each(case: Any) -> None:
        (method, path), body = case
        judge.play(method, f"{path}?dryRun=All", [("Content-Type", protobuf.MEDIA_TYPE)], body)

    play(judge, share(0.05), st.tuples(places, protobuf.bodies), each)


def test_odd_watches(judge: Judge, share: Share) -> None:
    places = st.sampled_from(
        [
            *targets.COLLECTIONS,
            "/api/v1/watch/namespaces/fuzz/pods",
            "/api/v1/pods",
            "/apis/apps/v1/watch/deployments",
        ]
    )

    def each(case: Any) -> None:
        path, number, accept, upgrade = case
        chance = Random(number)
        query = "&".join(
            f"{name}={quote(chance.choice(_WATCHES[name]))}" for name in ["watch", *chance.sample(sorted(_WATCHES), 3)]
        )  # fmt: skip
        judge.play(
            "GET", f"{path}?{query}&timeoutSeconds=1", [("Accept", accept.encode("latin-1")), *upgrade]
        )

    upgrades = st.sampled_from(
        [(), (), (("Connection", "Upgrade"), ("Upgrade", "x")), (("Accept-Encoding", "gzip"),)]
    )
    play(judge, share(0.04), st.tuples(places, st.integers(0, 2**32), oddities.accepts, upgrades), each)


def test_odd_identities(judge: Judge, share: Share) -> None:
    pairs = st.sampled_from([(name, value) for name, values in _IDENTITIES.items() for value in values])

    def each(case: Any) -> None:
        path, headers = case
        encoded = [(name, value.encode("latin-1")) for name, value in headers]
        if path.endswith("reviews"):
            judge.play("POST", path, [*encoded, ("Content-Type", "application/json")], b"{}")
        else:
            judge.play("GET", path, encoded)

    places = st.sampled_from(
        ["/api/v1/namespaces/fuzz/pods?limit=1", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "/version", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"]
    )  # fmt: skip
    play(judge, share(0.03), st.tuples(places, st.lists(pairs, min_size=1, max_size=4)), each)
