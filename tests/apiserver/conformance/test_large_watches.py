"""A watch that begins with more objects than the server holds back for a client."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

from tests.apiserver.conformance.calls import merge, ok, watching
from tests.apiserver.servers import ApiServer

_OBJECTS = 50
_LETTERS = 900_000


def store_config_maps(server: ApiServer, namespace: str) -> None:
    """Write them to etcd: 45 MB."""

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


def read_memory(server: ApiServer) -> int:
    """The resident memory of the server in bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.process}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_all_objects_come_first_and_then_the_changes_of_the_meantime(
    server: ApiServer, namespace: str
) -> None:
    store_config_maps(server, namespace)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    memory = read_memory(server)
    with watching(server, path, **query) as watch:
        # The client has read nothing yet. Others get their answers, and the changes follow the objects.
        merge(server, f"{path}/large-00", {"metadata": {"labels": {"changed": "yes"}}})
        ok(server, "DELETE", f"{path}/large-01")
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
    assert len(ok(server, "DELETE", path)["items"]) == _OBJECTS - 1
    assert not ok(server, "GET", path)["items"]
