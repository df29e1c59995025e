"""Flow control, admission configuration, API extensions and devices: what is filled in, and what is refused.

The causes are those that upstream 1.36 gives for the same objects.
"""

from __future__ import annotations

import copy

import pytest

from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find
from kprov.kube.machinery.status import StatusError

FLOW, ADMISSION = "flowcontrol.apiserver.k8s.io", "admissionregistration.k8s.io"
LIMITED = {"type": "Limited"}
HOOK = {"sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://x/y"}}
DEPLOYMENTS = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["deployments"],
}


async def create(registry: Registry, group: str, plural: str, obj: JsonObject) -> JsonObject:
    store = registry.store(group, plural)
    namespace = "default" if store.resource.namespaced else ""
    # The store fills in the object that it gets. Constants of this file must stay as they are.
    obj = copy.deepcopy({"metadata": {"name": "a"}} | obj)
    return await store.create(make_system_context("create", store.resource), namespace, obj)


async def causes(registry: Registry, group: str, plural: str, obj: JsonObject) -> set[str]:
    with pytest.raises(StatusError) as caught:
        await create(registry, group, plural, obj)
    return {f"{each['field']}: {each['message']}" for each in caught.value.status["details"]["causes"]}


async def test_a_flow_schema_gets_its_precedence(registry: Registry) -> None:
    spec = {"priorityLevelConfiguration": {"name": "x"}}
    made = await create(registry, FLOW, "flowschemas", {"spec": spec})
    assert (made["spec"]["matchingPrecedence"], made["status"]) == (1000, {})


async def test_the_rules_of_a_flow_schema(registry: Registry) -> None:
    subjects = [{"kind": "Foo"}, {"kind": "User"}, {"kind": "ServiceAccount", "serviceAccount": {}}]
    rule = {
        "subjects": subjects,
        "resourceRules": [{"resources": ["*", "a"]}],
        "nonResourceRules": [{"verbs": ["foo"], "nonResourceURLs": ["bar", "/*x"]}],
    }
    spec = {"matchingPrecedence": 10001, "distinguisherMethod": {"type": "X"}, "rules": [rule, {}]}
    where = "spec.rules[0]"
    assert await causes(registry, FLOW, "flowschemas", {"spec": spec}) == {
        "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
        (
            'spec.distinguisherMethod.type: Unsupported value: {"Type":"X"}: supported values: '
            '"ByNamespace", "ByUser"'
        ),
        "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
        (
            f'{where}.subjects[0].kind: Unsupported value: "Foo": supported values: '
            '"Group", "ServiceAccount", "User"'
        ),
        f"{where}.subjects[1].user: Required value: user is required when subject kind is 'User'",
        f"{where}.subjects[2].serviceAccount.name: Required value",
        (
            f"{where}.subjects[2].serviceAccount.namespace: Required value: "
            "must specify namespace for service account"
        ),
        f"{where}.resourceRules[0].verbs: Required value: verbs must contain at least one value",
        (
            f"{where}.resourceRules[0].apiGroups: Required value: "
            "resource rules must supply at least one api group"
        ),
        (
            f'{where}.resourceRules[0].resources: Invalid value: ["*","a"]: '
            "if '*' is present, must not specify other resources"
        ),
        (
            f"{where}.resourceRules[0].namespaces: Required value: "
            "resource rules that are not cluster scoped must supply at least one namespace"
        ),
        (
            f'{where}.nonResourceRules[0].verbs: Unsupported value: ["foo"]: supported values: "create", '
            '"delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"'
        ),
        f'{where}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "bar": must start with slash',
        (
            f'{where}.nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/*x": '
            "wildcard can only do suffix matching"
        ),
        "spec.rules[1].subjects: Required value: subjects must contain at least one value",
        (
            "spec.rules[1]: Required value: "
            "at least one of resourceRules and nonResourceRules has to be non-empty"
        ),
    }


