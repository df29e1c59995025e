"""The spec of a definition as upstream validates it: what all versions have in common stands beside them.

So errors of a definition with one version name spec.validation and not spec.versions[0].schema.
Source: apiextensions-apiserver pkg/apis/apiextensions/v1/conversion.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject

#: From the field of a version to the field of the spec.
_SHARED: Final = {
    "subresources": "subresources",
    "schema": "validation",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}


def build_internal_spec(spec: JsonObject) -> JsonObject:
    """Return a shallow copy of a spec with the fields that are equal in all versions moved to the spec."""
    versions: list[JsonObject] = [dict(version) for version in spec.get("versions") or ()]
    internal = {**spec, "versions": versions}
    if not versions:
        return internal
    for name, shared_name in _SHARED.items():
        first = versions[0].get(name)
        if any(not _is_equal(version.get(name), first) for version in versions):
            continue
        if first is not None:
            internal[shared_name] = first
        for version in versions:
            version.pop(name, None)
    return internal


def list_schemas(spec: JsonObject) -> list[JsonObject]:
    """Return the schemas of an internal spec, for the rules that look at all of them."""
    holders = [spec.get("validation"), *(version.get("schema") for version in spec["versions"])]
    return [holder["openAPIV3Schema"] for holder in holders if holder and holder.get("openAPIV3Schema")]


def _is_equal(value: Any, other: Any) -> bool:
    """As upstream's semantic equality: absent and empty lists are equal."""
    try:
        is_same = value == other
    except RecursionError:
        return False  # a thousand levels; then errors name each version
    return is_same or (not value and not other and isinstance(value or other or [], list))
