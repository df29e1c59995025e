"""Request bodies: read up to a limit, decoded from JSON, YAML or protobuf, checked against the schema."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from kprov.kube.apiserver.protobuf import decode as decoder
from kprov.kube.apiserver.request import kind_mismatch
from kprov.kube.apiserver.request.context import RequestContext
from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.machinery import field, status
from kprov.kube.machinery.go_text import duplicate_fields, go_json, go_yaml
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import cache_short
from kprov.kube.machinery.resources import api_version
from kprov.kube.machinery.schema.kind_types import KindTypes

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.request import Request

Gvk = tuple[str, str, str]

#: Upstream's limit for a request body.
MAX_BYTES: Final = 3 * 1024 * 1024
#: Time limit for the whole body, as for a request's head: a client that sends slowly holds a seat.
MAX_SECONDS: Final = 32.0
JSON: Final = "application/json"
YAML: Final = "application/yaml"
ACCEPTED: Final = (JSON, YAML, decoder.MEDIA_TYPE)
#: Custom resources have no form in protobuf.
ACCEPTED_OF_CUSTOM: Final = (JSON, YAML)
_NO_KIND: Final = "couldn't get version/kind; json parse error: "
#: The Go type into which upstream reads a document first.
_GO_TYPE: Final = (
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(f"{_WORD}(?:/{_WORD})?")
_PARAMETER: Final = re.compile(rf'{_WORD}\s*=\s*(?:{_WORD}|"(?:[^"\\]|\\.)*")')
#: How many bytes of an invalid body the message shows.
_SHOWN_BYTES: Final = 30
_VALIDATION: Final = {"", "Ignore", "Warn", "Strict"}
#: Another version with the same fields that a kind may have.
_ALSO: Final[dict[Gvk, str]] = {("policy", "v1", "Eviction"): "policy/v1beta1"}


class NotAnObjectError(ValueError):
    """The document is not a JSON object."""


async def read(request: Request) -> bytes:
    """Return the whole body. As upstream it ignores Content-Encoding.

    Raise StatusError 408 or 413 above a limit.
    """
    length = request.content_length
    if length is not None and length > MAX_BYTES:
        raise _too_large_error()
    if length is not None and length == 0:
        return b""
    pieces, size = [], 0
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for piece in request.body.iter_any():
                size += len(piece)
                if size > MAX_BYTES:
                    raise _too_large_error()
                pieces.append(piece)
    except TimeoutError:
        request.keep_alive = False
        raise make_timeout_error() from None
    except BrokenBodyError as error:
        raise status.bad_request(str(error)) from None
    data = b"".join(pieces)
    event = getattr(request, "audit", None)
    if event is not None:
        event.body, event.content_type = data, media_type(request)
    return data


def make_timeout_error() -> status.StatusError:
    """Return the 408 for a body that arrives too slowly."""
    text = f"the body of the request did not arrive within {MAX_SECONDS:g} seconds"
    return status.failure(408, "Timeout", text)


def _too_large_error() -> status.StatusError:
    return status.request_entity_too_large(f"limit is {MAX_BYTES}")


def media_type(request: Request) -> str:
    """Content-Type in lower case without parameters; JSON if it is missing, "" if it is malformed."""
    text = request.headers.get("Content-Type", "")
    if not text:
        return JSON
    return _parse_media_type(text)


@cache_short(maxsize=256)
def _parse_media_type(text: str) -> str:
    """As Go's mime.ParseMediaType: an invalid parameter makes the whole malformed."""
    named, *rest = text.split(";")
    named = named.strip().lower()
    if not _MEDIA_TYPE.fullmatch(named):
        return ""
    if any(parameter.strip() and not _PARAMETER.fullmatch(parameter.strip()) for parameter in rest):
        return ""
    # Only the last parameter may be empty.
    return "" if any(not parameter.strip() for parameter in rest[:-1]) else named


def check_type(content_type: str, accepted: tuple[str, ...] = ACCEPTED) -> None:
    """Raise StatusError 415 for a media type that the server does not read."""
    if content_type not in accepted:
        raise status.unsupported_media_type(accepted)


def decode(data: bytes, content_type: str) -> Any:
    """Decode any document. Raise StatusError 415 for other media types, 400 for an invalid body."""
    try:
        return _decode(data, content_type)
    except ValueError as error:
        raise status.bad_request(str(error)) from None


