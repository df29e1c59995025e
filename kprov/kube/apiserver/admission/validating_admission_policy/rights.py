"""The rights that the variable `authorizer` checks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.component_helpers.cel.functions.authorization import Check, CheckResult
from kprov.kube.machinery.selectors import FieldSelector, SelectorError


def build_checker(authorizer: Authorizer, user: UserInfo) -> Callable[[Check], CheckResult]:
    """Check the rights of a user, or of the service account that a check names."""

    def check_right(check: Check) -> CheckResult:
        asking = _make_account_user(check.account) if check.account else user
        return _run(authorizer.authorize(asking, _describe(check)))

    return check_right


def _run(decision: Coroutine[Any, Any, tuple[Decision, str]]) -> CheckResult:
    """Decide without waiting, as authorizers do; only the one for nodes may want to wait for its cache."""
    try:
        decision.send(None)
    except StopIteration as result:
        answer, reason = result.value
        return CheckResult(is_allowed=answer is Decision.ALLOW, reason=reason)
    decision.close()
    return CheckResult(is_allowed=False, error="the authorizer has to wait for its cache")


def _describe(check: Check) -> RequestInfo:
    if check.path:
        return RequestInfo(path=check.path, verb=check.verb, is_resource_request=False)
    return RequestInfo(
        path="",
        verb=check.verb,
        is_resource_request=True,
        api_group=check.group,
        api_version="*",
        namespace=check.namespace,
        resource=check.resource,
        subresource=check.subresource,
        name=check.name,
        selected_fields=_parse_fields(check.field_selector),
    )


def _parse_fields(selector: str) -> tuple[tuple[str, str], ...]:
    try:
        terms = FieldSelector.parse(selector).terms if selector else ()
    except SelectorError:
        return ()
    return tuple((term.field, term.value) for term in terms if not term.negated)


def _make_account_user(account: str) -> UserInfo:
    namespace, _, name = account.partition(":")
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return UserInfo(name=f"system:serviceaccount:{namespace}:{name}", groups=groups)
