"""Defaults that OpenAPI v3 publishes: those of +default markers, and the zeros that Go always writes."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from kprov.kube.machinery.schema import zero_values
from kprov.kube.machinery.upstream import api_types

_NO_ZERO: Final = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
}


@cache
def _marker_defaults(definition: str) -> dict[str, Any]:
    """Return the defaults of markers, by field."""
    described = api_types.find(definition.removeprefix("io.k8s."))
    if described is None:
        return {}
    return {field.name: field.default for field in api_types.flatten(described) if field.default is not None}


def find_default(definition: str, field: str, reference: str) -> Any:
    """Return the default of a type's field, None for none.

    reference: the definition of the field's type, or "".
    """
    marked = _marker_defaults(definition)
    if field in marked:
        return marked[field]
    fields = zero_values.fields_of_definition(definition)
    if fields is None or reference in _NO_ZERO:
        return None
    return {} if field in fields.structs else fields.written.get(field)
