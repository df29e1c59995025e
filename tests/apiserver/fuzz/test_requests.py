"""Requests that keep to HTTP and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.apiserver.fuzz import oddities, targets
from tests.apiserver.fuzz.seeds import GENERATED, SEED
from tests.apiserver.fuzz.wire import Judge
from tests.apiserver.servers import ApiServer

Share = Callable[[float], int]

#: What is made fast is played in every run.
_FEW: Final = 60

_places = st.sampled_from([*targets.COLLECTIONS, "/apis/batch/v1/namespaces/fuzz/jobs"])
_SUBRESOURCES: Final = (
    "/api/v1/namespaces/fuzz/pods/fuzz/binding", "/api/v1/namespaces/fuzz/pods/fuzz/eviction",
    "/api/v1/namespaces/fuzz/serviceaccounts/fuzz/token", "/apis/apps/v1/namespaces/fuzz/deployments/fuzz/scale",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "/apis/authentication.k8s.io/v1/tokenreviews",
    "/api/v1/namespaces/fuzz/pods/fuzz/resize", "/api/v1/namespaces/fuzz/pods/fuzz/ephemeralcontainers",
    "/apis/apps/v1/namespaces/fuzz/deployments/fuzz/status", "/api/v1/namespaces/fuzz/finalize",
)  # fmt: skip


def play(judge: Judge, count: int, parts: st.SearchStrategy[Any], each: Callable[[Any], None]) -> None:
    """`count` requests, or a few more, the same for the same seed."""

    @seed(SEED)
    @settings(GENERATED, max_examples=max(count, _FEW))
    @given(parts)
    def run(case: Any) -> None:
        each(case)

    run()


@pytest.fixture(autouse=True)
def _filled(server: ApiServer) -> None:
    targets.fill(server)


def test_odd_bodies(judge: Judge, share: Share) -> None:
    items = _places.map(lambda place: ("PUT", f"{place}/{targets.NAME}"))
    posts = (_places | st.sampled_from(_SUBRESOURCES)).map(lambda place: ("POST", place))
    puts = st.sampled_from(_SUBRESOURCES).map(lambda place: ("PUT", place))
    deletes = _places.map(lambda place: ("DELETE", f"{place}/none"))
    wholes = st.tuples(
        posts | items | puts | deletes, oddities.bodies, oddities.content_types, oddities.codings
    )

    def each(case: Any) -> None:
        (method, path), body, content_type, coding = case
        headers = [("Content-Type", content_type.encode("latin-1"))]
        if coding is not None:
            headers.append(("Content-Encoding", coding.encode()))
        judge.play(method, path, headers, oddities.coded(body, coding))

    play(judge, share(0.1), wholes, each)


def test_every_broken_body_by_itself(judge: Judge) -> None:
    place = targets.COLLECTIONS[0]
    for body in (*oddities.BROKEN, *oddities.HUGE):
        for content_type in ("application/json", "application/yaml"):
            judge.play("POST", place, [("Content-Type", content_type)], body)
    for body in (*oddities.BROKEN, oddities.HUGE[0]):
        for content_type in (
            "json-patch+json",
            "merge-patch+json",
            "strategic-merge-patch+json",
            "apply-patch+yaml",
        ):
            path = f"{place}/{targets.NAME}?dryRun=All"
            path += "&fieldManager=a" if "apply" in content_type else ""
            judge.play("PATCH", path, [("Content-Type", f"application/{content_type}")], body)


def test_odd_patches(judge: Judge, share: Share) -> None:
    items = _places.map(lambda place: f"{place}/{targets.NAME}") | st.sampled_from(_SUBRESOURCES)
    modes = st.sampled_from(
        ["", "&dryRun=All", "&fieldValidation=Strict", "&force=true", "&fieldValidation=Ignore"]
    )
    wholes = st.tuples(items, modes, oddities.patch_types, oddities.patches)

    def each(case: Any) -> None:
        path, mode, content_type, document = case
        manager = "fieldManager=fuzz" if "apply" in content_type else ""
        judge.play(
            "PATCH", f"{path}?{manager}{mode}", [("Content-Type", content_type)], oddities.as_json(document)
        )

    play(judge, share(0.1), wholes, each)


def test_odd_parameters(judge: Judge, share: Share) -> None:
    places = _places | _places.map(lambda place: f"{place}/{targets.NAME}")
    wholes = st.tuples(oddities.methods, places, oddities.queries, oddities.accepts)

    def each(case: Any) -> None:
        method, path, query, accept = case
        body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
        headers = [("Accept", accept.encode("latin-1")), ("Content-Type", "application/json")]
        judge.play(method, f"{path}?{query}", headers, body)

    play(judge, share(0.05), wholes, each)


def test_odd_paths(judge: Judge, share: Share) -> None:
    wholes = st.tuples(oddities.methods, oddities.paths, oddities.accepts)

    def each(case: Any) -> None:
        method, path, accept = case
        judge.play(method, path, [("Accept", accept.encode("latin-1"))])

    play(judge, share(0.03), wholes, each)


def test_objects_without_a_name(judge: Judge, server: ApiServer) -> None:
    groups = server.get("/apis").json["groups"]
    for version in ("api/v1", *(f"apis/{group['preferredVersion']['groupVersion']}" for group in groups)):
        for resource in server.get(f"/{version}").json["resources"]:
            if "create" in resource["verbs"] and "/" not in resource["name"]:
                scope = "/namespaces/fuzz" if resource["namespaced"] else ""
                path = f"/{version}{scope}/{resource['name']}?dryRun=All"
                for body in (
                    b"null",
                    b"{}",
                    b'{"spec":{"clusterIP":"1.1.1.1"}}',
                    b'{"spec":{}}',
                    b'{"spec":{},"metadata":{"generateName":"a"}}',
                ):
                    judge.play("POST", path, [("Content-Type", "application/json")], body)
