"""Label and field selectors: parsing, upstream's error texts, matching.

Source: staging/src/k8s.io/apimachinery/pkg/{labels,fields}/selector.go, LabelSelectorAsSelector.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kprov.kube.machinery import names
from kprov.kube.machinery.status import quoted

IN, NOT_IN, EXISTS, DOES_NOT_EXIST = "in", "notin", "exists", "!"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER, LESS = "=", "==", "!=", "gt", "lt"

_OPERATOR_TOKENS = {
    "in": IN,
    "=": EQUALS,
    "==": DOUBLE_EQUALS,
    ">": GREATER,
    "<": LESS,
    "notin": NOT_IN,
    "!=": NOT_EQUALS,
}
_OBJECT_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_SHOWN = {EQUALS: "=", DOUBLE_EQUALS: "==", NOT_EQUALS: "!=", GREATER: ">", LESS: "<"}
_EXPECTED_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),><])|([^ \t\r\n=!(),><]+))")
_SPECIAL = frozenset({"==", "!=", "=", "!", "(", ")", ",", ">", "<"})
_INTEGER = re.compile(r"[+-]?[0-9]+")
_END = ""

Labels = Mapping[str, str]

#: The longest text of a selector.
MAX_LENGTH: Final = 64 * 1024


class SelectorError(ValueError):
    """An invalid selector. The message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term. `values` are as written (a set for in and notin); `Requirement.validate` checks them."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    @classmethod
    def validate(cls, key: str, operator: str, values: Iterable[str] = ()) -> Requirement:
        """Return a requirement with a valid key and valid values. Raises SelectorError."""
        listed = tuple(values)
        errors = _broken_rules(key, operator, listed)
        if errors:
            raise SelectorError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
        return cls(key, operator, listed)

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=" | "==":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not _INTEGER.fullmatch(value):
            return False
        bound = int(self.values[0])
        return int(value) > bound if self.operator == GREATER else int(value) < bound

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == DOES_NOT_EXIST:
            return f"!{self.key}"
        joined = ",".join(sorted(self.values))
        if self.operator in {IN, NOT_IN}:
            return f"{self.key} {self.operator} ({joined})"
        return f"{self.key}{_SHOWN[self.operator]}{joined}"


