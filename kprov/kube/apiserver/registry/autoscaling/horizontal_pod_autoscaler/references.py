"""References of autoscalers to other objects.

Source: upstream pkg/apis/autoscaling/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject


def validate_reference(reference: JsonObject, path: str) -> Errors:
    for part in ("kind", "name"):
        yield from checks.check_required_field(reference, path, part, names.is_path_segment_name)


def validate_reference_version(reference: JsonObject, path: str, *, core: bool) -> Errors:
    """core: the reference may name a kind of the core group."""
    version = reference.get("apiVersion", "")
    if version.count("/") > 1:
        text = f"unexpected GroupVersion string: {version}"
        yield field.invalid(f"{path}.apiVersion", version, text)
    elif not core and not version.rpartition("/")[0]:
        yield field.invalid(f"{path}.apiVersion", version, "apiVersion must specify API group")
