"""The bootstrap objects: made, kept, left alone and removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kprov.kube.apiserver.bootstrap import priority_and_fairness
from kprov.kube.apiserver.registry.flowcontrol import bootstrap_objects
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.status import StatusError


@pytest.fixture
async def made(registry: Registry) -> AsyncIterator[Registry]:
    done = asyncio.Event()
    task = asyncio.create_task(priority_and_fairness.run_producer(registry, done.set))
    await done.wait()
    yield registry
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def levels(registry: Registry) -> Store:
    return registry.store(bootstrap_objects.GROUP, bootstrap_objects.LEVELS)


def wanted(name: str) -> dict[str, Any]:
    return next(
        obj
        for kind, obj in bootstrap_objects.load_objects()
        if kind == bootstrap_objects.LEVELS and obj["metadata"]["name"] == name
    )


async def change(registry: Registry, name: str, shares: int, annotation: str | None = "true") -> None:
    store = levels(registry)

    def changed(old: dict[str, Any] | None) -> dict[str, Any]:
        assert old is not None
        old["spec"]["limited"]["nominalConcurrencyShares"] = shares
        annotations = {} if annotation is None else {bootstrap_objects.AUTOUPDATE_ANNOTATION: annotation}
        old["metadata"]["annotations"] = annotations
        return old

    await store.update(make_system_context("update", store.resource, "", name), "", name, changed)
    await store.catch_up()


async def shares(registry: Registry, name: str) -> tuple[int, str]:
    store = levels(registry)
    await priority_and_fairness.ensure(store, wanted(name))
    await store.catch_up()
    obj = store.lister.get("", name)
    assert obj is not None
    annotation = obj["metadata"]["annotations"][bootstrap_objects.AUTOUPDATE_ANNOTATION]
    return obj["spec"]["limited"]["nominalConcurrencyShares"], annotation


async def test_all_are_made_and_a_second_round_changes_nothing(made: Registry) -> None:
    store = levels(made)
    before = [obj["metadata"]["resourceVersion"] for obj in store.lister.list()]
    assert len(before) == 8
    for kind, obj in bootstrap_objects.load_objects():
        await priority_and_fairness.ensure(made.store(bootstrap_objects.GROUP, kind), obj)
    await store.catch_up()
    assert [obj["metadata"]["resourceVersion"] for obj in store.lister.list()] == before


def test_a_mandatory_one_of_another_version_is_put_right_whatever_its_annotation_says() -> None:
    wanted = next(
        obj for _, obj in bootstrap_objects.load_objects() if obj["metadata"]["name"] == "catch-all"
    )
    stored = {**wanted, "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 99}}}
    stored["metadata"] = {
        "name": "catch-all",
        "annotations": {bootstrap_objects.AUTOUPDATE_ANNOTATION: "false"},
    }
    revised = priority_and_fairness.revise(stored, wanted, is_mandatory=True)
    assert revised is not None
    assert revised["spec"] == wanted["spec"]
    assert revised["metadata"]["annotations"][bootstrap_objects.AUTOUPDATE_ANNOTATION] == "true"


async def test_a_mandatory_one_is_nobodys_to_change(made: Registry) -> None:
    with pytest.raises(StatusError, match="spec of 'catch-all' must equal the fixed value"):
        await change(made, "catch-all", 99, "false")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("true", (30, "true")), ("false", (99, "false")), (None, (99, "false")), ("what", (99, "false"))],
)
async def test_a_suggested_one_is_its_owners_once_the_owner_says_so_or_has_changed_it(
    made: Registry, annotation: str | None, expected: tuple[int, str]
) -> None:
    await change(made, "system", 99, annotation)
    assert await shares(made, "system") == expected


async def test_a_deleted_one_comes_back(made: Registry) -> None:
    store = levels(made)
    await store.delete(make_system_context("delete", store.resource, "", "system"), "", "system")
    await store.catch_up()
    assert await shares(made, "system") == (30, "true")