def _broken_rules(key: str, operator: str, values: tuple[str, ...]) -> list[str]:
    errors: list[str] = []
    if broken := names.is_qualified_name(key):
        errors.append(f"key: Invalid value: {quoted(key)}: {'; '.join(broken)}")
    shown = "[" + ",".join(map(quoted, values)) + "]"
    if operator in {IN, NOT_IN} and not values:
        text = "for 'in', 'notin' operators, values set can't be empty"
        errors.append(f"values: Invalid value: {shown}: {text}")
    elif operator in {EQUALS, DOUBLE_EQUALS, NOT_EQUALS} and len(values) != 1:
        errors.append(f"values: Invalid value: {shown}: exact-match compatibility requires one single value")
    elif operator in {EXISTS, DOES_NOT_EXIST} and values:
        errors.append(
            f"values: Invalid value: {shown}: values set must be empty for exists and does not exist"
        )
    elif operator in {GREATER, LESS}:
        if len(values) != 1:
            text = "for 'Gt', 'Lt' operators, exactly one value is required"
            errors.append(f"values: Invalid value: {shown}: {text}")
        text = "for 'Gt', 'Lt' operators, the value must be an integer"
        errors += [
            f"values[{index}]: Invalid value: {quoted(value)}: {text}"
            for index, value in enumerate(values)
            if not _INTEGER.fullmatch(value)
        ]
    for index, value in enumerate(values):
        if broken := names.is_label_value(value):
            errors.append(f"values[{index}][{key}]: Invalid value: {quoted(value)}: {'; '.join(broken)}")
    return errors


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must match. `nothing` (an absent LabelSelector object) matches no object at all."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    _exact: dict[str, str] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """From the query form, "a=b,c in (d,e),!f". Raises SelectorError with upstream's text."""
        _check_length(text)
        return cls._from_requirements(_Parser(text).parse()) if text else EVERYTHING

    @classmethod
    def from_object(cls, selector: Mapping[str, Any] | None) -> LabelSelector:
        """From {matchLabels, matchExpressions}; None matches nothing, {} everything. Raises SelectorError."""
        if selector is None:
            return NOTHING
        requirements = [
            Requirement.validate(key, EQUALS, (value,))
            for key, value in (selector.get("matchLabels") or {}).items()
        ]
        for expression in selector.get("matchExpressions") or ():
            operator = _OBJECT_OPERATORS.get(expression.get("operator", ""))
            if operator is None:
                shown = quoted(expression.get("operator", ""))
                raise SelectorError(f"{shown} is not a valid label selector operator")
            values = expression.get("values") or ()
            requirements.append(Requirement.validate(expression.get("key", ""), operator, values))
        return cls._from_requirements(requirements)

    @classmethod
    def from_labels(cls, labels: Labels | None) -> LabelSelector:
        """From a plain map (a Service's spec.selector); empty matches everything."""
        return cls._from_requirements(
            [Requirement(key, EQUALS, (value,)) for key, value in (labels or {}).items()]
        )

    @classmethod
    def _from_requirements(cls, requirements: list[Requirement]) -> LabelSelector:
        ordered = tuple(sorted(requirements, key=lambda entry: entry.key))
        exact = {entry.key: entry.values[0] for entry in ordered if entry.operator in {EQUALS, DOUBLE_EQUALS}}
        return cls(ordered, _exact=exact if len(exact) == len(ordered) else None)

    @property
    def is_empty(self) -> bool:
        """Whether it selects every object."""
        return not self.requirements and not self.nothing

    def matches(self, labels: Labels | None) -> bool:
        """Whether it selects an object with these labels."""
        if self.nothing:
            return False
        held = labels or {}
        if self._exact is not None:  # the most common form: lists and watches spend most time here
            return all(held.get(key) == value for key, value in self._exact.items())
        return all(entry.matches(held) for entry in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


class _Parser:
    """The grammar of upstream's labels.Parse, written by hand because its messages are part of the API."""

    def __init__(self, text: str) -> None:
        self._words = _lex(text)
        self._position = 0

    def _peek(self) -> str:
        return self._words[self._position]

    def _next(self) -> str:
        self._position += 1
        return self._words[self._position - 1]

    def parse(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        while (word := self._peek()) != _END:
            if word != "!" and word in _SPECIAL:
                raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            separator = self._next()
            if separator == _END:
                break
            if separator != ",":
                raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")
            following = self._peek()
            if following == _END or (following != "!" and following in _SPECIAL):
                raise SelectorError(f"found '{following}', expected: identifier after ','")
        return requirements

    def _requirement(self) -> Requirement:
        key = self._next()
        negated = key == "!"
        if negated:
            key = self._next()
        if key == _END or key in _SPECIAL:
            raise SelectorError(f"found '{key}', expected: identifier")
        if broken := names.is_qualified_name(key):
            raise SelectorError(f"<nil>: Invalid value: {quoted(key)}: {'; '.join(broken)}")
        if negated:
            return Requirement(key, DOES_NOT_EXIST)
        if self._peek() in {_END, ","}:
            return Requirement(key, EXISTS)
        written = self._next()
        operator = _OPERATOR_TOKENS.get(written)
        if operator is None:
            raise SelectorError(f"found '{written}', expected: {_EXPECTED_OPERATORS}")
        values = self._set() if operator in {IN, NOT_IN} else [self._single()]
        return Requirement.validate(key, operator, values)

    def _single(self) -> str:
        if self._peek() in {_END, ","}:
            return ""
        word = self._next()
        if word in _SPECIAL:
            raise SelectorError(f"found '{word}', expected: identifier")
        return word

    def _set(self) -> list[str]:
        opening = self._next()
        if opening != "(":
            raise SelectorError(f"found '{opening}' expected: '('")
        if self._peek() == _END or self._peek() in _SPECIAL - {",", ")"}:
            raise SelectorError(f"found '{self._peek()}', expected: ',', ')' or identifier")
        values: set[str] = set()
        expects_value = True
        while True:
            word = self._next()
            if word == ")":
                if expects_value:
                    values.add("")
                return sorted(values)
            if word == ",":
                if expects_value:
                    values.add("")
                expects_value = True
            elif not expects_value:
                raise SelectorError(f"found '{word}', expected: ',' or ')'")
            elif word == _END or word in _SPECIAL:
                raise SelectorError(f"found '{word}', expected: ',', or identifier")
            else:
                values.add(word)
                expects_value = False


def _lex(text: str) -> list[str]:
    words: list[str] = []
    position = 0
    stripped = text.rstrip(" \t\r\n")
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        assert match is not None
        words.append(match.group(1) or match.group(2))
        position = match.end()
    # Two end tokens, since upstream looks one token ahead.
    return [*words, _END, _END]


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """field = value, or != when negated."""

    field: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.field}{'!=' if self.negated else '='}{escaped}"


def _check_length(text: str) -> None:
    """Raise SelectorError for a text that takes more than 40 ms to parse. Upstream has no such bound."""
    if len(text) > MAX_LENGTH:
        raise SelectorError(f"invalid selector: it is longer than {MAX_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All terms must match. A missing field counts as ""."""

    terms: tuple[FieldTerm, ...] = ()

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        """From "spec.nodeName=n1,status.phase!=Failed". Raises SelectorError."""
        _check_length(text)
        terms = []
        for part in sorted(re.findall(r"(?:\\.|[^,\\]|\\$)+", text)):
            match = re.search(r"!=|==|=", part)
            if match is None:
                raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
            term = FieldTerm(part[: match.start()], _unescape(part[match.end() :]), match.group() == "!=")
            # "=" without field and value selects everything, as upstream does.
            if term.field or term.value:
                terms.append(term)
        return cls(tuple(terms))

    @property
    def is_empty(self) -> bool:
        return not self.terms

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all((fields.get(term.field, "") == term.value) is not term.negated for term in self.terms)

    def exact(self, name: str) -> str | None:
        """Return the only value that the selector allows for `name`, None if there is none."""
        return next((term.value for term in self.terms if term.field == name and not term.negated), None)

    def map_terms(self, change: Callable[[FieldTerm], FieldTerm]) -> FieldSelector:
        """Return a selector with each term replaced. `change` raises for a field that has no selector."""
        return FieldSelector(tuple(change(term) for term in self.terms))

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


def _unescape(value: str) -> str:
    out: list[str] = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in {"\\", ",", "="}:
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif character == "=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            out.append(character)
    return "".join(out)
