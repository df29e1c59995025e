"""Small patches that would cost seconds and gigabytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.servers import ApiServer

_MAPS = "/api/v1/namespaces/default/configmaps"
_JSON = "application/json-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def target(server: ApiServer) -> str:
    data = {f"k{number}": "v" for number in range(1_000)}
    path = f"{_MAPS}/target"
    server.post(_MAPS, {"metadata": {"name": "target"}, "data": data})
    return path


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "copy", "from": "/data", "path": f"/data/x{number}"} for number in range(30)], 422),
        (
            [
                {"op": "add", "path": "/z", "value": [0] * 500_000},
                *([{"op": "add", "path": "/z/0", "value": 1}] * 9_000),
            ],
            422,
        ),
        ([{"op": "test", "path": "/data/none", "value": None}] * 10_001, 413),
    ],
)
def test_a_json_patch_that_grows_is_refused(
    server: ApiServer, target: str, operations: list[dict[str, Any]], status: int
) -> None:
    before = server.get(target).json
    assert server.ask("PATCH", target, operations, content_type=_JSON).status == status
    assert server.get(target).json == before


def test_a_strategic_merge_patch_that_repeats_an_element_is_refused(server: ApiServer) -> None:
    variables = [{"name": f"V{number}", "value": "x"} for number in range(3_000)]
    pod = {
        "metadata": {"name": "patched"},
        "spec": {"containers": [{"name": "c", "image": "i", "env": variables}]},
    }
    path = "/api/v1/namespaces/default/pods"
    assert server.post(path, pod).status == 201
    change = {"name": "c", "env": [{"name": "X", "value": "y"}]}
    answer = server.ask(
        "PATCH", f"{path}/patched", {"spec": {"containers": [change] * 20_000}}, content_type=_STRATEGIC
    )
    assert (answer.status, answer.json["message"]) == (400, "the patch merges the same lists too often")
