"""The rules of spec.versions[].selectableFields.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceSelectableFields).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.field_paths import (
    FieldPathError,
    find_field,
)
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import Structural

MOST_FIELDS: Final = 8
_TYPES: Final = {("string",), ("boolean",), ("integer",)}
_WRONG_TYPE: Final = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings with formats "
    "are allowed."
)


def check_selectable_fields(
    fields: Sequence[JsonObject], schema: Structural, path: str, *, allow_many: bool = False
) -> Errors:
    """Check the selectable fields of a version. allow_many: the stored definition has as many."""
    seen: set[str] = set()
    for index, held in enumerate(fields):
        where, text = f"{path}[{index}].jsonPath", held.get("jsonPath") or ""
        if not text:
            yield field.required(where)
            continue
        try:
            field_path, field_schema = find_field(text, schema, allow_brackets=False)
        except FieldPathError as error:
            yield field.invalid(where, text, f"is an invalid path: {error}")
            continue
        if field_path.split(".")[0] == "metadata":
            yield field.invalid(where, text, "must not point to fields in metadata")
        if field_schema.types not in _TYPES:
            yield field.invalid(where, text, _WRONG_TYPE)
        if field_path in seen:
            yield field.duplicate(where, text)
        seen.add(field_path)
    if len(seen) > MOST_FIELDS and not allow_many:
        yield field.too_many(path, len(seen), MOST_FIELDS)
