"""Rules in CEL: x-kubernetes-validations of a schema.

Values are dynamic, so that a wrong field shows when a rule is evaluated.
Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kprov.kube.apiserver.registry.apiextensions.custom_resource.rule_values import convert
from kprov.kube.component_helpers.cel.bounds import LIMIT_TEXT
from kprov.kube.component_helpers.cel.errors import CompileError, EvaluationError
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.budget import Budget
from kprov.kube.machinery.schema.custom.equality import is_equal
from kprov.kube.machinery.schema.custom.list_types import find_key
from kprov.kube.machinery.schema.custom.places import Place, format_path
from kprov.kube.machinery.schema.custom.structural import Structural

if TYPE_CHECKING:
    from kprov.kube.component_helpers.cel.environment import Bound, Environment, Program

#: Evaluations for one object. Each is bounded as those of policies.
MOST_EVALUATIONS: Final = 5_000
_LONGEST_MESSAGE: Final = 5 << 10
_LITERALS: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_OLD_SELF: Final = re.compile(r"\boldSelf\b")
_KEY_STEP: Final = re.compile(r"\['((?:[^'\\]|\\.)*)'\]")
#: oldSelf as an optional value, which the library takes from expressions only.
_OPTIONAL: Final = "cel.bind(oldSelf, size(oldValues) > 0 ? optional.of(oldValues[0]) : optional.none(), {})"
_NO_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
_BLOCKING: Final = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
_NOT_CHECKED: Final = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to "
    "complete validation"
)


class _Stopped(Exception):  # noqa: N818 - the end of a walk, not an error
    """No further rules are evaluated."""


class _Before(NamedTuple):
    """What was stored. value: None if nothing correlates. is_unchanged: it, or what holds it, is equal."""

    value: Any
    is_unchanged: bool


class Rule:
    """One compiled rule."""

    def __init__(self, raw: JsonObject) -> None:
        """Compile a rule. Raise CompileError."""
        text = raw.get("rule") or ""
        self.raw = raw
        self.uses_old = _OLD_SELF.search(_LITERALS.sub("", text)) is not None
        self.is_optional = bool(raw.get("optionalOldSelf"))
        self.program = self._compile(text)
        message = raw.get("messageExpression") or ""
        self.message = self._compile(message) if message else None

    @property
    def text(self) -> str:
        """Return what names the rule in errors."""
        return ((self.raw.get("message") or "") or self.raw["rule"]).strip()

    def _compile(self, text: str) -> Program:
        environment = load_environment()
        return environment.compile(_OPTIONAL.format(f"({text}\n)") if self.is_optional else text)


class RuleSet:
    """The rules of a schema."""

    def __init__(self, schema: Structural | None) -> None:
        """Compile all rules. Those that do not compile are reported at each evaluation, as upstream does."""
        self._schema = schema if schema is not None and schema.has_rules else None
        self._compiled: dict[int, list[Rule | CompileError]] = {}
        if self._schema is not None:
            self._compile(self._schema, set())

    def check(
        self,
        obj: Any,
        old: Any,
        earlier: list[FieldError],
        *,
        budget: Budget | None = None,
        is_resource: bool = True,
    ) -> list[FieldError]:
        """Evaluate the rules.

        earlier: errors of the schema, some of which make rules meaningless. budget: shared by several calls.
        is_resource: whether the root of the schema is a resource, with kind and metadata.
        """
        if self._schema is None:
            return []
        if any(error.reason in _BLOCKING for error in earlier):
            return [field.invalid("<nil>", None, _NOT_CHECKED)]
        walk = _Walk(self._compiled, budget or Budget(MOST_EVALUATIONS))
        before = _Before(old, is_unchanged=old is not None and is_equal(obj, old))
        with suppress(_Stopped):
            walk.check(self._schema, obj, (), before, is_resource=is_resource)
        return walk.errors

    def _compile(self, schema: Structural, seen: set[int]) -> None:
        """seen: identities of the levels that were visited."""
        if id(schema) in seen:
            return
        seen.add(id(schema))
        if schema.rules:
            self._compiled[id(schema)] = [_try_compile(raw) for raw in schema.rules]
        for child in _list_children(schema):
            self._compile(child, seen)


@cache
def load_environment() -> Environment:
    """Create the environment of rules."""
    from kprov.kube.component_helpers.cel.environment import Environment

    return Environment({"self": "dyn", "oldSelf": "dyn", "oldValues": "list<dyn>"})


def _try_compile(raw: JsonObject) -> Rule | CompileError:
    try:
        return Rule(raw)
    except CompileError as error:
        return error


def _list_children(schema: Structural) -> list[Structural]:
    children = [*schema.properties.values(), *schema.all_of]
    children += [child for child in (schema.items, schema.additional) if isinstance(child, Structural)]
    return [child for child in children if child.has_rules]


class _Walk:
    """One evaluation of all rules for an object."""

    def __init__(self, compiled: dict[int, list[Rule | CompileError]], budget: Budget) -> None:
        self.errors: list[FieldError] = []
        self._compiled = compiled
        self._budget = budget

    def check(
        self, schema: Structural, value: Any, place: Place, before: _Before, *, is_resource: bool = False
    ) -> None:
        if value is None or not schema.has_rules:
            return
        self._evaluate(schema, schema, value, place, before, is_resource=is_resource)
        for branch in schema.all_of:
            self._check_branch(branch, schema, value, place, before)
        if type(value) is dict:
            for name, held in value.items():
                child = schema.properties.get(name)
                if child is not None:
                    self.check(child, held, (place, name), _find_field(before, name, held))
                elif isinstance(schema.additional, Structural):
                    self.check(schema.additional, held, (place, name, True), _find_field(before, name, held))
        elif type(value) is list and schema.items is not None and schema.items.has_rules:
            for index, (held, stored) in enumerate(_correlate(schema, value, before)):
                self.check(schema.items, held, (place, index), stored)

    def _check_branch(
        self, branch: Structural, spine: Structural, value: Any, place: Place, before: _Before
    ) -> None:
        """Evaluate the rules of an element of allOf. Its schema has no types."""
        self._evaluate(branch, spine, value, place, before, is_resource=not place)
        for name, child in branch.properties.items():
            inner = spine.properties.get(name)
            if child.has_rules and inner is not None and type(value) is dict and value.get(name) is not None:
                stored = _find_field(before, name, value[name])
                self._check_branch(child, inner, value[name], (place, name), stored)

    def _evaluate(
        self,
        holder: Structural,
        schema: Structural,
        value: Any,
        place: Place,
        before: _Before,
        *,
        is_resource: bool,
    ) -> None:
        rules = self._compiled.get(id(holder))
        if rules is None:
            return
        kind, path = schema.types[0] if len(schema.types) == 1 else "", format_path(place) or "<nil>"
        old = before.value
        variables: dict[str, Any] = {"self": convert(value, schema, is_resource=is_resource)}
        variables["oldSelf"] = old if old is None else convert(old, schema, is_resource=is_resource)
        variables["oldValues"] = [] if old is None else [variables["oldSelf"]]
        try:
            bound = load_environment().bind(variables)
        except EvaluationError as error:
            self.errors.append(field.invalid(path, kind, str(error)))
            return
        for rule in rules:
            if isinstance(rule, CompileError):
                self.errors.append(field.invalid(path, kind, f"rule compile error: {rule}"))
            elif not rule.uses_old or rule.is_optional or old is not None:
                if not self._budget.take():
                    self.errors.append(field.invalid(path, kind, _NO_BUDGET))
                    raise _Stopped
                self._run(rule, bound, _Subject(value, kind, path, schema, before))

    def _run(self, rule: Rule, bound: Bound, subject: _Subject) -> None:
        try:
            result = rule.program.evaluate(bound)
        except EvaluationError as error:
            self.errors.append(field.invalid(subject.path, subject.kind, _describe_error(str(error), rule)))
            if str(error).startswith(LIMIT_TEXT):
                raise _Stopped from None
            return
        if result is True or (subject.before.is_unchanged and not rule.uses_old):
            return
        path = subject.path
        where = _normalize_path(rule.raw.get("fieldPath") or "", subject.schema)
        if where:
            path = f"{path}{where}" if path != "<nil>" else where.removeprefix(".")
        value = field.OMITTED if subject.kind in {"object", "array"} else subject.value
        self.errors.append(_make_error(path, value, _describe_failure(rule, bound), rule.raw.get("reason")))


class _Subject(NamedTuple):
    """The value that a rule is about."""

    value: Any
    kind: str
    path: str
    schema: Structural
    before: _Before


def _find_field(before: _Before, name: str, value: Any) -> _Before:
    old = before.value.get(name) if isinstance(before.value, dict) else None
    if before.is_unchanged:
        return _Before(old, is_unchanged=True)
    return _Before(old, is_unchanged=old is not None and is_equal(value, old))


def _correlate(schema: Structural, value: list[Any], before: _Before) -> Iterator[tuple[Any, _Before]]:
    """Yield the items of a list with the stored ones, which only lists of type map have."""
    stored: dict[str, Any] = {}
    if schema.list_type == "map" and isinstance(before.value, list):
        for item in before.value:
            if type(item) is dict:
                stored.setdefault(find_key(item, schema.map_keys), item)
    for item in value:
        old = stored.get(find_key(item, schema.map_keys)) if stored and type(item) is dict else None
        is_unchanged = before.is_unchanged or (old is not None and is_equal(item, old))
        yield item, _Before(old, is_unchanged)


def _describe_error(reason: str, rule: Rule) -> str:
    if reason.startswith("no such overload"):
        about = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{reason}': {about}: {rule.text}"
    if reason.startswith(LIMIT_TEXT):
        about = "no further validation rules will be run due to call cost exceeds limit for rule"
        return f"'{reason}': {about}: {rule.text}"
    return f"{reason} evaluating rule: {rule.text}"


def _describe_failure(rule: Rule, bound: Bound) -> str:
    if rule.message is not None:
        try:
            text = rule.message.evaluate(bound)
        except EvaluationError:
            text = ""
        text = text.strip() if isinstance(text, str) else ""
        if text and len(text.encode()) <= _LONGEST_MESSAGE and "\n" not in text:
            return text
    message = (rule.raw.get("message") or "").strip()
    return message or f"failed rule: {rule.text}"


def _make_error(path: str, value: Any, detail: str, reason: str | None) -> FieldError:
    if reason == "FieldValueForbidden":
        return field.forbidden(path, detail)
    if reason == "FieldValueRequired":
        return field.required(path, detail)
    if reason == "FieldValueDuplicate":
        return field.duplicate(path, "" if value is field.OMITTED else value)
    return field.invalid(path, value, detail)


def _normalize_path(text: str, schema: Structural) -> str:
    """Return a rule's fieldPath as a field path: .a['b'] is .a.b, or .a[b] for the key of a map."""
    path, current = "", schema
    for step in re.findall(r"\['(?:[^'\\]|\\.)*'\]|\.[^.\[]+", text):
        match = _KEY_STEP.fullmatch(step)
        name = re.sub(r"\\(.)", r"\1", match[1]) if match else step[1:]
        if current.properties:
            path += f".{name}"
            current = current.properties.get(name, current)
        else:
            path += f"[{name}]"
            current = current.additional if isinstance(current.additional, Structural) else current
    return path
