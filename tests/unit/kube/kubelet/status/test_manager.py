"""The last status of a pod reaches the API server, and a deleted pod is removed from it."""

import asyncio
from typing import Any

import pytest

from kprov.kube.api.meta import PodUID
from kprov.kube.client import RestClient
from kprov.kube.kubelet.status import manager as module
from kprov.kube.kubelet.status.manager import StatusManager
from tests.unit.kube.kubelet.kubelet_builders import pod_document

PATH = "/api/v1/namespaces/default/pods/p"
STATUS = {"phase": "Succeeded", "startTime": "2026-01-01T00:00:00Z"}


def ending() -> dict[str, Any]:
    found = pod_document()
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {**found, "status": dict(STATUS)}


async def until_deleted(server: Any) -> None:
    async with asyncio.timeout(5):
        while PATH in server.objects:  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0)


async def test_a_pod_that_ends_while_its_last_status_is_sent_is_deleted(
    server: Any, client: RestClient
) -> None:
    """The pod ends after the sender looked for work and before its task is done."""
    server.put(PATH, ending())
    has_read = False

    def get_document(uid: PodUID) -> dict[str, Any]:
        nonlocal has_read
        if not has_read:
            asyncio.get_running_loop().call_soon(statuses.finish_pod, uid)
        has_read = True
        found: dict[str, Any] = server.objects[PATH]
        return found

    statuses = StatusManager(client, get_document)
    statuses.set_pod_status(PodUID("u1"), dict(STATUS), STATUS)
    await until_deleted(server)


@pytest.mark.parametrize("phase", ["Succeeded", "another"], ids=["delete", "patch"])
async def test_a_conflict_is_tried_again(
    server: Any, client: RestClient, refuse: Any, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    server.put(PATH, ending())
    server.answers = [refuse(409, "Conflict")]
    statuses = StatusManager(client, lambda _: server.objects[PATH])
    statuses.set_pod_status(PodUID("u1"), {**STATUS, "phase": phase}, STATUS)
    statuses.finish_pod(PodUID("u1"))
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
    statuses.set_pod_status(PodUID("u1"), {**STATUS, "message": "new"}, STATUS)
    statuses.finish_pod(PodUID("u1"))
    await statuses.close()
    assert [method for method, _, _ in server.requests].count("PATCH") == 1
    assert PATH in server.objects
