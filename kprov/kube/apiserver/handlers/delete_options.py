"""DeleteOptions: of the body, or of the query when there is no body.

Source: apiserver/pkg/endpoints/handlers/delete.go, apimachinery/pkg/apis/meta/v1/validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.apiserver.handlers import body, parameters
from kprov.kube.apiserver.handlers.info import is_true
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.machinery import field, schema, status
from kprov.kube.machinery.json_object import JsonObject

_KIND: Final = "DeleteOptions"
_POLICIES: Final = {"Foreground", "Background", "Orphan"}
_SCHEME: Final = "pkg/apis/meta/internalversion/scheme/register.go:27"


def parse(query: Mapping[str, str], data: bytes, content_type: str) -> tuple[DeleteOptions, bool]:
    """The options, and whether it is a dry run. Raises StatusError 400, 415, 422."""
    return checked(_of_body(data, content_type) if data else _of_query(query))


def checked(held: JsonObject) -> tuple[DeleteOptions, bool]:
    """Of a DeleteOptions object; and whether it is a dry run. Raises StatusError 422."""
    check(held)
    return taken(held)


def check(held: JsonObject) -> None:
    """Raises StatusError 422 for what contradicts itself or is not known."""
    policy, orphan = held.get("propagationPolicy"), held.get("orphanDependents")
    errors = []
    if policy is not None and orphan is not None:
        text = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(field.invalid("propagationPolicy", policy, text))
    if policy is not None and policy not in _POLICIES:
        supported = ["Foreground", "Background", "Orphan", "nil"]
        errors.append(field.not_supported("propagationPolicy", policy, supported))
    errors += parameters.dry_run_errors(held.get("dryRun") or [])
    if errors:
        raise status.invalid("meta.k8s.io", _KIND, "", errors)


def taken(held: JsonObject) -> tuple[DeleteOptions, bool]:
    """As `checked`, of what is checked later."""
    preconditions = held.get("preconditions") or {}
    grace = held.get("gracePeriodSeconds")
    options = DeleteOptions(
        grace_period_seconds=max(grace, 1 if grace < 0 else 0) if grace is not None else None,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        propagation_policy=held.get("propagationPolicy"),
        orphan_dependents=held.get("orphanDependents"),
        raw=held,
    )
    return options, bool(held.get("dryRun"))


def _of_body(data: bytes, content_type: str) -> JsonObject:
    found = body.decode(data, content_type)
    found = {} if found is None else found
    try:
        body.check_shape(found)
    except ValueError as error:
        raise status.bad_request(str(error)) from None
    kind = found.get("kind") or _KIND
    if kind != _KIND:
        version = found.get("apiVersion") or "v1"
        text = f"no kind {status.quoted(kind)} is registered for version {status.quoted(version)} in scheme"
        raise status.bad_request(f'{text} "{_SCHEME}"')
    report = schema.builtin().prune(found, ("", "v1", _KIND))
    if report.errors:
        raise status.bad_request(report.errors[0])
    return dict(found)


def _of_query(query: Mapping[str, str]) -> JsonObject:
    held: JsonObject = {}
    grace = parameters.integer(query, "gracePeriodSeconds")
    if grace is not None:
        held["gracePeriodSeconds"] = grace
    if "propagationPolicy" in query:
        held["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        held["orphanDependents"] = is_true(query["orphanDependents"])
    conditions = {name: query[name] for name in ("uid", "resourceVersion") if query.get(name)}
    if conditions:
        held["preconditions"] = conditions
    dry_run = parameters.given(query, "dryRun")
    return held | ({"dryRun": dry_run} if dry_run else {})
