"""What the validation of a schema finds, and its field errors.

Source: apiextensions-apiserver pkg/apiserver/validation/validation.go, kubeOpenAPIResultToFieldErrors.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.schema.custom.places import Place, format_dotted

#: Errors of one object. More help nobody, and a list may have a million wrong items.
MOST_ERRORS: Final = 100
#: The path of upstream's errors that name no field.
NOWHERE: Final = "<nil>"


class Problem(NamedTuple):
    """One broken keyword.

    kind: "type", "required", "enum", "long", "many", "forbidden", "invalid", or "composite" for errors that
    name no field. text: follows the path; of a composite error, all of it, with %s for the path; of a
    forbidden field, its name.
    """

    kind: str
    place: Place
    text: str
    value: Any = ""
    limit: int = 0
    size: int = 0
    choices: tuple[Any, ...] = ()


class Problems(dict[tuple[str, Place, str], Problem]):
    """Problems without repetitions, MOST_ERRORS at most."""

    def add(self, problem: Problem) -> None:
        if len(self) < MOST_ERRORS:
            self.setdefault(problem[:3], problem)

    def merge(self, other: Problems) -> None:
        for key, problem in other.items():
            if len(self) >= MOST_ERRORS:
                return
            self.setdefault(key, problem)


def describe(problem: Problem, root: str) -> FieldError:
    """Return the field error. root: the path of the validated value, such as "status"."""
    name = format_dotted(problem.place)
    path = ".".join(part for part in (root, name) if part) or NOWHERE
    if problem.kind == "composite":
        return field.invalid(root or NOWHERE, "", problem.text.replace("%s", name, 1))
    if problem.kind == "required":
        return field.required(path)
    if problem.kind == "enum":
        names = [held if isinstance(held, str) else go_json.format_value(held) for held in problem.choices]
        return field.not_supported(path, problem.value, names)
    if problem.kind == "forbidden":
        return field.invalid(path, problem.text, f"{name}.{problem.text} in body is a forbidden property")
    if problem.kind == "long":
        return field.too_long(path, problem.limit)
    if problem.kind == "many":
        return field.too_many(path, problem.size, problem.limit)
    error = field.invalid(path, problem.value, f"{name} in body {problem.text}")
    return FieldError("FieldValueTypeInvalid", path, error.detail) if problem.kind == "type" else error
