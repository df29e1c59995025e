"""CEL selectors of devices. The server does not compile them.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

SELECTORS_MAX: Final = 32
_EXPRESSION_MAX: Final = 10 * 1024


def validate_selector(selector: JsonObject, path: str) -> Errors:
    if selector.get("cel") is None:
        yield field.required(f"{path}.cel")
    elif len(selector["cel"].get("expression", "").encode()) > _EXPRESSION_MAX:
        yield field.too_long(f"{path}.cel.expression", _EXPRESSION_MAX)
