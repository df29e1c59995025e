"""Parse and check the query parameters of verbs: ListOptions, CreateOptions, UpdateOptions, PatchOptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.handlers.continuation import Token
from kprov.kube.apiserver.registry.generic import field_managers
from kprov.kube.apiserver.request import RequestContext, RequestInfo
from kprov.kube.apiserver.request.query import INT64, check_dry_run, is_true, list_values, parse_integer
from kprov.kube.machinery import field, field_labels, status
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector, SelectorError

_LATER: Final = "NotOlderThan"
_MATCHES: Final = ("Exact", _LATER)
_NO_CONTINUE: Final = "resourceVersionMatch is forbidden when continue is provided"
_META: Final = "meta.k8s.io"
_VALIDATION: Final = ["", "Ignore", "Strict", "Warn"]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The parameters of a list or a watch. revision: None without resourceVersion."""

    selection: Selection
    revision: int | None = None
    match: str = ""
    limit: int = 0
    token: Token | None = None
    send_initial_events: bool = False
    #: Whether a bookmark marks the end of the initial events.
    marks_initial_end: bool = False
    bookmarks: bool = False
    timeout: int = 0


def parse_list_options(
    info: RequestInfo,
    query: Mapping[str, str],
    gvk: tuple[str, str, str] | None,
    known_fields: Mapping[str, str] | None = None,
) -> ListOptions:
    """Parse ListOptions of a list, watch or deletecollection. Raise StatusError 400 or 422.

    gvk: the kind of the objects, which decides which field selectors are allowed; None: all.
    known_fields: those of a custom resource.
    """
    version, text = query.get("resourceVersion", ""), query.get("continue", "")
    match, initial = query.get("resourceVersionMatch", ""), query.get("sendInitialEvents")
    watch = info.verb == "watch"
    limit, seconds = parse_integer(query, "limit") or 0, parse_integer(query, "timeoutSeconds")
    by_query = watch and is_true(query.get("watch"))
    if by_query and initial is None and not match and version in {"", "0"}:
        # A watch without a version always started with the existing objects.
        initial, match = "true", "NotOlderThan"
    errors = _check_watch(match, initial, text) if watch else _check_list(version, match, initial, text)
    if errors:
        raise status.invalid(_META, "ListOptions", "", errors)
    selection = _parse_selection(info, query, gvk, known_fields)
    token = None
    if text and not watch:
        token = Token.parse(text)
        if version not in {"", "0"}:
            raise status.bad_request("specifying resource version is not allowed when using continue")
    number = parse_revision(version, listing=not watch)
    return ListOptions(
        selection=selection,
        revision=number,
        match=match,
        limit=max(limit, 0),
        token=token,
        send_initial_events=is_true(initial) or (watch and initial is None and not number),
        marks_initial_end=is_true(initial),
        bookmarks=is_true(query.get("allowWatchBookmarks")),
        timeout=seconds or 0,
    )


def _check_list(version: str, match: str, initial: str | None, token: str) -> list[field.FieldError]:
    errors = []
    if match:
        if not version:
            text = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            errors.append(field.forbidden("resourceVersionMatch", text))
        if token:
            errors.append(field.forbidden("resourceVersionMatch", _NO_CONTINUE))
        if match not in _MATCHES:
            errors.append(field.not_supported("resourceVersionMatch", match, [*_MATCHES, ""]))
        if match == "Exact" and version == "0":
            text = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(field.forbidden("resourceVersionMatch", text))
    if initial is not None:
        errors.append(field.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return errors


def _check_watch(match: str, initial: str | None, token: str) -> list[field.FieldError]:
    errors = []
    if initial is not None and match != _LATER:
        text = f"sendInitialEvents requires setting resourceVersionMatch to {_LATER}"
        errors.append(field.forbidden("resourceVersionMatch", text))
    if match:
        if initial is None:
            text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(field.forbidden("resourceVersionMatch", text))
        if match != _LATER:
            errors.append(field.not_supported("resourceVersionMatch", match, [_LATER]))
        if token:
            errors.append(field.forbidden("resourceVersionMatch", _NO_CONTINUE))
    return errors


def _parse_selection(
    info: RequestInfo,
    query: Mapping[str, str],
    gvk: tuple[str, str, str] | None,
    known_fields: Mapping[str, str] | None = None,
) -> Selection:
    try:
        labels = LabelSelector.parse(query.get("labelSelector", ""))
        fields = FieldSelector.parse(query.get("fieldSelector", ""))
        if gvk is not None and fields.terms:
            fields = field_labels.convert_selector(gvk, fields, known_fields)
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    if info.name and not fields.is_empty:
        if fields.exact("metadata.name") != info.name:
            raise status.bad_request("fieldSelector metadata.name doesn't match requested name")
    elif info.name:
        fields = FieldSelector((*fields.terms, *FieldSelector.parse(f"metadata.name={info.name}").terms))
    # The path of a watch on one namespace has its name as the name and as the namespace.
    namespace = "" if info.resource == "namespaces" else info.namespace
    return Selection(namespace, None if labels.is_empty else labels, None if fields.is_empty else fields)


def parse_write_options(context: RequestContext, query: Mapping[str, str], kind: str) -> None:
    """Set dryRun and fieldManager of a write in the context. Raise StatusError 422."""
    dry_run, manager = list_values(query, "dryRun"), query.get("fieldManager", "")
    validation = query.get("fieldValidation", "")
    errors = [*field_managers.check_manager_name(manager, "fieldManager"), *check_dry_run(dry_run)]
    if validation not in _VALIDATION:
        errors.append(field.not_supported("fieldValidation", validation, _VALIDATION))
    if errors:
        raise status.invalid(_META, kind, "", errors)
    context.dry_run = bool(dry_run)
    context.field_manager = manager


def parse_revision(text: str, *, listing: bool = False) -> int | None:
    """Parse a resourceVersion; None for "". Raise StatusError 400."""
    if not text:
        return None
    why = ""
    if not (text.isascii() and text.isdigit()):
        why = "invalid syntax"
    elif parse_clamped(text) >= 2 * INT64:
        why = "value out of range"
    if not why:
        return parse_clamped(text)
    quoted = status.quoted(text)
    message = f"resourceVersion: Invalid value: {quoted}: strconv.ParseUint: parsing {quoted}: {why}"
    if listing:
        message = f"invalid resource version: {message}"
    raise status.bad_request(message)
