"""What is known of a pod reaches the API server, whatever comes in between."""

import asyncio
from typing import Any

import pytest

from kprov.kube.client import RestClient
from kprov.kube.kubelet.status import manager as module
from kprov.kube.kubelet.status.manager import StatusManager
from tests.unit.kube.kubelet.kubelet_builders import pod

PATH = "/api/v1/namespaces/default/pods/p"
STATUS = {"phase": "Succeeded", "startTime": "2026-01-01T00:00:00Z"}


def ending() -> dict[str, Any]:
    found = pod()
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {**found, "status": dict(STATUS)}


async def until_deleted(server: Any) -> None:
    async with asyncio.timeout(5):
        while PATH in server.objects:  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0.01)


async def test_a_pod_that_ends_while_its_last_status_is_told_is_deleted(
    server: Any, client: RestClient
) -> None:
    """The end comes after the sender looked for work, and before its task is taken for ended."""
    server.put(PATH, ending())
    asked = False

    def current(uid: str) -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asyncio.get_running_loop().call_soon(statuses.finish, uid)
        asked = True
        found: dict[str, Any] = server.objects[PATH]
        return found

    statuses = StatusManager(client, current)
    statuses.set(ending(), dict(STATUS))
    await until_deleted(server)


@pytest.mark.parametrize("told", ["Succeeded", "another"], ids=["delete", "patch"])
async def test_a_conflict_is_tried_again(
    server: Any, client: RestClient, refuse: Any, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    server.put(PATH, ending())
    server.answers = [refuse(409, "Conflict")]
    statuses = StatusManager(client, lambda _: server.objects[PATH])
    statuses.set(ending(), {**STATUS, "phase": told})
    statuses.finish("u1")
    await until_deleted(server)


async def test_another_pod_of_the_same_name_is_left_alone(
    server: Any, client: RestClient, refuse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    other = ending()
    other["metadata"] = {**other["metadata"], "uid": "u2"}
    server.put(PATH, other)
    statuses = StatusManager(client, lambda _: ending())
    server.answers = [refuse(409, "Conflict")]
    statuses.set(ending(), {**STATUS, "message": "told"})
    statuses.finish("u1")
    await asyncio.sleep(0.2)
    assert [method for method, _, _ in server.requests].count("PATCH") == 1
    assert PATH in server.objects
    await statuses.close()
