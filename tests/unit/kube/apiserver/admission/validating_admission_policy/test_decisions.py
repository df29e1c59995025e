"""The decisions of a compiled policy."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from kprov.kube.apiserver.admission.validating_admission_policy.budget import EXHAUSTED, Budget
from kprov.kube.apiserver.admission.validating_admission_policy.compiled_policy import CompiledPolicy, Values
from kprov.kube.apiserver.admission.validating_admission_policy.decisions import Evaluation, evaluate_policy
from kprov.kube.component_helpers.cel.functions.authorization import make_authorizer


def evaluate(obj: dict[str, Any], budget: Budget | None = None, **spec: Any) -> Evaluation:
    policy = CompiledPolicy({"spec": spec})
    values = {
        "object": obj, "oldObject": None, "request": {}, "namespaceObject": None, "params": None,
        "authorizer": make_authorizer("", "pods", "", "default", "web"),
    }  # fmt: skip
    return asyncio.run(evaluate_policy(policy, Values(values, policy.variables, budget or Budget())))


def test_audit_annotations_are_texts_that_are_not_empty() -> None:
    annotations = [
        {"key": "image", "valueExpression": "' ' + object.image + ' '"},
        {"key": "empty", "valueExpression": "''"},
        {"key": "none", "valueExpression": "null"},
    ]
    evaluation = evaluate({"image": "nginx"}, auditAnnotations=annotations)
    assert evaluation == Evaluation([], [("image", "nginx")], [])


def test_an_audit_annotation_without_a_value_denies_by_the_failure_policy() -> None:
    annotations = [{"key": "image", "valueExpression": "'' + object.image"}]
    (failed,) = evaluate({}, auditAnnotations=annotations).failed
    assert failed.is_denied
    assert failed.message == "expression ''' + object.image' resulted in error: no such key: image"
    assert evaluate({}, auditAnnotations=annotations, failurePolicy="Ignore").failed == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("'first ' + object.a", "first x"),
        ("'two\\nlines'", "failed expression: false"),
        ("' '", "failed expression: false"),
        (f"'{'long' * 2000}'", "failed expression: false"),
        ("'' + object.absent", "failed expression: false"),
    ],
)
def test_a_message_is_one_short_line(message: str, expected: str) -> None:
    validations = [{"expression": "false", "messageExpression": message}]
    (decision,) = evaluate({"a": "x"}, validations=validations).decisions
    assert (decision.message, decision.reason) == (expected, "Invalid")


def test_conditions_leave_requests_out_even_beside_errors() -> None:
    denies = [{"expression": "false"}]
    broken = {"name": "broken", "expression": "object.absent == 1"}
    others = {"name": "others", "expression": "object.a == 'y'"}
    matched = {"name": "matched", "expression": "object.a == 'x'"}
    assert evaluate({"a": "x"}, validations=denies, matchConditions=[broken, others]).decisions == []
    (decision,) = evaluate({"a": "x"}, validations=denies, matchConditions=[broken, matched]).decisions
    assert decision.is_error
    ignored = evaluate(
        {"a": "x"}, validations=denies, matchConditions=[broken, matched], failurePolicy="Ignore"
    )
    assert ignored.decisions == []


def test_an_expression_of_an_older_version_that_does_not_compile_is_an_error() -> None:
    (decision,) = evaluate({}, validations=[{"expression": "object.a >"}]).decisions
    assert decision.is_denied
    assert decision.message.startswith(
        "compilation error: compilation failed: ERROR: <input>:1:11: Syntax error"
    )


def test_expressions_beyond_the_budget_of_a_request_are_not_evaluated() -> None:
    """Each evaluation takes a second on this clock; a variable counts with the expression that reads it."""
    budget = Budget(clock=itertools.count().__next__, seconds=2)
    variables = [{"name": "v", "expression": "object.a"}]
    validations = [{"expression": "variables.v == 'x'"}] * 3
    decisions = evaluate({"a": "x"}, budget, variables=variables, validations=validations).decisions
    assert [decision.is_denied for decision in decisions] == [False, False, True]
    assert EXHAUSTED in decisions[2].message
