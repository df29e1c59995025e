"""Request bodies: read within limits, decoded from JSON or YAML, checked against the schema."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from kprov.kube.apiserver.protobuf import decode as decoder
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import duplicates, field, schema, status
from kprov.kube.machinery.resources import api_version

if TYPE_CHECKING:
    from aiohttp import web

Object = dict[str, Any]

#: Upstream's limit for a request body.
MAX_BYTES: Final = 3 * 1024 * 1024
_JSON: Final = {"application/json", "", "text/json"}
_YAML: Final = {"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"}
_ACCEPTED: Final = ("application/json", "application/yaml", decoder.MEDIA_TYPE)
_VALIDATION: Final = {"", "Ignore", "Warn", "Strict"}


async def read(request: web.BaseRequest) -> bytes:
    """The whole body. Raises StatusError 413 above the limit."""
    length = request.content_length
    if length is not None and length > MAX_BYTES:
        raise _too_large()
    if length is not None and length == 0:
        return b""
    pieces, size = [], 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > MAX_BYTES:
            raise _too_large()
        pieces.append(piece)
    data = b"".join(pieces)
    if request.headers.get("Content-Encoding") == "gzip":
        data = _unzipped(data)
    event = getattr(request, "audit", None)
    if event is not None:
        event.body, event.content_type = data, media_type(request)
    return data


def _unzipped(data: bytes) -> bytes:
    """Within the same limit: a small body may be a large one, packed."""
    work = zlib.decompressobj(wbits=31)
    try:
        plain = work.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise status.bad_request(f"the body is not what Content-Encoding says: {error}") from None
    if len(plain) > MAX_BYTES:
        raise _too_large()
    if not work.eof:
        raise status.bad_request("the body is not what Content-Encoding says: unexpected EOF")
    return plain


def _too_large() -> status.StatusError:
    return status.request_entity_too_large(f"limit is {MAX_BYTES}")


def media_type(request: web.BaseRequest) -> str:
    """Content-Type without parameters, in lower case."""
    return request.headers.get("Content-Type", "").split(";")[0].strip().lower()


def decode(data: bytes, content_type: str) -> Any:
    """Any document. Raises StatusError 415 for other types, 400 for a body that is none."""
    if content_type in _JSON:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise status.bad_request(
                f"the object provided is unrecognized (must be of type {error})"
            ) from None
    if content_type in _YAML:
        return from_yaml(data)
    if content_type == decoder.MEDIA_TYPE:
        try:
            return decoder.decode(data)
        except decoder.ProtobufError as error:
            raise status.bad_request(str(error)) from None
    raise status.unsupported_media_type(_ACCEPTED)


def from_yaml(data: bytes) -> Any:
    """A YAML (or JSON) document with JSON's types. Raises StatusError 400."""
    if data.lstrip()[:1] == b"{":
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
    import yaml

    try:
        return yaml.load(data, Loader=_loader())  # noqa: S506  a safe loader without timestamps
    except yaml.YAMLError as error:
        raise status.bad_request(f"error converting YAML to JSON: {error}") from None


def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if not hasattr(_loader, "made"):
        made: Any = type("_Loader", (base,), {})
        made.yaml_implicit_resolvers = {
            first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
            for first, pairs in base.yaml_implicit_resolvers.items()
        }
        _loader.made = made  # type: ignore[attr-defined]
    return _loader.made  # type: ignore[attr-defined]


def check(
    obj: Any, gvk: tuple[str, str, str], context: RequestContext, validation: str, data: bytes | None = None
) -> Object:
    """An object of that kind, pruned as Go's decoding would; unknown fields are warned of or refused.

    validation: the fieldValidation parameter; data: the JSON or YAML it came from, for duplicate fields.
    """
    mode = validation_mode(validation)
    found = identified(obj, gvk)
    is_json = data is not None and data.lstrip()[:1] == b"{"
    report = schema.builtin().prune(found, gvk, data if is_json and mode != "Ignore" else None)
    if data is not None and not is_json and mode != "Ignore":
        report.duplicate_keys = duplicates.yaml_duplicates(data)
    refusal = report.bad_request_text(gvk, strict=mode == "Strict")
    if refusal is not None:
        raise status.bad_request(refusal)
    if mode == "Warn":
        context.warnings += report.warnings
    found.setdefault("metadata", {})
    return found


def validation_mode(validation: str) -> str:
    """The fieldValidation parameter: Ignore, Warn (the default) or Strict. Raises StatusError 422."""
    if validation not in _VALIDATION:
        error = field.not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"])
        raise status.invalid("meta.k8s.io", "CreateOptions", "", [error])
    return validation or "Warn"


def identified(obj: Any, gvk: tuple[str, str, str]) -> Object:
    """The object with kind and version. Raises StatusError 400 where it says that it is of another."""
    if not isinstance(obj, dict):
        raise status.bad_request("couldn't get version/kind; json parse error: the body is not an object")
    group, version, kind = gvk
    found_kind, found_version = obj.get("kind"), obj.get("apiVersion")
    expected = api_version(group, version)
    if found_kind and found_version and (found_kind != kind or found_version != expected):
        shown = status.quoted(str(found_version).split("/")[-1])
        text = f"{found_kind} in version {shown} cannot be handled as a {kind}: no kind match"
        if found_kind == kind:
            text = f"the API version in the data ({found_version}) does not match the expected API version"
            text += f" ({expected})"
        raise status.bad_request(text)
    obj["kind"], obj["apiVersion"] = kind, expected
    return obj
