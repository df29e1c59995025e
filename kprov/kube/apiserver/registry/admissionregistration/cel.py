"""CEL expressions in admission policies and webhooks.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.component_helpers.cel.errors import CompileError
from kprov.kube.component_helpers.cel.policy_expressions import ExpressionChecker
from kprov.kube.machinery import field

NO_EXPRESSION: Final = "expression is not specified"
CEL_KEYWORDS: Final = {
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
    *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
}


def check_expression(
    checker: ExpressionChecker,
    expression: str,
    path: str,
    allowed: tuple[str, ...],
    *,
    has_authorizer: bool = True,
) -> Errors:
    """Compile an expression that is not empty. allowed: types of its result."""
    try:
        checker.check(expression, allowed, has_authorizer=has_authorizer)
    except CompileError as error:
        yield field.invalid(path, expression, str(error))


def check_variable(checker: ExpressionChecker, name: str, expression: str, path: str) -> Errors:
    """Compile a variable, which the expressions after it may use."""
    try:
        checker.check_variable(name, expression)
    except CompileError as error:
        yield field.invalid(path, expression, f"compilation failed: {error}")
