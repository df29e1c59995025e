"""The post-start hooks of priority and fairness: create and correct its objects, write their status.

The hook always corrects mandatory objects. It corrects the others if their annotation
apf.kubernetes.io/autoupdate-spec is true, or if they have no annotation and nobody has changed them.
Source: pkg/registry/flowcontrol/ensurer.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kprov.kube.apiserver.registry.flowcontrol.bootstrap_objects import (
    AUTOUPDATE_ANNOTATION,
    GROUP,
    LEVELS,
    MANDATORY,
    SCHEMAS,
    load_objects,
)
from kprov.kube.apiserver.registry.generic.store import DeleteOptions, Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

_MANAGER: Final = "api-priority-and-fairness-config-producer-v1"
_STATUS_MANAGER: Final = "api-priority-and-fairness-config-consumer-v1"
_SECONDS: Final = 60.0
_STATUS_SECONDS: Final = 2.0
_TRUE: Final = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE: Final = {"0", "f", "F", "false", "FALSE", "False"}


async def run_producer(registry: Registry, done: Callable[[], None]) -> None:
    """Run the post-start hook priority-and-fairness-config-producer."""
    while True:
        for plural, wanted in load_objects():
            await ensure(registry.store(GROUP, plural), wanted)
        for plural in (SCHEMAS, LEVELS):
            await _remove_unwanted(registry.store(GROUP, plural), plural)
        done()
        await asyncio.sleep(_SECONDS)


async def ensure(store: Store, wanted: JsonObject) -> None:
    """Create the object, or correct it if the server owns its spec."""
    name = wanted["metadata"]["name"]
    await store.catch_up()
    current = store.lister.get("", name)
    try:
        if current is None:
            await store.create(_build_context("create", store, name), "", wanted)
            return
        revised = revise(current, wanted, is_mandatory=name in MANDATORY)
        if revised is not None:
            await store.update(
                _build_context("update", store, name), "", name, lambda _: copy.deepcopy(revised)
            )
    except StatusError as error:
        # Another client changed it at the same moment: the next round checks again.
        if error.code != 409:
            raise


def revise(current: JsonObject, wanted: JsonObject, *, is_mandatory: bool) -> JsonObject | None:
    """Return the corrected object; None if it is correct."""
    annotations = current["metadata"].get("annotations") or {}
    said = annotations.get(AUTOUPDATE_ANNOTATION)
    if is_mandatory or said in _TRUE:
        ours = True
    elif said in _FALSE:
        ours = False
    else:
        ours = current["metadata"].get("generation", 1) == 1
    told = said in (_TRUE if ours else _FALSE)
    spec_differs = ours and not _covers(current["spec"], wanted["spec"])
    if told and not spec_differs:
        return None
    revised = copy.deepcopy(current)
    if spec_differs:
        revised["spec"] = wanted["spec"]
    if not told:
        revised["metadata"]["annotations"] = annotations | {
            AUTOUPDATE_ANNOTATION: "true" if ours else "false"
        }
    return revised


def _covers(current: Any, wanted: Any) -> bool:
    """Whether they are equal apart from fields that defaults added."""
    if isinstance(wanted, dict):
        return isinstance(current, dict) and all(
            key in current and _covers(current[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(current, list)
            and len(current) == len(wanted)
            and all(_covers(have, want) for have, want in zip(current, wanted, strict=True))
        )
    return bool(current == wanted)


async def _remove_unwanted(store: Store, plural: str) -> None:
    """Delete objects of an older release that the server still owns."""
    names = {obj["metadata"]["name"] for kind, obj in load_objects() if kind == plural}
    for obj in store.lister.list():
        meta = obj["metadata"]
        if meta["name"] in names or (meta.get("annotations") or {}).get(AUTOUPDATE_ANNOTATION) not in _TRUE:
            continue
        options = DeleteOptions(uid=meta["uid"], resource_version=meta["resourceVersion"])
        try:
            await store.delete(_build_context("delete", store, meta["name"]), "", meta["name"], options)
        except StatusError as error:
            if error.code not in {404, 409}:
                raise


async def run_consumer(registry: Registry, done: Callable[[], None]) -> None:
    """Write the condition Dangling: the post-start hook priority-and-fairness-config-consumer."""
    store, levels = registry.store(GROUP, SCHEMAS), registry.store(GROUP, LEVELS)
    changed = asyncio.Event()
    store.lister.on_change(lambda *_: changed.set())
    levels.lister.on_change(lambda *_: changed.set())
    done()
    while True:
        await changed.wait()
        await asyncio.sleep(_STATUS_SECONDS)
        changed.clear()
        there = {obj["metadata"]["name"] for obj in levels.lister.list()}
        for obj in store.lister.list():
            try:
                await _write_status(store, obj, there)
            except StatusError as error:
                if error.code not in {404, 409}:
                    raise
                changed.set()


async def _write_status(store: Store, obj: JsonObject, levels: set[str]) -> None:
    level = obj["spec"]["priorityLevelConfiguration"]["name"]
    text = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    is_there = level in levels
    told = {
        "type": "Dangling",
        "status": "False" if is_there else "True",
        "reason": "Found" if is_there else "NotFound",
        "message": f"{text} and it exists" if is_there else f"{text} but there is no such object",
    }
    have = next(
        (c for c in (obj.get("status") or {}).get("conditions") or () if c["type"] == "Dangling"), None
    )
    if have is not None and all(have.get(key) == value for key, value in told.items()):
        return
    moment = timestamps.now()
    if have is not None and have["status"] == told["status"]:
        moment = have.get("lastTransitionTime") or moment

    def change(old: JsonObject | None) -> JsonObject:
        condition = told | {"lastTransitionTime": moment}
        applied = {
            "apiVersion": store.resource.api_version,
            "kind": store.resource.kind,
            "metadata": {"name": name},
            "status": {"conditions": [condition]},
        }
        return field_ownership.apply(
            old,
            applied,
            store.resource.gvk,
            manager=_STATUS_MANAGER,
            force=True,
            subresource="status",
            ignored=store.strategy.find_reset_fields("status"),
        )

    name = obj["metadata"]["name"]
    context = replace(_build_context("update", store, name), applied=True)
    await store.update(context, "", name, change, subresource="status")


def _build_context(verb: str, store: Store, name: str) -> RequestContext:
    context = make_system_context(verb, store.resource, "", name)
    context.field_manager = _MANAGER
    return context
