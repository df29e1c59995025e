"""Lists in pieces."""

from __future__ import annotations

import asyncio

import pytest

from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from tests.apiserver.conformance.calls import ok
from tests.apiserver.servers import ApiServer, Etcd

COUNT = 40
PAGE = 17


@pytest.fixture
def path(server: ApiServer, namespace: str) -> str:
    """The collection of some pod templates."""
    found = f"/api/v1/namespaces/{namespace}/podtemplates"
    containers = [{"name": "test", "image": "test2"}]
    for number in range(COUNT):
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
        ok(server, "POST", found, {"metadata": {"name": f"template-{number:04}"}, "template": template})
    return found


@pytest.mark.entry("Servers with support for API chunking should return chunks of results for list calls")
def test_api_chunking_should_return_chunks_of_results_for_list_calls(server: ApiServer, path: str) -> None:
    token, version, names = "", "", []
    while True:
        listed = ok(server, "GET", f"{path}?limit={PAGE}&continue={token}")
        metadata = listed["metadata"]
        assert len(listed["items"]) <= PAGE
        assert version in {"", metadata["resourceVersion"]}
        version, token = metadata["resourceVersion"], metadata.get("continue", "")
        names += [each["metadata"]["name"] for each in listed["items"]]
        if not token:
            assert "remainingItemCount" not in metadata
            break
        assert metadata["remainingItemCount"] == COUNT - len(names)
    assert names == [f"template-{number:04}" for number in range(COUNT)]
    assert len(ok(server, "GET", f"{path}?limit={COUNT + 1}")["items"]) == COUNT


@pytest.mark.entry(
    "Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent"
)
def test_api_chunking_should_support_continue_listing_from_the_last_key_if_the_original_version_is_compacted(
    over_etcd: tuple[Etcd, ApiServer], server: ApiServer, path: str
) -> None:
    first = ok(server, "GET", f"{path}?limit={PAGE}")
    token = first["metadata"]["continue"]
    ok(server, "DELETE", f"{path}/template-0000")
    ok(server, "DELETE", f"{path}/template-0039")
    compact(over_etcd[0])
    expired = server.get(f"{path}?limit={PAGE}&continue={token}")
    assert (expired.status, expired.json["reason"]) == (410, "Expired")
    inconsistent = expired.json["metadata"]["continue"]
    found = ok(server, "GET", f"{path}?limit={PAGE}&continue={inconsistent}")
    assert found["items"][0]["metadata"]["name"] == f"template-{PAGE:04}"
    assert found["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    rest = ok(server, "GET", f"{path}?continue={found['metadata']['continue']}")
    assert len(found["items"]) + len(rest["items"]) == COUNT - PAGE - 1


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        # A full page is followed by another where anything stands behind it, whether it matches or not.
        ("labelSelector=n%3D1&limit=2", [["c1", "c4"], ["c7"]]),
        ("labelSelector=n%3D1&limit=3", [["c1", "c4", "c7"], []]),
        ("labelSelector=n%3D2&limit=3", [["c2", "c5", "c8"]]),
        ("labelSelector=n%3D2&limit=1", [["c2"], ["c5"], ["c8"]]),
        ("fieldSelector=metadata.name%3Dc1&limit=1", [["c1"]]),
        (
            "fieldSelector=metadata.name!%3Dc8&limit=4",
            [["c0", "c1", "c2", "c3"], ["c4", "c5", "c6", "c7"], []],
        ),
    ],
)
def test_pages_of_what_matches(server: ApiServer, namespace: str, query: str, pages: list[list[str]]) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(9):
        made = {"metadata": {"name": f"c{number}", "labels": {"n": str(number % 3)}}}
        ok(server, "POST", path, made)
    found: list[list[str]] = []
    token = ""
    while not found or token:
        listed = ok(server, "GET", f"{path}?{query}&continue={token}")
        found.append([each["metadata"]["name"] for each in listed["items"]])
        token = listed["metadata"].get("continue", "")
    assert found == pages


def compact(etcd: Etcd) -> None:
    async def done() -> None:
        storage = Etcd3(Client([etcd.url], TlsFiles()))
        try:
            await storage.compact(await storage.current_revision())
        finally:
            await storage.close()

    asyncio.run(done())
