"""admissionregistration.k8s.io/v1: validating admission policies."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

import msgspec

from kprov.kube.api.meta import Object, View


class NamedRule(View):
    api_groups: list[str] = []
    api_versions: list[str] = []
    resources: list[str] = []


class MatchResources(View):
    resource_rules: list[NamedRule] = []


class ParamKind(View):
    api_version: str = ""
    kind: str = ""


class Variable(View):
    name: str = ""
    expression: str = ""


class Validation(View):
    expression: str = ""
    message_expression: str = ""


class ValidatingAdmissionPolicySpec(View):
    param_kind: ParamKind | None = None
    match_constraints: MatchResources | None = None
    validations: list[Validation] = []
    variables: list[Variable] = []


class ValidatingAdmissionPolicyStatus(View):
    observed_generation: int = 0


class ValidatingAdmissionPolicy(Object):
    spec: ValidatingAdmissionPolicySpec = msgspec.field(default_factory=ValidatingAdmissionPolicySpec)
    status: ValidatingAdmissionPolicyStatus = msgspec.field(default_factory=ValidatingAdmissionPolicyStatus)
