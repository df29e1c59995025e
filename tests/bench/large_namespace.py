"""A namespace with thousands of objects of several kinds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

import orjson

from tests.apiserver.servers import ApiServer
from tests.bench.controller_state import make_pod_spec, store_model

LARGE: Final = "large"
_NAMESPACED: Final = f"namespaces/{LARGE}"
#: What is posted once, then copied: kind's path, folder in etcd, parts of all objects, body.
_KINDS: Final[tuple[tuple[str, str, float, dict[str, Any]], ...]] = (
    ("/api/v1", "configmaps", 0.4, {"data": {"key": "value" * 100}}),
    ("/api/v1", "secrets", 0.2, {"stringData": {"key": "value" * 20}}),
    ("/api/v1", "pods", 0.2, {"spec": make_pod_spec()}),
    ("/api/v1", "serviceaccounts", 0.1, {}),
    (
        "/apis/rbac.authorization.k8s.io/v1",
        "roles",
        0.1,
        {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    ),
)


def store_objects(server: ApiServer, count: int) -> None:
    """Create the namespace and write the objects to etcd."""
    answer = server.post("/api/v1/namespaces", {"metadata": {"name": LARGE}})
    if answer.status != 201:
        raise SystemExit(f"cannot create namespace {LARGE}: {answer.body.decode()}")
    values: dict[str, bytes] = {}
    for group, plural, part, body in _KINDS:
        folder = f"/registry/{plural}/{LARGE}"
        model = store_model(
            server, f"{group}/{_NAMESPACED}/{plural}", folder, {"metadata": {"name": "model"}, **body}
        )
        values |= {f"{folder}/{name}": data for name, data in _copy(model, int(count * part))}
    server.etcd.put_all(values)


def _copy(model: dict[str, Any], count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        obj = orjson.loads(orjson.dumps(model))
        name = f"m{number}"
        obj["metadata"] |= {"name": name, "uid": str(uuid.uuid4())}
        yield name, orjson.dumps(obj)
