"""The paths of the replicas and the selector of a custom resource with the subresource scale.

Source: apiextensions-apiserver/pkg/registry/customresource/{etcd,validator}.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_INT32: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Paths as names of fields. `selector` is () if the definition has none."""

    replicas: tuple[str, ...]
    status_replicas: tuple[str, ...]
    selector: tuple[str, ...]

    @classmethod
    def from_definition(cls, scale: JsonObject) -> Self:
        """Read spec.versions[].subresources.scale."""
        names = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
        return cls(*(tuple(filter(None, (scale.get(name) or "").split("."))) for name in names))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        """Check that replicas are integers that a Scale can show, and that the selector is text."""
        errors = []
        for path in (self.replicas, self.status_replicas):
            value = find(obj, path)
            name = ".".join(("", *path))
            if value is None:
                continue
            if type(value) is not int:
                errors.append(field.invalid(name, value, "should be an integer"))
            elif value < 0:
                errors.append(field.invalid(name, value, "should be a non-negative integer"))
            elif value > _INT32:
                text = f"should be less than or equal to {_INT32}"
                errors.append(field.invalid(name, value, text))
        selector = find(obj, self.selector) if self.selector else None
        if selector is not None and type(selector) is not str:
            errors.append(field.invalid(".".join(("", *self.selector)), selector, "should be a string"))
        return errors


def find(obj: JsonObject, path: tuple[str, ...]) -> Any:
    """Return the value at a path, None if it is missing."""
    value: Any = obj
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def put(obj: JsonObject, path: tuple[str, ...], value: Any) -> None:
    """Set the value at a path. Add missing objects on the way."""
    for name in path[:-1]:
        child = obj.get(name)
        if not isinstance(child, dict):
            child = obj[name] = {}
        obj = child
    obj[path[-1]] = value