async def test_a_priority_level_gets_its_queues(registry: Registry) -> None:
    limited = {"limitResponse": {"type": "Queue", "queuing": {}}}
    made = await create(
        registry, FLOW, "prioritylevelconfigurations", {"spec": LIMITED | {"limited": limited}}
    )
    level = made["spec"]["limited"]
    assert (level["nominalConcurrencyShares"], level["lendablePercent"]) == (30, 0)
    assert level["limitResponse"]["queuing"] == {"queues": 64, "handSize": 8, "queueLengthLimit": 50}


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"type": "Foo"}, {'spec.type: Unsupported value: "Foo": supported values: "Exempt", "Limited"'}),
        (LIMITED, {"spec.limited: Required value: must not be empty when type is Limited"}),
        (
            {"type": "Exempt", "limited": {"limitResponse": {"type": "Reject"}}},
            {
                "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
                "spec.limited: Forbidden: must be nil if the type is not Limited",
            },
        ),
        (
            LIMITED
            | {"limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 1, "handSize": 20}}}},
            {
                (
                    "spec.limited.limitResponse.queuing.handSize: Invalid value: 20: "
                    "should not be greater than queues (1)"
                )
            },
        ),
    ],
)
async def test_the_rules_of_a_priority_level(registry: Registry, spec: JsonObject, refused: set[str]) -> None:
    assert await causes(registry, FLOW, "prioritylevelconfigurations", {"spec": spec}) == refused


async def test_an_annotation_for_an_older_version_of_priority_levels_is_refused(registry: Registry) -> None:
    name = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
    limited = LIMITED | {"limited": {"limitResponse": {"type": "Reject"}}}
    obj = {"metadata": {"name": "a", "annotations": {name: ""}}, "spec": limited}
    assert await causes(registry, FLOW, "prioritylevelconfigurations", obj) == {
        f"metadata.annotations: Forbidden: annotation '{name}' is forbidden"
    }


async def test_a_webhook_says_all_of_itself(registry: Registry) -> None:
    hooks = [{"name": "a.b.c"} | HOOK, {"name": "a.b.c", "timeoutSeconds": 31}]
    assert await causes(registry, ADMISSION, "validatingwebhookconfigurations", {"webhooks": hooks}) == {
        'webhooks[1].name: Duplicate value: "a.b.c"',
        "webhooks[1].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        "webhooks[1].sideEffects: Required value: must specify one of None, NoneOnDryRun",
        "webhooks[1].clientConfig: Required value: exactly one of url or service is required",
        "webhooks[1].admissionReviewVersions: Required value: must specify one of v1, v1beta1",
    }
    made = await create(registry, ADMISSION, "mutatingwebhookconfigurations", {"webhooks": hooks[:1]})
    assert made["webhooks"][0]["reinvocationPolicy"] == "Never"


async def test_a_policy_has_constraints_and_expressions(registry: Registry) -> None:
    spec: JsonObject = {"validations": [{"expression": " "}], "failurePolicy": "X"}
    assert await causes(registry, ADMISSION, "validatingadmissionpolicies", {"spec": spec}) == {
        'spec.failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"',
        "spec.matchConstraints: Required value",
        "spec.validations[0].expression: Required value: expression is not specified",
    }
    spec = {"matchConstraints": {"resourceRules": [DEPLOYMENTS]}, "validations": [{"expression": "true"}]}
    made = await create(registry, ADMISSION, "validatingadmissionpolicies", {"spec": spec})
    assert made["spec"]["matchConstraints"]["resourceRules"][0]["scope"] == "*"


async def test_a_binding_does_not_say_the_same_twice(registry: Registry) -> None:
    spec = {"validationActions": ["Deny", "Warn", "X"]}
    found = await causes(registry, ADMISSION, "validatingadmissionpolicybindings", {"spec": spec})
    assert "spec.policyName: Required value" in found
    assert len(found) == 3


async def test_an_api_service_is_named_after_its_version(registry: Registry) -> None:
    spec = {"group": "g.example", "version": "v1", "groupPriorityMinimum": -1, "service": {}}
    assert await causes(registry, "apiregistration.k8s.io", "apiservices", {"spec": spec}) == {
        'metadata.name: Invalid value: "a": must be `spec.version+"."+spec.group`: "v1.g.example"',
        "spec.groupPriorityMinimum: Invalid value: -1: must be positive and less than 20000",
        "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
        "spec.service.namespace: Required value",
        "spec.service.name: Required value",
    }


