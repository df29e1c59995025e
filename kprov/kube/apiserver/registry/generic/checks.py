"""Checks that many kinds use. Each yields field errors.

Paths are upstream's field paths ("spec.containers[0].name"). Source: upstream
staging/src/k8s.io/apimachinery/pkg/api/validation and pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity, QuantityError

Errors = Iterator[FieldError]
Check = Callable[[str], list[str]]

INT32_MAX: Final = 2**31 - 1
NOT_NEGATIVE: Final = "must be greater than or equal to 0"
IMMUTABLE: Final = "field is immutable"
_SELECTOR_OPERATORS: Final = {"In", "NotIn", "Exists", "DoesNotExist"}


def enumerate_items(items: Iterable[Any] | None, path: str) -> Iterator[tuple[str, Any]]:
    """(path, item) for each item of a list that may be None."""
    for index, item in enumerate(items or ()):
        yield f"{path}[{index}]", item


def find_repeats(values: Iterable[Hashable]) -> set[int]:
    """Return the indexes of values that came before. A list in a request may have a million of them."""
    seen: set[Hashable] = set()
    repeats = set()
    for index, value in enumerate(values):
        if value in seen:
            repeats.add(index)
        seen.add(value)
    return repeats


def require_fields(owner: Mapping[str, Any], path: str, *parts: str) -> Errors:
    """Refuse absent or empty fields."""
    for part in parts:
        if not owner.get(part):
            yield field.required(f"{path}.{part}" if path else part)


def check_value(value: Any, path: str, check: Callable[[Any], list[str]]) -> Errors:
    """Report each rule that a value breaks. check: from machinery.names."""
    for text in check(value):
        yield field.invalid(path, value, text)


def check_optional_field(owner: Mapping[str, Any], path: str, part: str, check: Check) -> Errors:
    """Check a field if it is set."""
    if owner.get(part):
        yield from check_value(owner[part], f"{path}.{part}", check)


def check_required_field(owner: Mapping[str, Any], path: str, part: str, check: Check) -> Errors:
    """Check a field that must be set."""
    value, where = owner.get(part) or "", f"{path}.{part}" if path else part
    if value:
        yield from check_value(value, where, check)
    else:
        yield field.required(where)


def check_enum(value: Any, path: str, supported: Sequence[str]) -> Errors:
    """Refuse a value that is not supported. None is accepted."""
    if value is not None and value not in supported:
        yield field.not_supported(path, value, supported)


def check_required_enum(value: str | None, path: str, supported: Sequence[str]) -> Errors:
    """Refuse a value that is empty or not supported."""
    if not value:
        yield field.required(path)
    elif value not in supported:
        yield field.not_supported(path, value, supported)


def check_not_negative(owner: Mapping[str, Any], path: str, *parts: str) -> Errors:
    for part in parts:
        if (owner.get(part) or 0) < 0:
            yield field.invalid(f"{path}.{part}", owner[part], NOT_NEGATIVE)


def check_range(value: int | None, path: str, low: int, high: int, text: str = "") -> Errors:
    if value is not None and not low <= value <= high:
        yield field.invalid(path, value, text or names.range_error(low, high))


def check_immutable(new: Mapping[str, Any], old: Mapping[str, Any], path: str, *parts: str) -> Errors:
    """Refuse changed fields. Absent and empty are equal."""
    for part in parts:
        if (new.get(part) or None) != (old.get(part) or None):
            yield field.invalid(f"{path}.{part}" if path else part, new.get(part), IMMUTABLE)


def check_labels(values: Mapping[str, str] | None, path: str) -> Errors:
    for key, value in (values or {}).items():
        yield from check_value(key, path, names.is_qualified_name)
        yield from check_value(value, path, names.is_label_value)


def check_annotations(values: Mapping[str, str] | None, path: str) -> Errors:
    size = 0
    for key, value in (values or {}).items():
        for text in names.is_qualified_name(key.lower()):
            yield field.invalid(path, key, text)
        size += len(key.encode()) + len(value.encode())
    if size > 256 * 1024:
        yield field.too_long(path, 256 * 1024)


def check_label_selector(selector: JsonObject | None, path: str, *, any_values: bool = False) -> Errors:
    """Field rules of a label selector. any_values: values of expressions need not be valid label values."""
    if selector is None:
        return
    yield from check_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for where, term in enumerate_items(selector.get("matchExpressions"), f"{path}.matchExpressions"):
        operator, values = term.get("operator", ""), term.get("values") or ()
        if operator in {"In", "NotIn"} and not values:
            yield field.required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        if operator in {"Exists", "DoesNotExist"} and values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield field.forbidden(f"{where}.values", text)
        if operator not in _SELECTOR_OPERATORS:
            yield field.invalid(f"{where}.operator", operator, "not a valid selector operator")
        yield from check_value(term.get("key", ""), f"{where}.key", names.is_qualified_name)
        for place, value in enumerate_items(() if any_values else values, f"{where}.values"):
            yield from check_value(value, place, names.is_label_value)


def is_invalid_selector(selector: JsonObject | None) -> bool:
    """Whether check_label_selector reports errors."""
    return any(True for _ in check_label_selector(selector, ""))


def has_invalid_selector_values(selector: JsonObject | None) -> bool:
    """Whether expressions have invalid label values. An update may keep them."""
    return any(
        names.is_label_value(value)
        for term in (selector or {}).get("matchExpressions") or ()
        for value in term.get("values") or ()
    )


def check_port_number_or_name(port: Any, path: str) -> Errors:
    yield from check_value(port, path, names.is_port_name if isinstance(port, str) else names.is_port_number)


def check_at_most_100_percent(value: Any, path: str) -> Errors:
    """Refuse a percentage above 100%."""
    if isinstance(value, str) and re.fullmatch("[0-9]+%", value) and parse_clamped(value[:-1]) > 100:
        yield field.invalid(path, value, "must not be greater than 100%")


def check_local_path(text: str, path: str) -> Errors:
    """Check that a path is relative and has no ".."."""
    if text.startswith("/"):
        yield field.invalid(path, text, "must be a relative path")
    yield from check_no_backsteps(text, path)


def check_no_backsteps(text: str, path: str) -> Errors:
    if ".." in text.split("/"):
        yield field.invalid(path, text, "must not contain '..'")


def check_local_file(text: str, path: str) -> Errors:
    """Check a local path that does not start with "..", which volumes reserve."""
    yield from check_local_path(text, path)
    if text.startswith("..") and not text.startswith("../"):
        yield field.invalid(path, text, "must not start with '..'")


def parse_nanos(amount: Any) -> int:
    """Return a quantity in billionths; 0 if it is invalid, which the schema refuses earlier."""
    try:
        return Quantity.parse(str(amount)).nanos
    except QuantityError:
        return 0


def make_immutable_error(path: str, value: Any) -> FieldError:
    return field.invalid(path, value, "field is immutable")


def check_domain_path(value: str, path: str) -> Errors:
    """Check a value such as example.com/path."""
    if not value:
        yield field.required(path)
        return
    domain, slash, rest = value.partition("/")
    if not slash or not domain or not rest:
        text = 'must be a domain-prefixed path (such as "acme.io/foo")'
        yield field.invalid(path, value, text)
        return
    for text in names.is_dns1123_subdomain(domain):
        yield field.invalid(path, domain, text)
    if not re.fullmatch(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", rest):
        problem = names.regex_error("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
        yield field.invalid(path, rest, problem)


def check_lone_wildcard(values: Sequence[str], path: str, what: str) -> Errors:
    if len(values) > 1 and "*" in values:
        text = f"if '*' is present, must not specify other {what}"
        yield field.invalid(path, list(values), text)
