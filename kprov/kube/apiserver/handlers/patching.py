"""PATCH: build the function that changes an object, from the body of the request.

Source: apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kprov.kube.apiserver.handlers import patch_field_checks
from kprov.kube.apiserver.handlers.patch_target import PatchTarget
from kprov.kube.apiserver.request import RequestContext, body
from kprov.kube.apiserver.request.query import is_true
from kprov.kube.machinery import field, status
from kprov.kube.machinery.go_text import duplicate_fields, go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership, last_applied, structured_check
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.schema import typed_conversion

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.request import Request

Gvk = tuple[str, str, str]

_JSON_TYPES: Final = (patch_types.JSON_PATCH, patch_types.MERGE_PATCH, patch_types.STRATEGIC_MERGE_PATCH)
_TYPES: Final = (*_JSON_TYPES, patch_types.APPLY_YAML)
_CUSTOM_TYPES: Final = (patch_types.JSON_PATCH, patch_types.MERGE_PATCH, patch_types.APPLY_YAML)


def check_type(text: str, *, is_custom: bool = False) -> None:
    """Raise StatusError 415 for a Content-Type that is not a patch's, with the two texts that upstream has.

    is_custom: of a custom resource, which has no strategic merge patch.
    Call it before the body is read: the client may wait for 100 Continue.
    """
    if is_custom:
        if _strip_parameters(text) not in _CUSTOM_TYPES:
            raise status.unsupported_media_type(_CUSTOM_TYPES)
        return
    # Upstream's route accepts a list of types if one of them matches; the handler behind it does not.
    if not any(named.partition(";")[0].strip() in _TYPES for named in text.split(",")):
        raise status.failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if _strip_parameters(text) not in _TYPES:
        raise status.unsupported_media_type(_TYPES)


def media_type(request: Request) -> str:
    """Return the media type of a patch, which check_type has accepted."""
    return _strip_parameters(request.headers.get("Content-Type", ""))


def _strip_parameters(text: str) -> str:
    return text.partition(";")[0]


def build_change(
    context: RequestContext,
    target: PatchTarget,
    content_type: str,
    data: bytes,
    query: Mapping[str, str],
) -> tuple[Callable[[JsonObject | None], JsonObject], bool]:
    """Build the change, and return whether it creates a missing object (apply).

    content_type: one that `check_type` accepts. Raise StatusError 400 or 422.
    """
    validation = query.get("fieldValidation", "")
    if content_type == patch_types.APPLY_YAML:
        return _build_apply(context, target, data, query, validation), True
    if "force" in query:
        error = field.forbidden("force", "may not be specified for non-apply patch")
        raise status.invalid("meta.k8s.io", "PatchOptions", "", [error])

    mode = body.parse_validation_mode(validation)
    warned = list(context.warnings)

    def change(old: JsonObject | None) -> JsonObject:
        assert old is not None
        document = _decode_patch(data, content_type)
        strategic = document if content_type == patch_types.STRATEGIC_MERGE_PATCH else None
        if content_type == patch_types.JSON_PATCH:
            result = patch_types.json_patch(old, document)
        elif content_type == patch_types.MERGE_PATCH:
            result = patch_types.merge_patch(old, document)
        else:
            result = patch_types.strategic_merge_patch(old, document, target.gvk)
        remarked = patch_field_checks.find_warnings(data, document, content_type) if mode != "Ignore" else []
        # A retry must not repeat the warnings.
        context.warnings[:] = warned
        return patch_field_checks.check_fields(
            result, target, context, mode=mode, remarked=remarked, strategic_patch=strategic
        )

    return change, False


def _decode_patch(data: bytes, content_type: str) -> Any:
    """Decode a JSON patch, merge patch or strategic merge patch. Raise StatusError 400."""
    try:
        return go_json.loads(data)
    except go_json.JsonError as error:
        # Upstream decodes a strategic merge patch in another function than the two others.
        prefix = "" if content_type == patch_types.STRATEGIC_MERGE_PATCH else "error decoding patch: "
        raise status.bad_request(f"{prefix}{error}") from None


def _build_apply(
    context: RequestContext,
    target: PatchTarget,
    data: bytes,
    query: Mapping[str, str],
    validation: str,
) -> Callable[[JsonObject | None], JsonObject]:
    manager = query.get("fieldManager", "")
    if not manager:
        error = field.required("fieldManager", "is required for apply patch")
        raise status.invalid("meta.k8s.io", "PatchOptions", "", [error])
    document = body.from_yaml(data) if data else None
    document = {} if document is None else document
    if not isinstance(document, dict):
        raise status.bad_request(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{go_json.type_name(document)} into Go value of type map[string]interface {{}}"
        )
    gvk, types = target.gvk, target.types
    _check_kind(document, gvk)
    annotation = last_applied.make_annotation(document, manager)
    applied = _decode_applied(context, target, document, data, validation)
    force = is_true(query.get("force"))
    context.applied = True

    def change(old: JsonObject | None) -> JsonObject:
        merged = field_ownership.apply(
            old,
            applied,
            gvk,
            manager=manager,
            force=force,
            subresource=target.subresource,
            ignored=target.ignored,
            schema=types,
        )
        if old is None:
            metadata, info = applied["metadata"], context.info
            if metadata.get("uid"):
                resource = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
                text = f"uid mismatch: the provided object specified uid {metadata['uid']}"
                raise status.conflict(resource, info.name, f"{text}, and no existing object was found")
        # Apply merges the document as it was sent: "1000m" for "1" is a change, and null is a value.
        result: JsonObject = typed_conversion.convert_numbers(
            types.node(gvk), patch_types.copy_document(merged)
        )
        types.prune(result, gvk, None)
        if annotation is not None:
            last_applied.update_annotation(result, annotation)
        return result

    return change


def _check_kind(document: JsonObject, gvk: Gvk) -> None:
    """Raise StatusError 400 unless the applied document has the kind and version of the path."""
    text, kind = document.get("apiVersion") or "", document.get("kind") or ""
    group, _, version = str(text).rpartition("/")
    if (group, version, kind) != gvk:
        raise status.bad_request(f"invalid object type: {group}/{version}, Kind={kind}")


def _decode_applied(
    context: RequestContext, target: PatchTarget, document: Any, data: bytes, validation: str
) -> JsonObject:
    """Check the applied document. Unknown fields are errors in every mode. Raise StatusError 400."""
    mode = body.parse_validation_mode(validation)
    gvk = target.gvk
    applied = body.apply_type_meta(document, gvk)
    node = target.types.node(gvk)
    refusal = structured_check.find_error(node, applied, gvk)
    why = typed_conversion.find_problem(node, applied)
    report = target.types.prune(
        typed_conversion.convert_numbers(node, patch_types.copy_document(applied)), gvk, None
    )
    if refusal is not None and (report.errors or report.unknown_fields):
        raise refusal
    if report.errors:
        about = structured_check.describe_object(applied, gvk)
        kind = about.partition("; ")[2]
        raise status.bad_request(
            f"failed to convert new object ({about}) to proper version: "
            f"unable to convert unstructured object to {kind}: {why or report.errors[0]}"
        )
    applied["metadata"] = applied.get("metadata") or {}
    twice = [] if mode == "Ignore" else duplicate_fields.find_yaml_duplicates(data)
    if twice:
        text = "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  "
        text += "\n  ".join(twice)
        if mode == "Strict":
            raise status.bad_request(text)
        context.warnings += twice
    if refusal is not None:
        raise refusal
    return applied
