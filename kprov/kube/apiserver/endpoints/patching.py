"""PATCH: from the request's patch to a change of an object.

Source: apiserver/pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kprov.kube.apiserver.endpoints import body
from kprov.kube.apiserver.endpoints.info import is_true
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, managed_fields, patch, status

Object = dict[str, Any]
Gvk = tuple[str, str, str]

_JSON_TYPES: Final = {patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_MERGE_PATCH}


def changer(
    context: RequestContext,
    gvk: Gvk,
    content_type: str,
    data: bytes,
    query: Mapping[str, str],
    subresource: str = "",
) -> tuple[Callable[[Object | None], Object], bool]:
    """The change a patch asks for, and whether it makes what is missing (apply).

    Raises StatusError 400, 415, 422.
    """
    validation = query.get("fieldValidation", "")
    if content_type == patch.APPLY_YAML:
        return _applier(context, gvk, data, query, subresource, validation), True
    if content_type not in _JSON_TYPES:
        raise status.unsupported_media_type(patch.PATCH_TYPES)
    if "force" in query:
        error = field.forbidden("force", "may not be specified for non-apply patch")
        raise status.invalid("meta.k8s.io", "PatchOptions", "", [error])
    document = body.decode(data, "application/json")

    def change(old: Object | None) -> Object:
        assert old is not None
        if content_type == patch.JSON_PATCH:
            result = patch.json_patch(old, document)
        elif content_type == patch.MERGE_PATCH:
            result = patch.merge_patch(old, document)
        else:
            result = patch.strategic_merge_patch(old, document, gvk)
        context.warnings.clear()
        return body.check(result, gvk, context, validation)

    return change, False


def _applier(
    context: RequestContext,
    gvk: Gvk,
    data: bytes,
    query: Mapping[str, str],
    subresource: str,
    validation: str,
) -> Callable[[Object | None], Object]:
    manager = query.get("fieldManager", "")
    if not manager:
        error = field.required("fieldManager", "is required for apply patch")
        raise status.invalid("meta.k8s.io", "PatchOptions", "", [error])
    document = body.from_yaml(data)
    if not isinstance(document, dict):
        raise status.bad_request("error decoding YAML: the patch is not an object")
    applied = body.check(document, gvk, context, validation)
    force = is_true(query.get("force"))
    context.applied = True

    def change(old: Object | None) -> Object:
        if old is None:
            uid = (applied.get("metadata") or {}).get("uid")
            if uid:
                raise status.conflict(gvk[2], "", "uid mismatch: the provided object specified uid " + uid)
        return managed_fields.apply(old, applied, gvk, manager=manager, force=force, subresource=subresource)

    return change
