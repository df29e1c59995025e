"""Watches and lists of many large objects need little memory of the server."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apiserver.conformance.calls import MERGE, merge, ok, settle, watching
from tests.apiserver.servers import ApiServer

_OBJECTS = 50
_LETTERS = 900_000


@pytest.fixture
def config_maps(server: ApiServer, namespace: str) -> Iterator[str]:
    """The path of config maps of 45 MB."""

    def encode(number: int) -> bytes:
        metadata = {
            "name": f"large-{number:02}",
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"k": "v" * _LETTERS}}
        return json.dumps(obj).encode()

    server.etcd.put_all(
        {f"/registry/configmaps/{namespace}/large-{number:02}": encode(number) for number in range(_OBJECTS)}
    )
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    yield path
    ok(server, "DELETE", path)
    for obj in ok(server, "GET", path)["items"]:
        settle(server, f"{path}/{obj['metadata']['name']}")


def read_memory(server: ApiServer, field: str = "VmRSS") -> int:
    """The memory of the server in bytes: the resident one, or its peak (VmHWM)."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{server.process}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_all_objects_come_first_and_then_the_changes_of_the_meantime(
    server: ApiServer, config_maps: str
) -> None:
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    memory = read_memory(server)
    with watching(server, config_maps, **query) as watch:
        # The client has read nothing yet. Others get their answers, and the changes follow the objects.
        merge(server, f"{config_maps}/large-00", {"metadata": {"labels": {"changed": "yes"}}})
        ok(server, "DELETE", f"{config_maps}/large-01")
        assert read_memory(server) - memory < _OBJECTS * _LETTERS
        added = [watch.next() for _ in range(_OBJECTS)]
        end, bookmark = watch.next()
        changes = [watch.next(), watch.next()]
    assert [(type_, obj["metadata"]["name"]) for type_, obj in added] == [
        ("ADDED", f"large-{number:02}") for number in range(_OBJECTS)
    ]
    assert not any("labels" in obj["metadata"] for _, obj in added)
    assert end == "BOOKMARK"
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert [(type_, obj["metadata"]["name"]) for type_, obj in changes] == [
        ("MODIFIED", "large-00"),
        ("DELETED", "large-01"),
    ]


def test_a_list_is_sent_in_pieces(server: ApiServer, config_maps: str) -> None:
    listed = ok(server, "GET", config_maps)
    for coding in ("identity", "gzip"):
        Path(f"/proc/{server.process}/clear_refs").write_text("5")
        memory = read_memory(server)
        answer = server.get(config_maps, headers={"Accept-Encoding": coding})
        assert read_memory(server, "VmHWM") - memory < _OBJECTS * _LETTERS / 2
        assert answer.headers["Transfer-Encoding"] == "chunked"
        body = gzip.decompress(answer.body) if coding == "gzip" else answer.body
        assert answer.headers.get("Content-Encoding", "identity") == coding
        # Others may write meanwhile: the revision of the list is another one then.
        assert json.loads(body)["items"] == listed["items"]
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    metadata = ok(server, "GET", config_maps, headers={"Accept": accept})
    assert (metadata["kind"], metadata["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [obj["metadata"] for obj in metadata["items"]] == [obj["metadata"] for obj in listed["items"]]
    assert [obj["metadata"]["name"] for obj in listed["items"]] == [
        f"large-{number:02}" for number in range(_OBJECTS)
    ]


def test_a_collection_is_deleted_whole(server: ApiServer, config_maps: str) -> None:
    ok(server, "PATCH", f"{config_maps}/large-07", {"metadata": {"finalizers": ["a/b"]}}, content_type=MERGE)
    assert len(ok(server, "DELETE", config_maps)["items"]) == _OBJECTS
    (remaining,) = ok(server, "GET", config_maps)["items"]
    assert remaining["metadata"]["name"] == "large-07"
    assert remaining["metadata"]["deletionTimestamp"]
