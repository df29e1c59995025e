"""Read DeleteOptions from the body, or from the query if there is no body.

Source: apiserver/pkg/endpoints/handlers/delete.go, apimachinery/pkg/apis/meta/v1/validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic import delete_options
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.request import body
from kprov.kube.apiserver.request.query import is_true, list_values, parse_integer
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema import object_schema

_KIND: Final = "DeleteOptions"


def parse(query: Mapping[str, str], data: bytes, content_type: str) -> tuple[DeleteOptions, bool]:
    """Return the options, and whether it is a dry run. Raise StatusError 400, 415 or 422."""
    obj = _read_body(data, content_type) if data else _read_query(query)
    delete_options.validate(obj)
    return delete_options.decode(obj)


def _read_body(data: bytes, content_type: str) -> JsonObject:
    options = body.decode(data, content_type)
    options = {} if options is None else options
    try:
        body.check_shape(options)
    except ValueError as error:
        raise status.bad_request(str(error)) from None
    kind = options.get("kind") or _KIND
    if kind != _KIND:
        version = options.get("apiVersion") or "v1"
        text = f"no kind {status.quoted(kind)} is registered for version {status.quoted(version)}"
        raise status.bad_request(text)
    report = object_schema.builtin().prune(options, ("", "v1", _KIND))
    if report.errors:
        raise status.bad_request(report.errors[0])
    return dict(options)


def _read_query(query: Mapping[str, str]) -> JsonObject:
    held: JsonObject = {}
    grace = parse_integer(query, "gracePeriodSeconds")
    if grace is not None:
        held["gracePeriodSeconds"] = grace
    if "propagationPolicy" in query:
        held["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        held["orphanDependents"] = is_true(query["orphanDependents"])
    conditions = {name: query[name] for name in ("uid", "resourceVersion") if query.get(name)}
    if conditions:
        held["preconditions"] = conditions
    dry_run = list_values(query, "dryRun")
    return held | ({"dryRun": dry_run} if dry_run else {})
