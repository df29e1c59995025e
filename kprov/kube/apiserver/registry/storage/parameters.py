"""Fields that storage classes and volume attributes classes share.

Source: upstream pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, names

_PARAMETERS_MAX, _PARAMETERS_BYTES = 512, 256 * 1024


def validate_provisioner(name: str, path: str) -> Errors:
    if not name:
        yield field.required(path)
    else:
        yield from checks.check_value(name.lower(), path, names.is_qualified_name)


def validate_parameters(values: dict[str, str]) -> Errors:
    if len(values) > _PARAMETERS_MAX:
        yield field.too_long("parameters", _PARAMETERS_MAX)
    if "" in values:
        yield field.invalid("parameters", "", "field can not be empty.")
    if sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) > _PARAMETERS_BYTES:
        yield field.too_long("parameters", _PARAMETERS_BYTES)
