"""The decisions of a policy about one request.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/validator.go.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Final, NamedTuple

from kprov.kube.apiserver.admission.validating_admission_policy.compiled_policy import (
    CompiledPolicy,
    Expression,
    Values,
)
from kprov.kube.component_helpers.cel.errors import EvaluationError

#: The longest message of a messageExpression, in bytes.
_MESSAGE_MAX: Final = 5 * 1024


class Decision(NamedTuple):
    """The result of one validation.

    position: of the validation. is_denied: what the validation or, after an error, failurePolicy says.
    is_error: the expression has no value. seconds: the time that it took.
    """

    position: int
    is_denied: bool
    message: str = ""
    reason: str = ""
    is_error: bool = False
    seconds: float = 0.0


class Evaluation(NamedTuple):
    """decisions: of all validations. annotations: of the audit event. failed: errors of audit annotations."""

    decisions: list[Decision]
    annotations: list[tuple[str, str]]
    failed: list[Decision]


async def evaluate_policy(policy: CompiledPolicy, values: Values) -> Evaluation:
    """Evaluate all expressions of a policy whose matchConstraints match the request. Give way in between."""
    errors: list[str] = []
    for condition in policy.conditions:
        await values.budget.give_way()
        try:
            if condition.evaluate(values) is False:
                return Evaluation([], [], [])
        except EvaluationError as error:
            errors.append(str(error))
    if errors:
        if policy.ignores_errors:
            return Evaluation([], [], [])
        text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
        return Evaluation([Decision(0, is_denied=True, message=text, is_error=True)], [], [])
    decisions: list[Decision] = []
    for index in range(len(policy.validations)):
        await values.budget.give_way()
        decisions.append(_decide(policy, index, values))
    annotations, failed = _evaluate_annotations(policy, values)
    return Evaluation(decisions, annotations, failed)


def _decide(policy: CompiledPolicy, index: int, values: Values) -> Decision:
    begin = perf_counter()
    try:
        is_valid = policy.expressions[index].evaluate(values)
    except EvaluationError as error:
        return Decision(
            index,
            is_denied=not policy.ignores_errors,
            message=str(error),
            is_error=True,
            seconds=perf_counter() - begin,
        )
    seconds = perf_counter() - begin
    if is_valid is True:
        return Decision(index, is_denied=False, seconds=seconds)
    validation = policy.validations[index]
    message = (
        _evaluate_message(policy.messages[index], values)
        or (validation.get("message") or "").strip()
        or f"failed expression: {validation['expression'].strip()}"
    )
    reason = validation.get("reason") or "Invalid"
    return Decision(index, is_denied=True, message=message, reason=reason, seconds=seconds)


def _evaluate_message(expression: Expression | None, values: Values) -> str:
    """Empty if there is none, if it fails, or if its result is no message."""
    if expression is None:
        return ""
    try:
        message = expression.evaluate(values)
    except EvaluationError:
        return ""
    text = message.strip() if isinstance(message, str) else ""
    return "" if "\n" in text or len(text.encode()) > _MESSAGE_MAX else text


def _evaluate_annotations(
    policy: CompiledPolicy, values: Values
) -> tuple[list[tuple[str, str]], list[Decision]]:
    annotations: list[tuple[str, str]] = []
    failed: list[Decision] = []
    for index, (key, expression) in enumerate(policy.audit_annotations):
        begin = perf_counter()
        try:
            value: Any = expression.evaluate(values)
        except EvaluationError as error:
            if not policy.ignores_errors:
                seconds = perf_counter() - begin
                failed.append(
                    Decision(index, is_denied=True, message=str(error), is_error=True, seconds=seconds)
                )
            continue
        text = value.strip() if isinstance(value, str) else ""
        if text:
            annotations.append((key, text))
    return annotations, failed
