"""The generic store: what is kept, refused, tried again, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import UnavailableError
from kprov.kube.machinery.status import StatusError
from tests.builders.config_maps import build_config_map

DATA = {"k": "v"}


async def test_a_created_object_has_what_the_server_sets(config_maps: Store, context: RequestContext) -> None:
    made = await config_maps.create(
        context, "default", build_config_map("a", DATA, uid="mine", deletionTimestamp="x")
    )
    metadata = made["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["resourceVersion"] == "2"
    assert "deletionTimestamp" not in metadata
    assert metadata["managedFields"][0]["operation"] == "Update"
    assert await config_maps.get(context, "default", "a") == made


async def test_a_name_is_generated_again_when_it_is_taken(
    config_maps: Store, context: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["w-1", "w-1", "w-2"])
    monkeypatch.setattr("kprov.kube.apiserver.registry.generic.metadata.generate_name", lambda _: next(names))
    for expected in ("w-1", "w-2"):
        obj = {"metadata": {"generateName": "w-"}}
        made = await config_maps.create(context, "default", obj)
        assert made["metadata"]["name"] == expected


async def test_a_taken_name_with_generate_name_gets_the_error_of_name_generation(
    config_maps: Store, context: RequestContext
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    with pytest.raises(StatusError, match="not able to generate a unique name"):
        await config_maps.create(context, "default", build_config_map("a", DATA, generateName="w-"))


async def test_an_update_that_changes_nothing_in_an_old_copy_is_made_on_the_newest_object(
    config_maps: Store, context: RequestContext, storage: Any
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    await config_maps.get(context, "default", "a")
    key, stored = next((key, stored) for key, stored in storage.keys.items() if key.endswith("/a"))
    # Another server writes, and the cache has not heard of it yet.
    await storage.update(key, stored.value.replace(b'"v"', b'"w"'), expected=stored.revision)

    def set_v(old: dict[str, Any] | None) -> dict[str, Any]:
        assert old is not None
        return old | {"data": {"k": "v"}}

    updated, _ = await config_maps.update(context, "default", "a", set_v)
    assert b'"k":"v"' in storage.keys[key].value
    assert updated["metadata"]["resourceVersion"] == str(storage.keys[key].revision)


@pytest.mark.parametrize(
    ("obj", "code", "text"),
    [
        (build_config_map("a", DATA), 409, 'configmaps "a" already exists'),
        (build_config_map("A", DATA), 422, "a lowercase RFC 1123 subdomain must consist of"),
        (
            build_config_map("b", DATA, namespace="other"),
            400,
            "does not match the namespace sent on the request",
        ),
        (build_config_map("b", DATA, resourceVersion="7"), 400, "resourceVersion should not be set"),
        # Validation and admission come first.
        (
            build_config_map("B", DATA, resourceVersion="7"),
            422,
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (build_config_map("b", DATA, labels={"k": "-"}), 422, "metadata.labels"),
        ({"metadata": {}}, 422, "name or generateName is required"),
    ],
)
async def test_what_creation_refuses(
    config_maps: Store, context: RequestContext, obj: dict[str, Any], code: int, text: str
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    with pytest.raises(StatusError) as refused:
        await config_maps.create(context, "default", obj)
    assert refused.value.code == code
    assert text in refused.value.message


async def test_an_update_of_an_old_version_is_a_conflict(config_maps: Store, context: RequestContext) -> None:
    made = await config_maps.create(context, "default", build_config_map("a", DATA))
    await config_maps.update(context, "default", "a", lambda old: {**(old or {}), "data": {"k": "new"}})
    with pytest.raises(StatusError) as refused:
        await config_maps.update(context, "default", "a", lambda _: {**made, "data": {}})
    assert refused.value.reason == "Conflict"


async def test_an_update_through_an_old_cache_is_made_on_the_newest_object(
    config_maps: Store, context: RequestContext, storage: Any
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    await config_maps.catch_up()
    config_maps.cache.apply = lambda change: None  # type: ignore[method-assign]  # the cache stands still
    for key in ("one", "two"):
        obj, _ = await config_maps.update(
            context,
            "default",
            "a",
            lambda old, key=key: {**old, "data": {**old["data"], key: ""}},  # type: ignore[misc]
        )
    assert set(obj["data"]) == {"k", "one", "two"}


async def test_an_update_that_changes_nothing_writes_nothing(
    config_maps: Store, context: RequestContext, storage: Any
) -> None:
    made = await config_maps.create(context, "default", build_config_map("a", DATA))
    same, _ = await config_maps.update(context, "default", "a", lambda old: old or {})
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert storage.revision == 2


async def test_a_dry_run_keeps_nothing(config_maps: Store, context: RequestContext, storage: Any) -> None:
    context.dry_run = True
    made = await config_maps.create(context, "default", build_config_map("a", DATA))
    assert made["metadata"]["uid"]
    assert storage.keys == {}


async def test_a_finalizer_holds_a_deleted_object_until_it_is_removed(
    config_maps: Store, context: RequestContext, storage: Any
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA, finalizers=["example.com/hold"]))
    held, gone = await config_maps.delete(context, "default", "a")
    assert not gone
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0

    def release(old: dict[str, Any] | None) -> dict[str, Any]:
        assert old is not None
        old["metadata"].pop("finalizers")
        return old

    await config_maps.update(context, "default", "a", release)
    assert storage.keys == {}


async def test_deletion_asks_for_the_right_uid(config_maps: Store, context: RequestContext) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    with pytest.raises(StatusError) as refused:
        await config_maps.delete(context, "default", "a", DeleteOptions(uid="another"))
    assert refused.value.code == 409
    _, gone = await config_maps.delete(context, "default", "a")
    assert gone


@pytest.mark.parametrize(
    ("policy", "finalizer"),
    [("Orphan", "orphan"), ("Foreground", "foregroundDeletion"), ("Background", None)],
)
async def test_a_propagation_policy_is_left_to_the_garbage_collector(
    config_maps: Store, context: RequestContext, policy: str, finalizer: str | None
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    obj, gone = await config_maps.delete(context, "default", "a", DeleteOptions(propagation_policy=policy))
    assert gone is (finalizer is None)
    assert obj["metadata"].get("finalizers", [None]) == [finalizer]


async def test_listeners_hear_what_is_there_and_what_changes(
    config_maps: Store, context: RequestContext
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    await config_maps.catch_up()
    heard: list[tuple[str, str]] = []
    config_maps.lister.on_change(lambda type_, obj: heard.append((type_, obj["metadata"]["name"])))
    await config_maps.create(context, "default", build_config_map("b", DATA))
    await config_maps.delete(context, "default", "a")
    await config_maps.catch_up()
    assert heard == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_a_write_that_may_have_been_done_is_not_made_again(
    config_maps: Store, context: RequestContext, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await config_maps.create(context, "default", build_config_map("a", DATA))
    # The cache has it from here on.
    await config_maps.get(context, "default", "a")
    update = storage.update

    async def unheard(key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        await update(key, value, expected=expected, ttl=ttl)
        raise UnavailableError("etcdserver: request timed out", ambiguous=True)

    monkeypatch.setattr(storage, "update", unheard)

    def one_more(current: dict[str, Any] | None) -> dict[str, Any]:
        assert current is not None
        return current | {"data": {"k": current["data"]["k"] + "+"}}

    with pytest.raises(StatusError) as refused:
        await config_maps.update(context, "default", "a", one_more)
    assert (refused.value.code, refused.value.message) == (500, "etcdserver: request timed out")
    found = await config_maps.get(context, "default", "a")
    assert found["data"] == {"k": "v+"}
