"""Checks of rights: `authorizer.group("apps").resource("deployments").check("get").allowed()`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from kprov.kube.component_helpers.cel.functions.declaration import BOOL, STRING, Declaration, member
from kprov.kube.component_helpers.cel.types import (
    AUTHORIZER,
    DECISION,
    GROUP_CHECK,
    PATH_CHECK,
    RESOURCE_CHECK,
    make,
)
from kprov.kube.machinery import names


class Check(NamedTuple):
    """A right to check. account: "NAMESPACE:NAME" of a service account; "" for the user of the request.

    With a path it is no resource request.
    """

    verb: str
    account: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""


class CheckResult(NamedTuple):
    """error: why there is no decision."""

    is_allowed: bool
    reason: str = ""
    error: str = ""


def _reject_check(check: Check) -> CheckResult:
    del check
    return CheckResult(is_allowed=False, error="no authorizer")


#: Decides while an expression is evaluated.
DECIDE: Final[ContextVar[Callable[[Check], CheckResult]]] = ContextVar("DECIDE", default=_reject_check)


def make_authorizer(group: str, resource: str, subresource: str, namespace: str, name: str) -> Any:
    """Return the variable `authorizer`. The resource of the request is `authorizer.requestResource`."""
    own = make(
        RESOURCE_CHECK,
        group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )
    return make(AUTHORIZER, requestResource=own)


def _check_path(authorizer: Any, path: str) -> Any:
    if not path.strip():
        raise ValueError("path must not be empty")
    return make(PATH_CHECK, account=authorizer.account, path=path)


def _use_account(authorizer: Any, namespace: str, name: str) -> Any:
    del authorizer
    if names.is_dns1123_subdomain(name):
        raise ValueError("Invalid service account name")
    if names.is_dns1123_label(namespace):
        raise ValueError("Invalid service account namespace")
    return make(AUTHORIZER, account=f"{namespace}:{name}")


def _check_resource(group: Any, resource: str) -> Any:
    if not resource.strip():
        raise ValueError("resource must not be empty")
    return make(RESOURCE_CHECK, account=group.account, group=group.group, resource=resource)


def _set_field(field: str) -> Callable[[Any, str], Any]:
    def change(check: Any, value: str) -> Any:
        changed = type(check)()
        changed.CopyFrom(check)
        setattr(changed, field, value)
        return changed

    return change


def _decide(check: Check) -> Any:
    result = DECIDE.get()(check)
    return make(DECISION, allowed=result.is_allowed, reason=result.reason, error=result.error)


def _decide_path(check: Any, verb: str) -> Any:
    return _decide(Check(verb, account=check.account, path=check.path))


def _decide_resource(check: Any, verb: str) -> Any:
    return _decide(
        Check(
            verb,
            account=check.account,
            group=check.group,
            resource=check.resource,
            subresource=check.subresource,
            namespace=check.namespace,
            name=check.name,
            field_selector=check.fieldSelector,
            label_selector=check.labelSelector,
        )
    )


DECLARATIONS: Final[tuple[Declaration, ...]] = (
    member("path", (AUTHORIZER, STRING), PATH_CHECK, _check_path),
    member("group", (AUTHORIZER, STRING), GROUP_CHECK,
           lambda authorizer, group: make(GROUP_CHECK, account=authorizer.account, group=group)),
    member("serviceAccount", (AUTHORIZER, STRING, STRING), AUTHORIZER, _use_account),
    member("resource", (GROUP_CHECK, STRING), RESOURCE_CHECK, _check_resource),
    *(
        member(field, (RESOURCE_CHECK, STRING), RESOURCE_CHECK, _set_field(field))
        for field in ("subresource", "namespace", "name", "fieldSelector", "labelSelector")
    ),
    member("check", (PATH_CHECK, STRING), DECISION, _decide_path),
    member("check", (RESOURCE_CHECK, STRING), DECISION, _decide_resource),
    member("allowed", (DECISION,), BOOL, lambda decision: decision.allowed),
    member("reason", (DECISION,), STRING, lambda decision: decision.reason),
    member("errored", (DECISION,), BOOL, lambda decision: bool(decision.error)),
    member("error", (DECISION,), STRING, lambda decision: decision.error),
)  # fmt: skip
