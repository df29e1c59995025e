"""Build HTTP responses from objects, bytes and errors."""

from __future__ import annotations

import asyncio
import gzip
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

import orjson
from multidict import CIMultiDict

from kprov.kube.apiserver.request.negotiation import JSON, YAML, Form
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.printers import tables as printer_tables
from kprov.kube.machinery.resources import Resource, split_api_version
from kprov.kube.machinery.status import StatusError, bad_request, failure, quoted

#: As upstream: responses from this size on are compressed, at the fastest level.
GZIP_BYTES: Final = 128 * 1024
#: The maximum length of all warnings, and of each one if they exceed it.
_WARNINGS_RUNES: Final = 4096
_WARNING_RUNES: Final = 256
_NO_STORE: Final = "no-cache, private"
_PLAIN: Final = CIMultiDict({"Content-Type": JSON, "Cache-Control": _NO_STORE})
_INCLUDES: Final = {"", "Metadata", "Object", "None"}
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


def build_headers(media_type: str, warnings: Iterable[str] = ()) -> CIMultiDict[str]:
    if media_type == JSON and not warnings:
        return _PLAIN.copy()
    result = CIMultiDict({"Content-Type": media_type, "Cache-Control": _NO_STORE})
    # As upstream: texts that a header cannot contain are left out.
    fitting = [text for text in dict.fromkeys(warnings) if not _CONTROL.search(text)]
    for text in shorten_warnings(fitting):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        result.add("Warning", f'299 - "{escaped}"')
    return result


def shorten_warnings(texts: Iterable[str]) -> list[str]:
    """Shorten warnings to what headers may contain: all of them, or the beginnings of the first ones.

    Source: apiserver/pkg/endpoints/filters/warning.go.
    """
    whole = list(texts)
    lengths = list(accumulate(len(text) for text in whole))
    fitting = bisect_right(lengths, _WARNINGS_RUNES)
    if fitting == len(whole):
        return whole
    kept, written = [], 0
    for place, text in enumerate(whole):
        if place > fitting and written >= _WARNINGS_RUNES:
            break
        kept.append(text[:_WARNING_RUNES])
        written += len(kept[-1])
    return kept


def build_raw(body: bytes, warnings: Iterable[str] = ()) -> Response:
    """Return a response with encoded JSON."""
    return Response(body=body, headers=build_headers(JSON, warnings))


async def compress(request: Request, response: Response) -> Response:
    """Gzip the body of a large response if the client accepts that."""
    body = response.body
    if len(body) <= GZIP_BYTES:
        return response
    if not accepts_gzip(request):
        return response
    response.body = await asyncio.to_thread(gzip.compress, body, 1)
    set_gzip_headers(response)
    return response


def accepts_gzip(request: Request) -> bool:
    """Whether the client accepts gzip. Upstream ignores q values, and "gzip;q=0" is not "gzip"."""
    codings = request.headers.get("Accept-Encoding", "").split(",")
    return "gzip" in [coding.strip() for coding in codings]


def set_gzip_headers(response: BaseResponse) -> None:
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"


def build_document(obj: JsonObject, form: Form, *, code: int = 200, warnings: Iterable[str] = ()) -> Response:
    """Return a response with a document in the negotiated form."""
    if form.media_type == YAML:
        from kprov.kube.machinery.go_text import yaml_writer

        return Response(
            body=yaml_writer.dumps(obj).encode(), status=code, headers=build_headers(YAML, warnings)
        )
    # Go ends a document with a line feed unless it indents it.
    option = orjson.OPT_INDENT_2 if form.pretty else orjson.OPT_APPEND_NEWLINE
    return Response(body=go_json.dumps(obj, option), status=code, headers=build_headers(JSON, warnings))


def check_include(form: Form, include_object: str) -> None:
    """Raise StatusError 400 for a Table with an unknown includeObject."""
    if form.kind == "Table" and include_object not in _INCLUDES:
        raise bad_request(
            "Unable to convert to Table as requested: "
            f"includeObject: Invalid value: {quoted(include_object)}: must be "
            "'Metadata', 'Object', 'None', or empty"
        )


def convert_form(
    resource: Resource,
    obj: JsonObject,
    form: Form,
    include_object: str,
    shown: Callable[[JsonObject], JsonObject] | None = None,
    own: printer_tables.KindColumns | None = None,
) -> JsonObject:
    """Convert one object to a Table or PartialObjectMetadata if the form wants it.

    resource: of the request; an object of another kind (Scale) has its own columns. shown, own:
    see printers.table. Raise StatusError 400 or 406.
    """
    check_include(form, include_object)
    if not form.kind or obj.get("kind") == "Status":
        return obj
    if form.kind == "Table":
        group, _ = split_api_version(obj.get("apiVersion", ""))
        kind: tuple[str, str] | None = (group, obj.get("kind", ""))
        objects = [obj]
        revision = obj.get("metadata", {}).get("resourceVersion", "")
        metadata = {"resourceVersion": revision} if revision else {}
        if kind in {(resource.group, resource.kind), (resource.group, resource.list_kind)}:
            # Items of a list have no kind; the objects of rows do.
            named = {"kind": resource.kind, "apiVersion": resource.api_version}
            objects = [named | item for item in obj["items"]] if "items" in obj else objects
            kind = None
        include = include_object or "Metadata"
        if kind is not None:
            own = None  # of a subresource
        table = printer_tables.table(resource, objects, metadata, include, kind=kind, shown=shown, own=own)
        return convert_table(table, form.version)
    version = f"meta.k8s.io/{form.version}"
    if "items" in obj:
        if form.kind == "PartialObjectMetadata":
            raise _not_acceptable(form, "a list", resource, obj)
        items = [printer_tables.partial_metadata(item) | {"apiVersion": version} for item in obj["items"]]
        return {"kind": form.kind, "apiVersion": version, "metadata": obj["metadata"], "items": items or None}
    if form.kind == "PartialObjectMetadataList":
        raise _not_acceptable(form, "not a list", resource, obj)
    return printer_tables.partial_metadata(obj) | {"apiVersion": version}


def _not_acceptable(form: Form, description: str, resource: Resource, obj: JsonObject) -> StatusError:
    # Upstream shows its Go type, in the package of the group that stores the objects.
    package = resource.group.partition(".")[0]
    package = "core" if package in {"", "events"} else package
    text = f"you requested {form.kind}, but the requested object is {description} (*{package}.{obj['kind']})"
    return failure(406, "NotAcceptable", text)


def convert_table(table: JsonObject, version: str) -> JsonObject:
    """Set the version of meta.k8s.io in a table and in the metadata of its rows."""
    table["apiVersion"] = f"meta.k8s.io/{version}"
    for row in table["rows"] or ():
        shown = row.get("object")
        if shown and shown["kind"] == "PartialObjectMetadata":
            shown["apiVersion"] = table["apiVersion"]
    return table


def build_error(failure: StatusError, form: Form | None = None, *, warnings: Iterable[str] = ()) -> Response:
    """Return a response with a Status, and with Retry-After if its details have it."""
    response = build_document(failure.status, form or Form(), code=failure.code, warnings=warnings)
    if failure.retry_after_seconds:
        response.headers["Retry-After"] = str(failure.retry_after_seconds)
    return response