def _decode(data: bytes, content_type: str) -> Any:
    """Raise StatusError 415, and ValueError with upstream's text."""
    if content_type == JSON:
        try:
            return go_json.loads(data)
        except go_json.JsonError as error:
            raise ValueError(_NO_KIND + str(error)) from None
    if content_type == YAML:
        return go_yaml.loads(data)
    if content_type == decoder.MEDIA_TYPE:
        return decoder.decode(data)
    raise status.unsupported_media_type(ACCEPTED)


def from_yaml(data: bytes) -> Any:
    """Return a YAML (or JSON) document with JSON's types. Raises StatusError 400."""
    try:
        return go_yaml.loads(data)
    except go_yaml.YamlError as error:
        raise status.bad_request(f"error decoding YAML: error converting YAML to JSON: {error}") from None


def decode_object(data: bytes, content_type: str, gvk: Gvk) -> JsonObject:
    """Decode an object of that kind. Raise StatusError 400 or 415."""
    try:
        document = _decode(data, content_type)
        return check_type_meta({} if document is None else document, gvk)
    except ValueError as error:
        text = f"the object provided is unrecognized (must be of type {gvk[2]}): {error} ({_summarize(data)})"
        raise status.bad_request(text) from None


def _summarize(data: bytes) -> str:
    if not data:
        return "<empty>"
    begin = data[:_SHOWN_BYTES]
    text = begin.decode("utf-8", "replace") if data[:1] == b"{" else begin.hex()
    return text if len(data) <= _SHOWN_BYTES else f"{text} ..."


def check_fields(
    obj: JsonObject,
    gvk: Gvk,
    types: KindTypes,
    context: RequestContext,
    validation: str,
    data: bytes | None = None,
    content_type: str = JSON,
) -> JsonObject:
    """Set kind and version, remove unknown fields as Go's decoding does, and warn of them or reject them.

    obj: the result of `decode_object`. types: those of the kind. validation: the parameter fieldValidation.
    data: the body, to find duplicate fields. Raise StatusError 400.
    """
    mode = parse_validation_mode(validation)
    if mode == "Ignore":
        data = None
    report = types.prune(obj, gvk, data if content_type == JSON else None)
    if data is not None and content_type == YAML:
        report.duplicate_keys = duplicate_fields.find_yaml_duplicates(data)
    refusal = report.bad_request_text(gvk, strict=mode == "Strict")
    if refusal is not None:
        raise status.bad_request(refusal)
    if mode == "Warn":
        context.warnings += report.warnings
    named = _set_type_meta(obj, gvk)
    named.setdefault("metadata", {})
    return named


def parse_validation_mode(validation: str) -> str:
    """Return the fieldValidation parameter: Ignore, Warn (the default) or Strict. Raises StatusError 422."""
    if validation not in _VALIDATION:
        error = field.not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"])
        raise status.invalid("meta.k8s.io", "CreateOptions", "", [error])
    return validation or "Warn"


def apply_type_meta(obj: Any, gvk: Gvk) -> JsonObject:
    """Check kind and version, and set those of the path if they are missing. Raise as check_type_meta."""
    return _set_type_meta(check_type_meta(obj, gvk), gvk)


def check_type_meta(obj: Any, gvk: Gvk) -> JsonObject:
    """Return the object if it has that kind and version or none.

    Raise ValueError if they cannot be read, StatusError 400 for another kind.
    """
    check_shape(obj)
    group, version, kind = gvk
    expected = api_version(group, version)
    found_kind, found_version = obj.get("kind") or kind, obj.get("apiVersion") or expected
    if found_version == _ALSO.get(gvk):
        found_version = expected
    if found_version.count("/") > 1:
        raise ValueError(f"unexpected GroupVersion string: {found_version}")
    if (found_kind, found_version) != (kind, expected):
        raise status.bad_request(kind_mismatch.describe_mismatch(found_version, found_kind, gvk))
    checked_object: JsonObject = obj
    return checked_object


def _set_type_meta(obj: JsonObject, gvk: Gvk) -> JsonObject:
    obj["kind"], obj["apiVersion"] = gvk[2], api_version(*gvk[:2])
    return obj


def check_shape(obj: Any) -> None:
    """Raise ValueError unless it is an object whose kind and apiVersion are strings."""
    if not isinstance(obj, dict):
        raise NotAnObjectError(
            f"{_NO_KIND}json: cannot unmarshal {go_json.type_name(obj)} into Go value of type {_GO_TYPE}"
        )
    for name in ("apiVersion", "kind"):
        if obj.get(name) is not None and not isinstance(obj[name], str):
            json_type = go_json.type_name(obj[name])
            text = f"json: cannot unmarshal {json_type} into Go struct field .{name} of type string"
            raise ValueError(_NO_KIND + text)
