"""Store the bootstrap RBAC policy at start: restore missing rules, keep additions.

Source: upstream pkg/registry/rbac/rest/storage_rbac.go and
component-helpers/auth/rbac/reconciliation.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.authz import bootstrap_policy, rule_coverage
from kprov.kube.apiserver.authz.bootstrap_policy import GROUP
from kprov.kube.apiserver.registry.generic.store import DeleteOptions
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

_TRIES: Final = 5


async def run(registry: Registry, done: Callable[[], None]) -> None:
    """Run the post-start hook rbac/bootstrap-roles."""
    # Reading the YAML takes longer than a step of the loop may.
    for plural, namespace, wanted in await asyncio.to_thread(bootstrap_policy.load_policy):
        await _reconcile(registry, plural, namespace, wanted)
    done()


async def _reconcile(registry: Registry, plural: str, namespace: str, wanted: JsonObject) -> None:
    store = registry.store(GROUP, plural)
    name = wanted["metadata"]["name"]
    for _ in range(_TRIES):
        current = store.lister.get(namespace, name)
        try:
            if current is not None and _binds_another(current, wanted):
                # The roleRef of a binding is immutable, so the binding is created again.
                options = DeleteOptions(uid=current["metadata"]["uid"])
                context = make_system_context("delete", store.resource, namespace, name)
                await store.delete(context, namespace, name, options)
                current = None
            if current is None:
                await store.create(
                    make_system_context("create", store.resource, namespace, name),
                    namespace,
                    copy.deepcopy(wanted),
                )
            elif merge(current, wanted):
                context = make_system_context("update", store.resource, namespace, name)
                await store.update(context, namespace, name, lambda _, merged=current: merged)  # type: ignore[misc]
        except StatusError as error:
            # Another client changed it at the same moment: try again.
            if error.code not in {404, 409}:
                raise
            await store.catch_up()
            continue
        return
    log.warning("%s %s keeps changing, left as it is", plural, name)


def _binds_another(current: JsonObject, wanted: JsonObject) -> bool:
    return not _is_left_alone(current) and bool(wanted.get("roleRef") != current.get("roleRef"))


def _is_left_alone(current: JsonObject) -> bool:
    annotations = current["metadata"].get("annotations") or {}
    return bool(annotations.get("rbac.authorization.kubernetes.io/autoupdate") == "false")


def merge(current: JsonObject, wanted: JsonObject) -> bool:
    """Add missing parts of the policy to the stored object, in place; return whether any were missing.

    Objects with the autoupdate annotation "false" do not change. Additions and other values stay.
    """
    if _is_left_alone(current):
        return False
    changed = False
    if "roleRef" in wanted:
        have = current.get("subjects") or []
        missing = [subject for subject in wanted["subjects"] if subject not in have]
        changed = bool(missing)
        current["subjects"] = have + missing
    else:
        changed = _merge_aggregation(current, wanted.get("aggregationRule") or {})
        # The aggregation controller writes the rules of an aggregated role.
        rules = [] if wanted.get("aggregationRule") else wanted["rules"]
        # Nothing of the policy may be left out.
        have = current.get("rules") or []
        lacking = rule_coverage.find_uncovered(have, rules, sys.maxsize, sys.maxsize).parts
        if lacking:
            current["rules"] = have + lacking
            changed = True
    for part in ("labels", "annotations"):
        have = current["metadata"].get(part) or {}
        if wanted["metadata"][part].keys() - have.keys():
            current["metadata"][part] = wanted["metadata"][part] | have
            changed = True
    return changed


def _merge_aggregation(current: JsonObject, wanted: JsonObject) -> bool:
    have = (current.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
    if not wanted:
        # The role of the policy is not aggregated.
        return current.pop("aggregationRule", None) is not None
    missing = [selector for selector in wanted["clusterRoleSelectors"] if selector not in have]
    if missing:
        current["aggregationRule"] = {"clusterRoleSelectors": [*have, *missing]}
    return bool(missing)
