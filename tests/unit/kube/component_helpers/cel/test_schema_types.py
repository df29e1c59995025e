"""Schemas of Kubernetes objects as CEL types."""

from __future__ import annotations

import pytest

from kprov.kube.component_helpers.cel.policy_expressions import ExpressionChecker
from kprov.kube.component_helpers.cel.schema_types import collect_types
from kprov.kube.machinery.resources import list_resources
from kprov.kube.machinery.schema.object_schema import builtin


def check(group: str, version: str, kind: str, expression: str) -> str:
    object_type, messages = collect_types(builtin().node((group, version, kind)))
    checker = ExpressionChecker(has_params=False, object_type=object_type, messages=messages)
    return checker.find_issues(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.template.spec.containers.all(each, each.image.startsWith('registry.example.com/'))",
        "object.metadata.labels['app'] == 'web' && object.metadata.namespace != 'default'",
        "object.metadata.creationTimestamp > timestamp('2020-01-01T00:00:00Z')",
        "object.spec.template.spec.containers[0].resources.limits['cpu'] == '1'",
        "object.spec.strategy.rollingUpdate.maxSurge == 1 || has(object.spec.paused)",
    ],
)
def test_fields_have_the_types_of_the_schema(expression: str) -> None:
    assert not check("apps", "v1", "Deployment", expression)


def test_a_wrong_field_in_a_list_is_found() -> None:
    issues = check("apps", "v1", "Deployment", "object.spec.template.spec.containers.all(c, c.picture == '')")
    assert "undefined field 'picture'" in issues


def test_every_resource_has_types() -> None:
    kinds = {resource.gvk for resource in list_resources() if builtin().knows(resource.gvk)}
    assert len(kinds) > 50
    for gvk in kinds:
        assert not check(*gvk, "object.kind == ''"), gvk
