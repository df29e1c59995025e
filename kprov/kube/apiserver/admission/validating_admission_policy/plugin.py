"""The plugin ValidatingAdmissionPolicy.

A request to a resource without policies costs a lookup in a dictionary.
Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/dispatcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

import orjson

from kprov.kube.apiserver.admission.plugin import Attributes, WantsAuthorizer, forbidden_error
from kprov.kube.apiserver.admission.validating_admission_policy.budget import Budget
from kprov.kube.apiserver.admission.validating_admission_policy.compiled_policy import Values
from kprov.kube.apiserver.admission.validating_admission_policy.decisions import (
    Decision,
    Evaluation,
    evaluate_policy,
)
from kprov.kube.apiserver.admission.validating_admission_policy.match_resources import (
    MatchError,
    find_namespace_labels,
)
from kprov.kube.apiserver.admission.validating_admission_policy.parameters import (
    ParameterError,
    find_parameters,
)
from kprov.kube.apiserver.admission.validating_admission_policy.policy_index import (
    Binding,
    Hook,
    PolicyIndex,
)
from kprov.kube.apiserver.admission.validating_admission_policy.policy_metrics import record_check
from kprov.kube.apiserver.admission.validating_admission_policy.request_values import (
    build_namespace,
    build_request,
)
from kprov.kube.apiserver.admission.validating_admission_policy.rights import build_checker
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.component_helpers.cel.functions.authorization import DECIDE, make_authorizer
from kprov.kube.machinery import status
from kprov.kube.machinery.conversion import table
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.resources import Resource

#: No policy may keep an administrator from changing policies.
_EXEMPT: Final = frozenset({"admissionregistration.k8s.io"})
#: Reviews are not stored, and the cluster depends on them.
_REVIEWS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_CODES: Final = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, "Invalid": 422}
_FAILURE_ANNOTATION: Final = "validation.policy.admission.k8s.io/validation_failure"
#: The longest value of an audit annotation, in characters.
_ANNOTATION_MAX: Final = 10 * 1024


class _Denial(NamedTuple):
    policy: str
    binding: str
    message: str
    reason: str = ""


class ValidatingAdmissionPolicy(WantsAuthorizer):
    name = "ValidatingAdmissionPolicy"
    operations = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

    def __init__(self, index: PolicyIndex, namespaces: ObjectReader) -> None:
        self._index = index
        self._namespaces = namespaces

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(PolicyIndex(stores), stores.store("", "namespaces"))

    async def validate(self, attributes: Attributes) -> None:
        resource = attributes.resource
        if resource.group in _EXEMPT or resource.group in _REVIEWS:
            return
        hooks = await self._index.find_hooks(resource)
        if not hooks:
            return
        request = _Request(attributes, await self._find_namespace(attributes))
        denials: list[_Denial] = []
        for hook in hooks:
            denials += await self._check_policy(hook, request)
        if denials:
            raise _build_error(attributes, denials[0])

    async def _find_namespace(self, attributes: Attributes) -> JsonMapping | None:
        if not attributes.namespace:
            return None
        shared = self._namespaces.lister.get_shared("", attributes.namespace)
        if shared is None:
            await self._namespaces.catch_up()
            shared = self._namespaces.lister.get_shared("", attributes.namespace)
        return shared

    async def _check_policy(self, hook: Hook, request: _Request) -> list[_Denial]:
        attributes = request.attributes
        try:
            matched = hook.match.find_resource(attributes, request.namespace_labels)
        except MatchError as error:
            return _deny_misconfigured(hook, None, str(error))
        if matched is None:
            return []
        if hook.configuration_error:
            return _deny_misconfigured(hook, None, hook.configuration_error)
        denials: list[_Denial] = []
        annotations: dict[str, list[str]] = {}
        for binding in hook.bindings:
            try:
                if binding.match.find_resource(attributes, request.namespace_labels) is None:
                    continue
                reference = binding.spec.get("paramRef")
                parameters = await find_parameters(hook.parameters, reference, attributes.namespace)
            except (MatchError, ParameterError) as error:
                denials += _deny_misconfigured(hook, binding, str(error))
                continue
            for parameter in parameters:
                evaluation = await self._evaluate(hook, request, matched, parameter)
                denials += _enforce(hook, binding, evaluation, attributes)
                for key, value in evaluation.annotations:
                    annotations.setdefault(key, []).append(value[:_ANNOTATION_MAX])
        for key, values in annotations.items():
            attributes.context.annotate(f"{hook.name}/{key}", ", ".join(dict.fromkeys(values)))
        return denials

    async def _evaluate(
        self, hook: Hook, request: _Request, matched: Resource, parameter: JsonMapping | None
    ) -> Evaluation:
        values = Values(
            {**request.get_values(matched), "params": parameter}, hook.compiled.variables, request.budget
        )
        token = DECIDE.set(build_checker(self.authorizer, request.attributes.context.user))
        try:
            return await evaluate_policy(hook.compiled, values)
        finally:
            DECIDE.reset(token)


class _Request:
    """What the policies for one request share."""

    def __init__(self, attributes: Attributes, namespace: JsonMapping | None) -> None:
        """namespace: of the request; None for cluster-scoped objects."""
        self.attributes = attributes
        self.budget = Budget()
        self.namespace_labels = find_namespace_labels(attributes, namespace)
        self._namespace = None if namespace is None else build_namespace(namespace)
        self._values: dict[Resource, Mapping[str, Any]] = {}

    def get_values(self, matched: Resource) -> Mapping[str, Any]:
        """Return the variables of expressions. matched: the version in which objects are shown."""
        values = self._values.get(matched)
        if values is None:
            attributes = self.attributes
            values = self._values[matched] = {
                "object": _convert(attributes.obj, attributes.resource, matched),
                "oldObject": _convert(attributes.old, attributes.resource, matched),
                "request": build_request(attributes, matched),
                "namespaceObject": self._namespace,
                "authorizer": make_authorizer(
                    attributes.resource.group,
                    attributes.resource.plural,
                    attributes.subresource,
                    attributes.namespace,
                    attributes.name,
                ),
            }
        return values


def _convert(obj: JsonMapping | None, stored: Resource, matched: Resource) -> JsonMapping | None:
    if obj is None or stored.gvk == matched.gvk or obj.get("kind") != stored.kind:
        return obj
    return table.convert(dict(obj), stored.gvk, matched.gvk)


def _deny_misconfigured(hook: Hook, binding: Binding | None, text: str) -> list[_Denial]:
    """By failurePolicy."""
    if hook.compiled.ignores_errors:
        return []
    what = "policy" if binding is None else "binding"
    name = "" if binding is None else binding.name
    return [_Denial(hook.name, name, f"failed to configure {what}: {text}")]


def _enforce(hook: Hook, binding: Binding, evaluation: Evaluation, attributes: Attributes) -> list[_Denial]:
    """Return the validationActions of a binding."""
    denials: list[_Denial] = []
    for decision in evaluation.decisions:
        if not decision.is_denied:
            if decision.is_error:
                record_check(hook.name, binding.name, decision, "allow")
            continue
        for action in binding.spec.get("validationActions") or ():
            record_check(hook.name, binding.name, decision, action.lower())
            if action == "Deny":
                denials.append(_Denial(hook.name, binding.name, decision.message, decision.reason))
            elif action == "Audit":
                attributes.context.annotate(_FAILURE_ANNOTATION, _describe_failure(hook, binding, decision))
            elif action == "Warn":
                attributes.context.warnings.append(
                    f"Validation failed for ValidatingAdmissionPolicy '{hook.name}' "
                    f"with binding '{binding.name}': {decision.message}"
                )
    for decision in evaluation.failed:
        record_check(hook.name, binding.name, decision, "deny")
        denials.append(_Denial(hook.name, binding.name, decision.message))
    return denials


def _describe_failure(hook: Hook, binding: Binding, decision: Decision) -> str:
    failure = {
        "message": decision.message,
        "policy": hook.name,
        "binding": binding.name,
        "expressionIndex": decision.position,
        "validationActions": binding.spec.get("validationActions") or [],
    }
    return orjson.dumps([failure]).decode()


def _build_error(attributes: Attributes, denial: _Denial) -> status.StatusError:
    by = f" with binding '{denial.binding}'" if denial.binding else ""
    message = f"ValidatingAdmissionPolicy '{denial.policy}'{by} denied request: {denial.message}"
    error = forbidden_error(attributes, message)
    reason = denial.reason or "Invalid"
    error.status["reason"] = reason
    error.status["code"] = _CODES.get(reason, _CODES["Invalid"])
    details = error.status.setdefault("details", {})
    details["causes"] = [*(details.get("causes") or ()), {"message": message}]
    return error
