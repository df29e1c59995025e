"""The expressions of a policy, compiled once for each of its generations.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/plugin.go (compilePolicy).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kprov.kube.apiserver.admission.validating_admission_policy.budget import Budget
from kprov.kube.component_helpers.cel.environment import Program
from kprov.kube.component_helpers.cel.errors import CompileError, EvaluationError
from kprov.kube.component_helpers.cel.policy_expressions import (
    AUDIT_VALUE,
    BOOL,
    MESSAGE,
    ExpressionChecker,
    load_environment,
)
from kprov.kube.machinery.json_object import JsonMapping, JsonObject


class Expression:
    """An expression, or the reason why it cannot be compiled."""

    def __init__(
        self,
        text: str,
        checker: ExpressionChecker,
        allowed: tuple[str, ...] | None,
        variables: Sequence[str],
        *,
        has_authorizer: bool = True,
    ) -> None:
        """variables: names of the policy's variables that it may use."""
        self.text = text
        self.compile_error = ""
        self._program: Program | None = None
        words = set(re.findall(r"\w+", text)) if "variables" in text else set()
        #: The variables whose names occur in the text.
        self.variables = tuple(name for name in variables if name in words)
        try:
            checker.check(text, allowed, has_authorizer=has_authorizer)
            self._program = load_environment().compile(text)
        except CompileError as error:
            self.compile_error = str(error)

    def evaluate(self, values: Values) -> Any:
        """Raise EvaluationError with upstream's text."""
        if self._program is None:
            raise EvaluationError(f"compilation error: {self.compile_error}")
        try:
            return self.compute(values)
        except EvaluationError as error:
            raise EvaluationError(f"expression '{self.text}' resulted in error: {error}") from None

    def compute(self, values: Values) -> Any:
        """As evaluate, but the error has only the reason."""
        if self._program is None:
            raise EvaluationError(self.compile_error)
        with values.budget.spend():
            bound = values.bind(self.variables)
            try:
                return self._program.evaluate(bound)
            except EvaluationError as error:
                raise EvaluationError(values.explain(str(error))) from None


class Values:
    """The values of variables while the expressions of a policy are evaluated for one request.

    The policy's own variables are computed when an expression names them, and only once.
    """

    def __init__(
        self, values: Mapping[str, Any], variables: Mapping[str, Expression], budget: Budget
    ) -> None:
        self.budget = budget
        self._values = {**values, "variables": {}}
        self._variables = variables
        self._known: dict[str, Any] = {}
        self._failed: dict[str, str] = {}
        self._bound: Any = None

    def bind(self, names: Sequence[str]) -> Any:
        """Return the values of all variables, with those of the policy that have one of the names."""
        for name in names:
            if name not in self._known and name not in self._failed:
                self._compute_variable(name)
        if self._bound is None:
            self._bound = load_environment().bind(self._values)
        return self._bound

    def explain(self, reason: str) -> str:
        """Return the error of an expression that reads a variable without a value."""
        name = reason.removeprefix("no such key: ")
        if name in self._failed and name != reason:
            return f'composited variable "{name}" fails to {self._failed[name]}'
        return reason

    def _compute_variable(self, name: str) -> None:
        expression = self._variables[name]
        try:
            self._known[name] = expression.compute(self)
        except EvaluationError as error:
            action = "compile" if expression.compile_error else "evaluate"
            self._failed[name] = f"{action}: {error}"
        self._values["variables"] = self._known
        self._bound = None


class CompiledPolicy:
    """A policy's expressions in the order of its fields."""

    def __init__(self, policy: JsonMapping) -> None:
        spec = policy["spec"]
        checker = ExpressionChecker(has_params=spec.get("paramKind") is not None)
        self.variables: dict[str, Expression] = {}
        for variable in spec.get("variables") or ():
            name, text = variable["name"], variable["expression"]
            self.variables[name] = Expression(text, checker, None, tuple(self.variables))
            with suppress(CompileError):  # it is in the variable's compile_error
                checker.check_variable(name, text)
        names = tuple(self.variables)
        self.conditions = [
            Expression(match_condition["expression"], checker, BOOL, names)
            for match_condition in spec.get("matchConditions") or ()
        ]
        self.validations: list[JsonObject] = list(spec.get("validations") or ())
        self.expressions = [
            Expression(validation["expression"], checker, BOOL, names) for validation in self.validations
        ]
        self.messages = [
            Expression(validation["messageExpression"], checker, MESSAGE, names, has_authorizer=False)
            if validation.get("messageExpression")
            else None
            for validation in self.validations
        ]
        self.audit_annotations = [
            (
                audit_annotation["key"],
                Expression(audit_annotation["valueExpression"], checker, AUDIT_VALUE, names),
            )
            for audit_annotation in spec.get("auditAnnotations") or ()
        ]
        self.ignores_errors = spec.get("failurePolicy") == "Ignore"
