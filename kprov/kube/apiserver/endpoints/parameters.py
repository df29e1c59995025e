"""Query parameters of the verbs: ListOptions, CreateOptions and their like, checked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.endpoints.info import is_true
from kprov.kube.apiserver.registry.deletion import DeleteOptions
from kprov.kube.apiserver.request import RequestContext, RequestInfo
from kprov.kube.machinery import field, field_labels, status
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector, SelectorError

_MATCHES: Final = {"", "Exact", "NotOlderThan"}
_META: Final = "meta.k8s.io"
_MANAGER_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list or a watch asks for. revision: None for no resourceVersion, 0 for "0"."""

    selection: Selection
    revision: int | None = None
    match: str = ""
    limit: int = 0
    token: Token | None = None
    send_initial_events: bool = False
    bookmarks: bool = False
    timeout: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A continue token: the list's revision (-1: the newest), and the key below the prefix to go on from."""

    revision: int
    start: str

    def encoded(self) -> str:
        text = orjson.dumps({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.start})
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        try:
            held = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            token = cls(int(held["rv"]), str(held["start"]))
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise status.bad_request(f"continue key is not valid: {error}") from None
        if ".." in token.start or token.start.startswith("/"):
            raise status.bad_request("continue key is not valid: invalid start key")
        return token


def list_options(
    info: RequestInfo, query: Mapping[str, str], gvk: tuple[str, str, str] | None
) -> ListOptions:
    """ListOptions of a list, watch or deletecollection.

    gvk: of the objects as the client names them, which decides on field selectors; None: any field goes.
    """
    revision = _revision(query.get("resourceVersion", ""))
    match = query.get("resourceVersionMatch", "")
    watch, initial = info.verb == "watch", query.get("sendInitialEvents")
    errors = []
    if match not in _MATCHES:
        errors.append(field.not_supported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]))
    elif match and not watch and revision is None:
        errors.append(
            field.forbidden(
                "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        )
    elif match == "Exact" and revision == 0:
        errors.append(
            field.forbidden(
                "resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            )
        )
    if initial is not None:
        if not watch:
            errors.append(field.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
        elif match != "NotOlderThan":
            errors.append(
                field.forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                )
            )
    elif watch and match:
        errors.append(
            field.forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        )
    if errors:
        raise status.invalid(_META, "ListOptions", "", errors)
    token = None
    if query.get("continue") and not watch:
        if revision is not None and revision != 0:
            raise status.bad_request("specifying resource version is not allowed when using continue")
        token = Token.parse(query["continue"])
    return ListOptions(
        selection=_selection(info, query, gvk),
        revision=revision,
        match=match,
        limit=max(_integer(query, "limit") or 0, 0),
        token=token,
        send_initial_events=is_true(initial),
        bookmarks=is_true(query.get("allowWatchBookmarks")),
        timeout=_integer(query, "timeoutSeconds") or 0,
    )


def _selection(info: RequestInfo, query: Mapping[str, str], gvk: tuple[str, str, str] | None) -> Selection:
    try:
        labels = LabelSelector.parse(query.get("labelSelector", ""))
        fields = FieldSelector.parse(query.get("fieldSelector", ""))
        if gvk is not None and fields.terms:
            fields = field_labels.stored_selector(gvk, fields)
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    if info.name:
        fields = FieldSelector((*fields.terms, *FieldSelector.parse(f"metadata.name={info.name}").terms))
    return Selection(info.namespace, None if labels.is_empty else labels, None if fields.is_empty else fields)


def write_options(context: RequestContext, query: Mapping[str, str], kind: str) -> None:
    """DryRun and fieldManager of create, update and patch, into the context."""
    dry_run = query.get("dryRun")
    errors = []
    if dry_run:
        if dry_run != "All":
            errors.append(field.not_supported("dryRun", [dry_run], ["All"]))
        context.dry_run = True
    manager = query.get("fieldManager", "")
    if len(manager) > _MANAGER_MAX:
        errors.append(field.too_long("fieldManager", _MANAGER_MAX))
    context.field_manager = manager
    if errors:
        raise status.invalid(_META, kind, "", errors)


def delete_options(query: Mapping[str, str], body: Mapping[str, Any] | None) -> tuple[DeleteOptions, bool]:
    """DeleteOptions from the body, or else from the query; and whether it is a dry run."""
    held = dict(body or {})
    if not held:
        grace = _integer(query, "gracePeriodSeconds")
        if grace is not None:
            held["gracePeriodSeconds"] = grace
        if "propagationPolicy" in query:
            held["propagationPolicy"] = query["propagationPolicy"]
        if "orphanDependents" in query:
            held["orphanDependents"] = is_true(query["orphanDependents"])
        if "dryRun" in query:
            held["dryRun"] = [query["dryRun"]]
    preconditions = held.get("preconditions") or {}
    policy, orphan = held.get("propagationPolicy"), held.get("orphanDependents")
    if policy is not None and orphan is not None:
        error = field.invalid(
            "propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"
        )
        raise status.invalid(_META, "DeleteOptions", "", [error])
    if policy not in {None, "Foreground", "Background", "Orphan"}:
        supported = ["Foreground", "Background", "Orphan", "nil"]
        error = field.not_supported("propagationPolicy", policy, supported)
        raise status.invalid(_META, "DeleteOptions", "", [error])
    grace = held.get("gracePeriodSeconds")
    options = DeleteOptions(
        grace_period_seconds=max(int(grace), 1 if grace < 0 else 0) if grace is not None else None,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        propagation_policy=policy,
        orphan_dependents=orphan,
        raw=held,
    )
    dry_run = held.get("dryRun") or []
    if dry_run and any(each != "All" for each in dry_run):
        raise status.invalid(_META, "DeleteOptions", "", [field.not_supported("dryRun", dry_run, ["All"])])
    return options, bool(dry_run)


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f"strconv.ParseInt: parsing {status.quoted(text)}: invalid syntax") from None


def _revision(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal():
        error = field.invalid(
            "resourceVersion", text, "strconv.ParseUint: parsing " + status.quoted(text) + ": invalid syntax"
        )
        raise status.invalid(_META, "ListOptions", "", [error])
    return int(text)
