"""References to an object by group, kind and name.

Source: upstream pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import names
from kprov.kube.machinery.json_object import JsonObject


def validate_typed_reference(reference: JsonObject, path: str) -> Errors:
    if reference.get("apiGroup") is not None:
        yield from checks.check_value(reference["apiGroup"], f"{path}.apiGroup", names.is_dns1123_subdomain)
    for part in ("kind", "name"):
        yield from checks.check_required_field(reference, path, part, names.is_path_segment_name)
