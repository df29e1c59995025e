"""The Invalid error (422) of an object that breaks rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kprov.kube.machinery import status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import zero_values

Judge = Callable[[], Sequence[FieldError]]


def raise_if_invalid(
    resource: Resource, name: str, judge: Judge, emptied: Sequence[zero_values.Emptied]
) -> None:
    """Raise Invalid if `judge` returns errors. emptied: the empty values that normalize removed."""
    errors = judge()
    if not errors:
        return
    if emptied:
        # Show empty values as the client sent them.
        zero_values.restore_emptied(emptied)
        again = judge()
        if _list_places(again) == _list_places(errors):
            errors = again
    # Rules that overlap report the same error. Each is shown once.
    raise status.invalid(resource.group, resource.kind, name, list(dict.fromkeys(errors)))


def _list_places(errors: Sequence[FieldError]) -> list[tuple[str, str]]:
    return [(error.reason, error.field) for error in errors]
