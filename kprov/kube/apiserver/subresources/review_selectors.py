"""Selectors in access reviews: validate them and convert them for authorizers.

Terms that cannot be parsed are left out, so that the authorizer checks a wider request, never a narrower one.
Source: upstream pkg/apis/authorization/validation and pkg/registry/authorization/util.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector, SelectorError

_WITH_VALUES: Final = {"In", "NotIn"}
_WITHOUT_VALUES: Final = {"Exists", "DoesNotExist"}


@dataclass(frozen=True, slots=True)
class SelectorTerms:
    """The equality terms of a field selector, and messages about the invalid ones."""

    fields: tuple[tuple[str, str], ...]
    errors: tuple[str, ...]


def validate(attributes: JsonObject | None) -> Iterator[FieldError]:
    """Yield the errors of the two selectors. Unknown operators are allowed."""
    for name in ("fieldSelector", "labelSelector"):
        selector = (attributes or {}).get(name)
        if selector is not None:
            yield from _check_selector(selector, f"spec.resourceAttributes.{name}", of_labels=name[0] == "l")


def _check_selector(selector: JsonObject, at: str, *, of_labels: bool) -> Iterator[FieldError]:
    raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or []
    if raw and requirements:
        yield field.invalid(f"{at}.rawSelector", raw, "may not specified at the same time as requirements")
    if not raw and not requirements:
        text = f"when {at} is specified, requirements or rawSelector is required"
        yield field.required(f"{at}.requirements", text)
    for index, requirement in enumerate(requirements):
        place = f"{at}.requirements[{index}]"
        key, values = requirement.get("key") or "", requirement.get("values") or []
        if not of_labels and not key:
            yield field.required(f"{place}.key", "must be specified")
        operator = requirement.get("operator") or ""
        if operator in _WITH_VALUES and not values:
            yield field.required(f"{place}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        if operator in _WITHOUT_VALUES and values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield field.forbidden(f"{place}.values", text)
        if of_labels:
            yield from _check_label(key, values, place)


def _check_label(key: str, values: Sequence[str], at: str) -> Iterator[FieldError]:
    for text in names.is_qualified_name(key):
        yield field.invalid(f"{at}.key", key, text)
    for number, value in enumerate(values):
        for text in names.is_label_value(value):
            yield field.invalid(f"{at}.values[{number}]", value, text)


def parse_selectors(attributes: JsonObject) -> SelectorTerms:
    """Parse the selectors of valid resourceAttributes."""
    errors = []
    fields, wrong = _parse_fields(attributes.get("fieldSelector") or {})
    if wrong:
        errors.append(_describe_ignored("fieldSelector", some=bool(fields)))
    read, wrong = _parse_labels(attributes.get("labelSelector") or {})
    if wrong:
        errors.append(_describe_ignored("labelSelector", some=read))
    equal = tuple((name, value) for name, value, is_equal in fields if is_equal)
    return SelectorTerms(equal, tuple(errors))


def _describe_ignored(name: str, *, some: bool) -> str:
    part = "partially ignored" if some else "ignored"
    return f"spec.resourceAttributes.{name} {part} due to parse error"


def _parse_fields(selector: JsonObject) -> tuple[list[tuple[str, str, bool]], bool]:
    """(field, value, whether it is an equality) of all valid terms; whether any is invalid."""
    requirements = selector.get("requirements") or []
    if not requirements:
        try:
            terms = FieldSelector.parse(selector.get("rawSelector") or "").terms
        except SelectorError:
            return [], True
        return [(term.field, term.value, not term.negated) for term in terms], False
    valid_terms = [
        (requirement.get("key") or "", requirement["values"][0], requirement["operator"] == "In")
        for requirement in requirements
        if requirement.get("operator") in _WITH_VALUES and len(requirement.get("values") or ()) == 1
    ]
    return valid_terms, len(valid_terms) < len(requirements)


def _parse_labels(selector: JsonObject) -> tuple[bool, bool]:
    """Whether any term is valid, and whether any is invalid."""
    requirements = selector.get("requirements") or []
    if not requirements:
        raw = selector.get("rawSelector") or ""
        try:
            return not LabelSelector.parse(raw).is_empty, False
        except SelectorError:
            return False, True
    known = [
        requirement
        for requirement in requirements
        if requirement.get("operator") in _WITH_VALUES | _WITHOUT_VALUES
    ]
    return bool(known), len(known) < len(requirements)
