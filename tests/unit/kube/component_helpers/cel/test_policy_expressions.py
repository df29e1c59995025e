"""Type checks of a policy's expressions."""

from __future__ import annotations

import pytest

from kprov.kube.component_helpers.cel.errors import CompileError
from kprov.kube.component_helpers.cel.policy_expressions import AUDIT_VALUE, BOOL, MESSAGE, ExpressionChecker


@pytest.fixture
def checker() -> ExpressionChecker:
    found = ExpressionChecker(has_params=False)
    found.check_variable("replicas", "int(object.spec.replicas)")
    found.check_variable("isOdd", "variables.replicas % 2 == 1")
    found.check_variable("names", "['a', 'b']")
    found.check_variable("table", "{'a': [1]}")
    found.check_variable("amount", "quantity('1')")
    return found


@pytest.mark.parametrize(
    "expression",
    [
        "variables.isOdd && object.spec.anything == 1",
        "variables.names.exists(name, name == request.name)",
        "variables.table['a'][0] == 1",
        "variables.amount.isLessThan(quantity('2'))",
        "namespaceObject.metadata.labels['a'] == 'b' && request.userInfo.groups.size() > 0",
        "authorizer.requestResource.check('get').allowed()",
        "oldObject == null",
    ],
)
def test_an_expression_with_right_types_passes(checker: ExpressionChecker, expression: str) -> None:
    checker.check(expression, BOOL)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("variables.absent", "undefined field 'absent'"),
        ("variables.replicas > '1'", "found no matching overload for '_>_' applied to '(int, string)'"),
        ("variables.names > 1", "found no matching overload for '_>_' applied to '(list(string), int)'"),
        ("request.nothing", "undefined field 'nothing'"),
        ("namespaceObject.metadata.managedFields", "undefined field 'managedFields'"),
        ("params.limit", "undeclared reference to 'params"),
        ("object.", "Syntax error"),
    ],
)
def test_an_expression_with_wrong_types_does_not_compile(
    checker: ExpressionChecker, expression: str, problem: str
) -> None:
    with pytest.raises(CompileError) as found:
        checker.check(expression)
    assert str(found.value).startswith("compilation failed: ERROR: <input>:1:")
    assert problem in str(found.value)


@pytest.mark.parametrize(
    ("expression", "allowed", "problem"),
    [
        ("object.x", BOOL, "must evaluate to bool but got dyn"),
        ("variables.replicas", MESSAGE, "must evaluate to string but got int"),
        ("variables.names", AUDIT_VALUE, "must evaluate to one of [string null_type] but got list(string)"),
    ],
)
def test_the_type_of_the_result_must_be_allowed(
    checker: ExpressionChecker, expression: str, allowed: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CompileError) as found:
        checker.check(expression, allowed)
    assert str(found.value) == problem


def test_a_message_has_no_authorizer(checker: ExpressionChecker) -> None:
    with pytest.raises(CompileError, match="undeclared reference to 'authorizer"):
        checker.check("authorizer.path('/').check('get').reason()", MESSAGE, has_authorizer=False)


def test_a_variable_that_does_not_compile_is_dynamic(checker: ExpressionChecker) -> None:
    with pytest.raises(CompileError):
        checker.check_variable("broken", "1 +")
    checker.check("variables.broken > 1", BOOL)


def test_issues_are_shown_with_their_place() -> None:
    checker = ExpressionChecker(has_params=False)
    assert checker.find_issues("request.nothing") == (
        "ERROR: <input>:1:8: undefined field 'nothing'\n | request.nothing\n | .......^"
    )
    assert not checker.find_issues("request.name")