async def test_a_definition_is_named_after_its_resource(registry: Registry) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    spec = {
        "group": "e.x",
        "scope": "Cluster",
        "names": {"plural": "foos", "kind": "Foo"},
        "versions": [version],
    }
    found = await causes(registry, "apiextensions.k8s.io", "customresourcedefinitions", {"spec": spec})
    assert found == {'metadata.name: Invalid value: "a": must be spec.names.plural+"."+spec.group'}
    obj = {"metadata": {"name": "foos.e.x"}, "spec": spec}
    made = await create(registry, "apiextensions.k8s.io", "customresourcedefinitions", obj)
    assert made["spec"]["names"]["listKind"] == "FooList"
    assert made["status"]["storedVersions"] == ["v1"]


async def test_a_claim_asks_for_one_device_each(registry: Registry) -> None:
    requests = [{"name": "r", "exactly": {"deviceClassName": "gpu"}}]
    made = await create(
        registry, "resource.k8s.io", "resourceclaims", {"spec": {"devices": {"requests": requests}}}
    )
    wanted = made["spec"]["devices"]["requests"][0]["exactly"]
    assert (wanted["allocationMode"], wanted["count"]) == ("ExactCount", 1)
    spec = {"devices": {"requests": [{"name": "r"}, {"name": "r", "exactly": {"count": -1}}]}}
    path = "spec.devices.requests"
    assert await causes(
        registry, "resource.k8s.io", "resourceclaims", {"spec": spec, "metadata": {"name": "b"}}
    ) == {
        f"{path}[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
        f"{path}[1].exactly.deviceClassName: Required value",
        f"{path}[1].exactly.count: Invalid value: -1: must be greater than zero",
        f'{path}[1]: Duplicate value: "r"',
    }


async def test_a_slice_is_of_one_place(registry: Registry) -> None:
    assert await causes(registry, "resource.k8s.io", "resourceslices", {"spec": {}}) == {
        "spec.driver: Required value",
        "spec.pool.name: Required value",
        "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
        (
            "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
            "`perDeviceNodeSelection` is required"
        ),
    }


async def test_webhooks_name_their_service_versions_and_conditions_rightly(registry: Registry) -> None:
    hook = HOOK | {
        "name": "Up.b.c",
        "clientConfig": {"service": {"name": "s", "path": "a//b"}},
        "admissionReviewVersions": ["v1", "v1", "V2"],
        "rules": [DEPLOYMENTS | {"operations": [""], "resources": ["*", "pods", "*/x", "a/x"]}],
        "matchConditions": [{"name": "c", "expression": " "}, {"name": "c", "expression": "true"}, {}],
    }
    where = "webhooks[0]"
    found = await causes(registry, ADMISSION, "validatingwebhookconfigurations", {"webhooks": [hook]})
    assert {text.partition("a DNS-1035")[0].partition("a lowercase")[0] for text in found} == {
        f'{where}.name: Invalid value: "Up.b.c": ',
        # Upstream hands over the namespace for the name.
        f"{where}.clientConfig.service.name: Required value",
        f"{where}.clientConfig.service.path: Invalid value: \"a//b\": must start with a '/'",
        f'{where}.clientConfig.service.path: Invalid value: "a//b": segment[0] may not be empty',
        f'{where}.clientConfig.service.path: Invalid value: "a//b": segment[1] may not be empty',
        f'{where}.admissionReviewVersions[1]: Invalid value: "v1": duplicate version',
        f'{where}.admissionReviewVersions[2]: Invalid value: "V2": ',
        (
            f'{where}.rules[0].operations[0]: Unsupported value: "": supported values: '
            '"*", "CONNECT", "CREATE", "DELETE", "UPDATE"'
        ),
        (f"{where}.rules[0].resources[3]: Invalid value: \"a/x\": if '*/x' is present, must not specify a/x"),
        (
            f'{where}.rules[0].resources: Invalid value: ["*","pods","*/x","a/x"]: '
            "if '*' is present, must not specify other resources without subresources"
        ),
        f"{where}.matchConditions[0].expression: Required value",
        f'{where}.matchConditions[1].name: Duplicate value: "c"',
        f"{where}.matchConditions[2].expression: Required value",
        f"{where}.matchConditions[2].name: Required value",
    }


