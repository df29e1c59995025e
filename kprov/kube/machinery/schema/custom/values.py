"""Checks an object against the value validations of a schema.

A check returns the number of passed checks, which selects the errors of anyOf and oneOf as upstream does, and
the problems, None for no problem.
Source: k8s.io/kube-openapi/pkg/validation/validate,
apiextensions-apiserver pkg/apiserver/validation/ratcheting.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from kprov.kube.machinery.field import FieldError, internal
from kprov.kube.machinery.schema.custom import numbers
from kprov.kube.machinery.schema.custom.budget import Budget
from kprov.kube.machinery.schema.custom.equality import is_equal
from kprov.kube.machinery.schema.custom.list_types import find_key
from kprov.kube.machinery.schema.custom.places import Place
from kprov.kube.machinery.schema.custom.problems import NOWHERE, Problem, Problems, describe
from kprov.kube.machinery.schema.custom.structural import Structural
from kprov.kube.machinery.status import quoted

#: Checks of one object. The costliest schema for the largest object would need a thousand times more.
MOST_CHECKS: Final = 3_000_000
_TYPE_META: Final = frozenset({"apiVersion", "kind"})
_TYPE_NAMES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}
_NUMBERS: Final = frozenset({int, float})

Found = Problems | None


class _Before(NamedTuple):
    """The stored value at a place, with the schema that correlates what it holds."""

    value: Any
    spine: Structural


class _TooManyChecksError(Exception):
    """The budget is exhausted."""


def find_errors(
    schema: Structural, value: Any, root: str = "", *, budget: Budget | None = None
) -> list[FieldError]:
    """Return the errors of a new value. root: its path. budget: of checks, shared by several calls."""
    return _run(schema, value, None, root, budget or Budget(MOST_CHECKS))


def find_update_errors(schema: Structural, value: Any, old: Any, root: str = "") -> list[FieldError]:
    """Return the errors of a changed value, without those of unchanged values within it."""
    return _run(schema, value, _Before(old, schema), root, Budget(MOST_CHECKS))


def _run(
    schema: Structural, value: Any, before: _Before | None, root: str, budget: Budget
) -> list[FieldError]:
    try:
        problems = _Walk(budget).ratchet(schema, value, (), before)[1]
    except _TooManyChecksError:
        text = (
            f"the validation needs more than {MOST_CHECKS} checks: the schema is too complex for the object"
        )
        return [internal(root or NOWHERE, text)]
    return [describe(problem, root) for problem in problems.values()] if problems else []


class _Walk:
    """One validation."""

    __slots__ = ("_budget",)

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def ratchet(
        self, schema: Structural, value: Any, place: Place, before: _Before | None
    ) -> tuple[int, Found]:
        """Check a value, and accept it in any case if it is the stored one."""
        count, problems = self.check(schema, value, place, before)
        if problems and before is not None and is_equal(value, before.value):
            return count, None
        return count, problems

    def check(
        self, schema: Structural, value: Any, place: Place, before: _Before | None
    ) -> tuple[int, Found]:
        budget = self._budget
        budget.left -= 1  # not take(): this is the innermost loop
        if budget.left < 0:
            raise _TooManyChecksError
        if value is None:
            return _check_null(schema, place)
        problems = Problems()
        count = 4 if schema.types or schema.format else 3
        if (schema.types or schema.format) and not _check_type(schema, value, place, problems):
            count -= 1
        if schema.weight > 1:
            count += self._check_branches(schema, value, place, before, problems)
        count += 1
        kind = type(value)
        if kind is str:
            count += _check_text(schema, value, place, problems)
        elif kind in _NUMBERS:
            count += 2
            _check_number(schema, value, place, problems)
        elif kind is list:
            count += 2 + self._check_list(schema, value, place, before, problems)
        elif kind is dict:
            count += 1 + self._check_object(schema, value, place, before, problems)
        if schema.enum:
            _check_enum(schema, value, place, problems)
        return count, problems or None

    def _check_branches(
        self, schema: Structural, value: Any, place: Place, before: _Before | None, problems: Problems
    ) -> int:
        """Check anyOf, oneOf, allOf and not."""
        count = 0
        if schema.any_of:
            count += self._check_any_of(schema.any_of, value, place, before, problems)
        if schema.one_of:
            count += self._check_one_of(schema.one_of, value, place, before, problems)
        if schema.all_of:
            valid = 0
            for branch in schema.all_of:
                passed, branch_problems = self.check(branch, value, place, before)
                count += passed
                if branch_problems:
                    problems.merge(branch_problems)
                else:
                    valid += 1
            if valid != len(schema.all_of):
                text = '"%s" must validate all the schemas (allOf)'
                problems.add(Problem("composite", place, text + ("" if valid else ". None validated")))
        if schema.negated is not None and not self.check(schema.negated, value, place, before)[1]:
            problems.add(Problem("composite", place, '"%s" must not validate the schema (not)'))
        return count

    def _check_any_of(
        self,
        branches: Sequence[Structural],
        value: Any,
        place: Place,
        before: _Before | None,
        problems: Problems,
    ) -> int:
        best, best_count = Problems(), -1
        for branch in branches:
            count, branch_problems = self.check(branch, value, place, before)
            if not branch_problems:
                return count
            if count > best_count:
                best, best_count = branch_problems, count
        problems.add(Problem("composite", place, '"%s" must validate at least one schema (anyOf)'))
        problems.merge(best)
        return best_count

    def _check_one_of(
        self,
        branches: Sequence[Structural],
        value: Any,
        place: Place,
        before: _Before | None,
        problems: Problems,
    ) -> int:
        best, best_count, valid, first_count = Problems(), -1, 0, 0
        for branch in branches:
            count, branch_problems = self.check(branch, value, place, before)
            if not branch_problems:
                first_count = first_count if valid else count
                valid += 1
            elif count > best_count:
                best, best_count = branch_problems, count
        if valid == 1:
            return first_count
        text = '"%s" must validate one and only one schema (oneOf). '
        text += f"Found {valid} valid alternatives" if valid else "Found none valid"
        problems.add(Problem("composite", place, text))
        if valid:
            return 0
        problems.merge(best)
        return best_count

    def _check_list(
        self, schema: Structural, value: list[Any], place: Place, before: _Before | None, problems: Problems
    ) -> int:
        count, size = 0, len(value)
        if schema.items is not None:
            stored = _StoredItems(before)
            for index, held in enumerate(value):
                passed, child_problems = self.ratchet(schema.items, held, (place, index), stored.find(held))
                count += passed
                if child_problems:
                    problems.merge(child_problems)
        if schema.min_items is not None and size < schema.min_items:
            problems.add(Problem("invalid", place, f"should have at least {schema.min_items} items", size))
        if schema.max_items is not None and size > schema.max_items:
            problems.add(Problem("many", place, "", limit=schema.max_items, size=size))
        return count

    def _check_object(
        self,
        schema: Structural,
        value: dict[str, Any],
        place: Place,
        before: _Before | None,
        problems: Problems,
    ) -> int:
        count = 0
        _check_size(schema, value, place, problems)
        properties, additional = schema.properties, schema.additional
        # The smaller one, unless all fields of the object have to be looked at.
        names: Any = value if additional is not None or len(properties) > len(value) else properties
        for name in names:
            child = properties.get(name, additional)
            if isinstance(child, Structural) and name in value:
                stored = None if before is None else _find_field(before, name, place)
                passed, child_problems = self.ratchet(child, value[name], (place, name), stored)
                count += passed
                if child_problems:
                    problems.merge(child_problems)
            elif child is False:
                problems.add(Problem("forbidden", place, name, name))
        for name in schema.required:
            if name not in value:
                problems.add(Problem("required", (place, name), ""))
        return count


class _StoredItems:
    """Finds stored items of a list by their keys."""

    __slots__ = ("_by_key", "_spine")

    def __init__(self, before: _Before | None) -> None:
        self._by_key: dict[str, Any] | None = None
        if before is None or before.spine.list_type != "map" or type(before.value) is not list:
            return
        self._spine = before.spine
        self._by_key = {}
        for item in before.value:
            if type(item) is dict:
                self._by_key.setdefault(find_key(item, before.spine.map_keys), item)

    def find(self, item: Any) -> _Before | None:
        if self._by_key is None or type(item) is not dict or self._spine.items is None:
            return None
        stored = self._by_key.get(find_key(item, self._spine.map_keys))
        return None if stored is None else _Before(stored, self._spine.items)


def _find_field(before: _Before, name: str, place: Place) -> _Before | None:
    """Return the stored value of a field. Nobody sees changes of the version at the root."""
    held, spine = before
    if type(held) is not dict or name not in held or (not place and name in _TYPE_META):
        return None
    child = spine.properties.get(name, spine.additional)
    return _Before(held[name], child) if isinstance(child, Structural) else None


def _check_null(schema: Structural, place: Place) -> tuple[int, Found]:
    problems = Problems()
    if schema.types and not schema.nullable:
        problems.add(Problem("type", place, f'must be of type {",".join(schema.types)}: "null"', "null"))
    if schema.enum:
        problems.add(Problem("enum", place, "", None, choices=tuple(schema.enum)))
    return (0, problems) if problems else (1, None)


def _check_type(schema: Structural, value: Any, place: Place, problems: Problems) -> bool:
    types, kind = schema.types, type(value)
    name = _TYPE_NAMES[kind]
    if name in types and (kind is not int or numbers.fits_int64(value)):
        return True
    form = ""
    is_number = kind in _NUMBERS
    if is_number:
        if kind is int and not numbers.fits_int64(value):
            kind, name, value = float, "number", float(value)
        form = "int64" if kind is int else "float64"
        if "number" in types or (kind is float and "integer" in types and numbers.is_json_integer(value)):
            return True
    if schema.format and kind is not str and kind is not list:
        problems.add(Problem("type", place, f'must be of type {schema.format}: "{form}"', form))
        return False
    if schema.format and (kind is str or kind is list) and not _NUMBER_TYPES.intersection(types):
        return True
    if types or schema.format:
        problems.add(Problem("type", place, f'must be of type {",".join(types)}: "{name}"', name))
        return False
    return True


_NUMBER_TYPES: Final = frozenset({"number", "integer"})


def _check_text(schema: Structural, value: str, place: Place, problems: Problems) -> int:
    count = 1
    if schema.format_check is not None:
        count = 2
        if not schema.format_check(value):
            text = f"must be of type {schema.format}: {quoted(value)}"
            problems.add(Problem("type", place, text, value))
    limit = schema.max_length
    if limit is not None and len(value) > limit:
        problems.add(Problem("long", place, "", limit=limit))
    elif schema.min_length is not None and len(value) < schema.min_length:
        text = f"should be at least {schema.min_length} chars long"
        problems.add(Problem("invalid", place, text, value))
    elif schema.pattern is not None:
        if schema.pattern.search(value) is None:
            problems.add(Problem("invalid", place, f"should match '{schema.pattern_text}'", value))
    elif schema.pattern_error:
        text = f"should match '{schema.pattern_text}, but pattern is invalid: {schema.pattern_error}'"
        problems.add(Problem("invalid", place, text, value))
    return count


def _check_number(schema: Structural, value: float, place: Place, problems: Problems) -> None:
    for follows_path, text in numbers.find_problems(schema, value):
        problems.add(Problem("invalid" if follows_path else "composite", place, text, value))


def _check_size(schema: Structural, value: dict[str, Any], place: Place, problems: Problems) -> None:
    size = len(value)
    if schema.min_properties is not None and size < schema.min_properties:
        text = f"should have at least {schema.min_properties} properties"
        problems.add(Problem("invalid", place, text, size))
    if schema.max_properties is not None and size > schema.max_properties:
        problems.add(Problem("many", place, "properties", limit=schema.max_properties, size=size))


def _check_enum(schema: Structural, value: Any, place: Place, problems: Problems) -> None:
    if type(value) is str:
        is_allowed = value in schema.enum_texts
    elif type(value) in _NUMBERS:
        is_allowed = any(type(choice) in _NUMBERS and choice == value for choice in schema.enum)
    else:
        is_allowed = any(is_equal(value, choice) for choice in schema.enum)
    if not is_allowed:
        problems.add(Problem("enum", place, "", value, choices=tuple(schema.enum)))
