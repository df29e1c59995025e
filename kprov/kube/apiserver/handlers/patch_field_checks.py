"""Field validation of a patched object, including duplicate and unknown fields of the patch itself.

Source: apiserver/pkg/endpoints/handlers/patch.go (applyPatchToCurrentObject of each kind of patch).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from kprov.kube.apiserver.handlers.patch_target import PatchTarget
from kprov.kube.apiserver.request import RequestContext, body
from kprov.kube.machinery import field, status
from kprov.kube.machinery.go_text import duplicate_fields, go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.resources import api_version
from kprov.kube.machinery.schema import typed_conversion

_OPERATION: Final = {"op", "path", "from", "value"}


def find_warnings(data: bytes, document: Any, content_type: str) -> list[str]:
    """Warnings for duplicate fields of the patch and for unknown fields of JSON patch operations."""
    unknown: set[str] = set()
    if content_type == patch_types.JSON_PATCH and isinstance(document, list):
        for index, operation in enumerate(document):
            unknown |= {f"[{index}].{name}" for name in operation if name not in _OPERATION}
    if not unknown and duplicate_fields.has_no_duplicates(data, document):
        return []
    strict_errors = duplicate_fields.list_strict_errors(data, unknown)
    return (
        [f"json patch {text}" for text in strict_errors]
        if content_type == patch_types.JSON_PATCH
        else strict_errors
    )


def check_fields(
    result: JsonObject,
    target: PatchTarget,
    context: RequestContext,
    *,
    mode: str,
    remarked: list[str],
    strategic_patch: JsonObject | None,
) -> JsonObject:
    """Remove unknown fields of the patched object; warn of them or raise StatusError 422.

    remarked: the result of `find_warnings`. strategic_patch: errors show it instead of the patched object.
    """
    gvk = target.gvk
    if strategic_patch is not None:
        # Upstream ignores these fields of a strategic merge patch.
        for name, value in (("kind", gvk[2]), ("apiVersion", api_version(*gvk[:2]))):
            if isinstance(result.get(name), str):
                result[name] = value
    # Pruning changes the object, and the error shows it as it was before.
    whole = orjson.dumps(result) if strategic_patch is None else b""
    try:
        obj = body.apply_type_meta(result, gvk)
    except ValueError as error:
        raise _invalid_error(whole, strategic_patch, str(error)) from None
    except status.StatusError as error:
        raise _invalid_error(whole, strategic_patch, error.message.rpartition(f"a {gvk[2]}: ")[2]) from None
    why = None
    if strategic_patch is not None:
        # Upstream converts the result of a strategic merge patch to a Go type without encoding it as JSON.
        node = target.types.node(gvk)
        why = typed_conversion.find_problem(node, obj)
        obj = typed_conversion.convert_numbers(node, obj)
    report = target.types.prune(obj, gvk, None)
    if report.errors:
        raise _invalid_error(whole, strategic_patch, why or report.errors[0])
    texts = remarked + report.strict_errors
    if texts and mode == "Strict":
        raise _invalid_error(whole, strategic_patch, f"strict decoding error: {', '.join(texts)}")
    if mode == "Warn":
        context.warnings += texts
    obj.setdefault("metadata", {})
    return obj


def _invalid_error(whole: bytes, strategic_patch: JsonObject | None, why: str) -> status.StatusError:
    text = go_json.format_value(strategic_patch) if strategic_patch is not None else whole.decode()
    return status.invalid("", "", "", [field.invalid("patch", text, why)])
