"""How a namespace that is being deleted is emptied, and how long is waited for what keeps it."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from kprov.kube.client import WorkQueue
from tests.unit.kube.controller_manager.conftest import Refused

NAMESPACE: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}}


class Waits:
    """Seconds that were asked for; nobody waits for them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.failures: list[int] = []
        self._changed = asyncio.Event()

    def add_now(self, queue: WorkQueue[str], key: str, seconds: float) -> None:
        self.seconds.append(seconds)
        self.failures.append(queue.failures(key))
        self._changed.set()
        queue.add(key)

    async def until(self, count: int) -> list[float]:
        async with asyncio.timeout(10):
            while len(self.seconds) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seconds[:count]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    made = Waits()
    monkeypatch.setattr(WorkQueue, "add_after", lambda *arguments: made.add_now(*arguments))
    return made


async def create_claim(api: Any, **metadata: Any) -> None:
    await api.create("persistentvolumeclaims", {"metadata": {"name": "c", **metadata}}, "a")


def conditions(api: Any) -> dict[str, str]:
    found = api.get("namespaces", "a", "")["status"]["conditions"]
    return {each["type"]: each["status"] for each in found}


async def test_waits_grow_while_a_finalizer_keeps_the_namespace(api: Any, start: Any, waits: Waits) -> None:
    """The conditions that the controller writes itself shorten none of them."""
    await start("namespace-controller")
    await api.create("namespaces", NAMESPACE)
    await create_claim(api, finalizers=["kubernetes.io/pvc-protection"])
    await api.delete(("namespaces", "", "a"))
    assert await waits.until(8) == [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert conditions(api)["NamespaceFinalizersRemaining"] == "True"
    await api.change("persistentvolumeclaims", "c", {"metadata": {"finalizers": None}}, "a")
    await api.until(lambda: not api.list("namespaces", ""))


async def test_pods_are_waited_for_up_to_half_their_time(api: Any, start: Any, waits: Waits) -> None:
    await start("namespace-controller")
    await api.create("namespaces", NAMESPACE)
    graceful = {"name": "p", "finalizers": ["test/keep"], "deletionGracePeriodSeconds": 30}
    await api.create("pods", {"metadata": graceful, "spec": {}}, "a")
    await api.delete(("namespaces", "", "a"))
    assert await waits.until(8) == [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0]


async def test_refusals_are_failures_that_back_off(
    api: Any, start: Any, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = api._collection
    refusing = True

    async def refuse_claims(request: web.BaseRequest, plural: str, *more: Any) -> web.StreamResponse:
        if (
            refusing
            and plural == "persistentvolumeclaims"
            and request.path.startswith("/api/v1/namespaces/a/")
        ):
            raise Refused(403, "Forbidden")
        response: web.StreamResponse = await listed(request, plural, *more)
        return response

    monkeypatch.setattr(api, "_collection", refuse_claims)
    await start("namespace-controller")
    await api.create("namespaces", NAMESPACE)
    await create_claim(api)
    await api.delete(("namespaces", "", "a"))
    assert (await waits.until(5))[:5] == [0.2, 0.5, 1.0, 2.0, 4.0]
    assert waits.failures[:5] == [0, 1, 2, 3, 4]
    assert conditions(api)["NamespaceDeletionContentFailure"] == "True"
    refusing = False
    await api.until(lambda: not api.list("namespaces", ""))


@pytest.mark.parametrize(
    ("part", "refusal", "times"),
    [("finalize", web.HTTPConflict, 2), ("status", web.HTTPInternalServerError, 100)],
)
async def test_a_refusal_at_the_end_does_not_start_the_deletion_over(
    api: Any,
    start: Any,
    waits: Waits,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    refusal: type[web.HTTPException],
    times: int,
) -> None:
    update = api._update
    refusals = 0

    async def refuse(key: tuple[str, str, str], new: Any, asked: str) -> Any:
        nonlocal refusals
        if key[0] == "namespaces" and asked == part and refusals < times:
            refusals += 1
            raise refusal
        return await update(key, new, asked)

    monkeypatch.setattr(api, "_update", refuse)
    await start("namespace-controller")
    await api.create("namespaces", NAMESPACE)
    await create_claim(api)
    await api.delete(("namespaces", "", "a"))
    await api.until(lambda: not api.list("namespaces", ""))
    assert refusals
    assert waits.seconds == [0.2]
