"""The three patch types: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch.

All take decoded documents, do not change their arguments and return a new document. They raise StatusError
with upstream's code: 400 for an invalid patch, 422 for one that cannot be applied.
"""

from __future__ import annotations

from typing import Any

import orjson

from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch import json_patch as json_patch_rules
from kprov.kube.machinery.patch.strategic_merge import Budget, StrategicMergeError, merge
from kprov.kube.machinery.schema import object_schema

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_YAML = "application/apply-patch+yaml"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_YAML)
#: Custom resources have no merge keys.
CUSTOM_PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, APPLY_YAML)

_MAX_OPERATIONS = 10_000
_GO_OBJECT = "map[string]interface {}"


def json_patch(doc: JsonObject, patch: Any) -> JsonObject:
    """RFC 6902. `patch` is a list of operations."""
    if patch is not None and not isinstance(patch, list):
        raise _decoding_error(patch, "[]handlers.jsonPatchOp")
    patch = patch or []
    if len(patch) > _MAX_OPERATIONS:
        raise status.request_entity_too_large(
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(patch)}"
        )
    for operation in patch:
        if not isinstance(operation, dict):
            raise _decoding_error(operation, "handlers.jsonPatchOp")
        for name in ("op", "path", "from"):
            if operation.get(name) is not None and not isinstance(operation[name], str):
                raise _decoding_error(operation[name], "string", f"struct field jsonPatchOp.{name}")
    try:
        result = go_json.reject_deep(json_patch_rules.apply(copy_document(doc), patch))
    except (json_patch_rules.JsonPatchError, go_json.JsonError):
        # Upstream's message has no details either.
        raise status.failure(
            422, "Invalid", "the server rejected our request due to an error in our request", {}
        ) from None
    if not isinstance(result, dict):
        raise status.bad_request("the patched document is not an object")
    return result


def _decoding_error(value: Any, wanted: str, place: str = "value") -> status.StatusError:
    text = f"json: cannot unmarshal {go_json.type_name(value)} into Go {place} of type {wanted}"
    return status.bad_request(f"error decoding patch: {text}")


def merge_patch(doc: JsonObject, patch: Any) -> JsonObject:
    """RFC 7386: objects merge, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        if patch is None:
            raise status.bad_request("Invalid JSON Patch")
        raise _decoding_error(patch, _GO_OBJECT)
    result: JsonObject = copy_document(doc)
    _merge_into(result, copy_document(patch))
    return result


def _merge_into(target: JsonObject, patch: JsonObject) -> None:
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            held = target.get(name)
            if not isinstance(held, dict):
                held = target[name] = {}
            _merge_into(held, value)
        else:
            target[name] = value


def strategic_merge_patch(
    doc: JsonObject, patch: Any, gvk: object_schema.Gvk, schema: object_schema.Schema | None = None
) -> JsonObject:
    """Merge lists by the schema's merge keys, and follow the directives ($patch, $retainKeys ...)."""
    if not isinstance(patch, dict):
        if patch is None:
            return copy_document(doc)  # type: ignore[no-any-return]
        raise status.bad_request(
            f"json: cannot unmarshal {go_json.type_name(patch)} into Go value of type {_GO_OBJECT}"
        )
    node = (schema or object_schema.builtin()).node(gvk)
    try:
        return merge(copy_document(doc), patch, node, Budget())
    except StrategicMergeError as error:
        raise status.bad_request(str(error)) from None


def copy_document(document: Any) -> Any:
    """Return a deep copy of a JSON document. It is several times faster than copy.deepcopy."""
    return orjson.loads(orjson.dumps(document))