async def test_the_parts_of_a_policy(registry: Registry) -> None:
    spec = {
        "paramKind": {"apiVersion": "a/b/c", "kind": "K"},
        "matchConstraints": {"resourceRules": [DEPLOYMENTS | {"resourceNames": ["a%b", "x", "x"]}]},
        "variables": [{"name": "if", "expression": "1"}, {"name": "a"}],
        "validations": [{"expression": "true", "message": "a\nb", "messageExpression": " ", "reason": "No"}],
        "auditAnnotations": [{"key": "k", "valueExpression": "'v'"}, {"key": "k"}],
        "matchConditions": [{"name": "c"}],
    }
    names = "spec.matchConstraints.resourceRules[0].resourceNames"
    assert await causes(registry, ADMISSION, "validatingadmissionpolicies", {"spec": spec}) == {
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        f"{names}[0]: Invalid value: \"a%b\": may not contain '%'",
        f'{names}[2]: Duplicate value: "x"',
        "spec.matchConditions[0].expression: Required value",
        'spec.variables[0].name: Invalid value: "if": must be a valid CEL identifier',
        "spec.variables[1].expression: Required value: expression is not specified",
        'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
        'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
        (
            'spec.validations[0].reason: Unsupported value: "No": supported values: '
            '"Forbidden", "Invalid", "RequestEntityTooLarge"'
        ),
        "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
        'spec.auditAnnotations[1].key: Duplicate value: "k"',
    }


async def test_bindings_name_one_parameter_and_each_action_once(registry: Registry) -> None:
    both = "Forbidden: name and selector are mutually exclusive"
    reference = {"name": "a/b", "selector": {}, "parameterNotFoundAction": ""}
    spec = {"policyName": "p", "paramRef": reference, "validationActions": ["Warn", "Warn"]}
    assert await causes(registry, ADMISSION, "validatingadmissionpolicybindings", {"spec": spec}) == {
        "spec.paramRef.name: Invalid value: \"a/b\": may not contain '/'",
        f"spec.paramRef.name: {both}",
        f"spec.paramRef.selector: {both}",
        "spec.paramRef.parameterNotFoundAction: Required value",
        'spec.validationActions[1]: Duplicate value: "Warn"',
    }


def test_who_mutates_does_not_delete() -> None:
    resource = find(ADMISSION, "v1", "mutatingadmissionpolicybindings")
    assert resource is not None
    spec = {
        "policyName": "p",
        "matchResources": {"resourceRules": [DEPLOYMENTS | {"operations": ["DELETE"]}]},
    }
    rules, obj = find_strategy(resource), {"metadata": {"name": "a"}, "spec": spec}
    rules.default(obj)
    (error,) = rules.validate(obj)
    assert (error.field, error.message) == (
        "spec.matchResources.resourceRules.operations",
        'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    )


async def test_local_api_services_have_no_certificates(registry: Registry) -> None:
    spec = {"group": "b", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    obj = {"metadata": {"name": "v1.b"}, "spec": spec | {"caBundle": "YWI=", "insecureSkipTLSVerify": True}}
    assert await causes(registry, "apiregistration.k8s.io", "apiservices", obj) == {
        'spec.caBundle: Invalid value: "2 bytes": local APIServices may not have a caBundle',
        (
            "spec.insecureSkipTLSVerify: Invalid value: true: "
            "local APIServices may not have insecureSkipTLSVerify"
        ),
    }


JOB_TEMPLATE: JsonObject = {
    "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"},
}


async def test_a_job_without_labels_gets_those_of_its_pods(registry: Registry) -> None:
    made = await create(registry, "batch", "jobs", {"spec": {"template": JOB_TEMPLATE}})
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["job-name"] == made["metadata"]["name"]
    assert made["metadata"]["labels"] == labels


async def test_labels_that_a_job_gets_from_its_pods_are_judged_once(registry: Registry) -> None:
    obj = {"metadata": {"name": "a" * 64}, "spec": {"template": JOB_TEMPLATE}}
    fields = {text.partition(":")[0] for text in await causes(registry, "batch", "jobs", obj)}
    assert fields == {"spec.template.labels"}
