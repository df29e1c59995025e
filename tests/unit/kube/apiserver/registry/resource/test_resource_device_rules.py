"""Device classes, claims, templates and slices: defaults and refusals, as upstream 1.36 words them."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

GROUP = "resource.k8s.io"
DRIVER = "gpu.example.com"
PARAMETERS = {"driver": DRIVER, "parameters": {"a": 1}}
NO_REQUEST = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)


async def create(registry: Registry, plural: str, spec: JsonObject) -> JsonObject:
    store = registry.store(GROUP, plural)
    namespace = "default" if store.resource.namespaced else ""
    context = make_system_context("create", store.resource)
    return await store.create(context, namespace, {"metadata": {"name": "a"}, "spec": spec})


async def causes(registry: Registry, plural: str, spec: JsonObject) -> list[str]:
    """In their order."""
    with pytest.raises(StatusError) as caught:
        await create(registry, plural, spec)
    return [f"{each['field']}: {each['message']}" for each in caught.value.status["details"]["causes"]]


def sliced(*devices: JsonObject, **spec: Any) -> JsonObject:
    pool = {"name": "p", "resourceSliceCount": 1}
    return {"driver": DRIVER, "pool": pool, "allNodes": True, "devices": list(devices)} | spec


async def test_a_claim_tolerates_by_value(registry: Registry) -> None:
    asked = {"deviceClassName": "gpu", "tolerations": [{"key": "a", "value": "b"}]}
    made = await create(
        registry, "resourceclaims", {"devices": {"requests": [{"name": "r", "exactly": asked}]}}
    )
    tolerations = made["spec"]["devices"]["requests"][0]["exactly"]["tolerations"]
    assert tolerations == [{"key": "a", "value": "b", "operator": "Equal"}]


async def test_what_a_claim_names_is_in_it(registry: Registry) -> None:
    alternatives = [{"name": "s", "deviceClassName": "gpu"}]
    devices = {
        "requests": [{"name": "r", "firstAvailable": alternatives}],
        "constraints": [
            {"requests": ["r", "r/s", "r/x", "a/b/c"], "matchAttribute": "e.x/a"},
            {"requests": ["r", "r"], "distinctAttribute": "a"},
            {},
        ],
        "config": [{"requests": ["x"], "opaque": PARAMETERS}, {"opaque": {"parameters": []}}, {}],
    }
    path = "spec.devices"
    assert await causes(registry, "resourceclaims", {"devices": devices}) == [
        f'{path}.constraints[0].requests[2]: Invalid value: "r/x": {NO_REQUEST}',
        f'{path}.constraints[0].requests[3]: Invalid value: "a/b/c": {NO_REQUEST}',
        f'{path}.constraints[1].requests[1]: Duplicate value: "r"',
        (
            f'{path}.constraints[1].distinctAttribute: Invalid value: "a": a fully qualified name must be a '
            "domain and a name separated by a slash"
        ),
        (
            f'{path}.constraints[2]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is '
            "required, but multiple fields are set"
        ),
        f'{path}.config[0].requests[0]: Invalid value: "x": {NO_REQUEST}',
        f"{path}.config[1].opaque.driver: Required value",
        f'{path}.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
        f"{path}.config[2].opaque: Required value",
    ]


async def test_tolerations_of_a_template(registry: Registry) -> None:
    wrong = [{"operator": "Exists", "value": "x"}, {"operator": "In", "effect": "Never"}]
    asked = {
        "deviceClassName": "gpu",
        "tolerations": wrong,
        "selectors": [{}, {"cel": {"expression": "a" * 10241}}],
    }
    spec = {"metadata": {"name": "b"}, "spec": {"devices": {"requests": [{"name": "r", "exactly": asked}]}}}
    path = "spec.spec.devices.requests[0].exactly"
    assert await causes(registry, "resourceclaimtemplates", spec) == [
        "spec.metadata.name: Forbidden: cannot be set",
        f"{path}.selectors[0].cel: Required value",
        f"{path}.selectors[1].cel.expression: Too long: may not be more than 10240 bytes",
        f'{path}.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`',
        f'{path}.tolerations[1].operator: Unsupported value: "In": supported values: "Equal", "Exists"',
        (
            f'{path}.tolerations[1].effect: Unsupported value: "Never": supported values: "NoExecute", '
            '"NoSchedule", "None"'
        ),
    ]


async def test_a_class_stands_for_an_extended_resource(registry: Registry) -> None:
    big = {"driver": DRIVER, "parameters": {"a": "b" * 10240}}
    spec = {"extendedResourceName": "cpu", "config": [{"opaque": big}] * 33}
    text = 'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name'
    assert await causes(registry, "deviceclasses", spec) == [
        "spec.config: Too many: 33: must have at most 32 items",
        text,
    ]
    assert await causes(registry, "deviceclasses", {"config": [{"opaque": big}]}) == [
        "spec.config[0].opaque.parameters: Too long: may not be more than 10240 bytes"
    ]


async def test_the_attributes_of_a_device(registry: Registry) -> None:
    told = {
        "a": {"string": "x" * 65},
        "e.x/b": {"version": "1.0"},
        "c": {"int": 1, "bool": False},
        "/d": {"int": 1},
    }
    found = await causes(registry, "resourceslices", sliced({"name": "d", "attributes": told}))
    path = "spec.devices[0].attributes"
    assert found == [
        f"{path}[a].string: Too long: may not be more than 64 bytes",
        f'{path}[e.x/b].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
        f'{path}[c]: Invalid value: {{"int":1,"bool":false}}: exactly one value must be specified',
        f'{path}: Invalid value: "": the domain must not be empty',
    ]


async def test_lists_of_attributes_are_behind_a_gate(registry: Registry) -> None:
    device = {"name": "d", "attributes": {"a": {"int": 1, "ints": [1]}}}
    device["nodeAllocatableResourceMappings"] = {"cpu": {}}
    made = await create(registry, "resourceslices", sliced(device))
    assert made["spec"]["devices"] == [{"name": "d", "attributes": {"a": {"int": 1}}}]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"validValues": ["1"]}, ["default: Required value: required when validValues is defined"]),
        (
            {"default": "3", "validValues": ["2", "1", "20"]},
            [
                'validValues[1]: Invalid value: "1": values must be sorted in ascending order',
                'validValues[2]: Invalid value: "20": option is larger than capacity value: 10',
                'validValues: Invalid value: "3": default value is not valid according to the requestPolicy',
            ],
        ),
        (
            {"default": "1", "validRange": {}},
            ["validRange.min: Required value: required when validRange is defined"],
        ),
        (
            {"default": "1", "validRange": {"min": "2", "max": "11", "step": "9"}},
            [
                'validRange.min: Invalid value: "1": default is less than min: 2',
                'validRange.max: Invalid value: "11": max is larger than capacity value: 10',
                'validRange.step: Invalid value: "9": one step 11 is larger than capacity value: 10',
                'validRange.step: Invalid value: "1": value is not a multiple of a given step (9) from (2)',
            ],
        ),
        (
            {"default": "1", "validRange": {"min": "1", "step": "0"}},
            ['validRange.step: Invalid value: "1": value is not a multiple of a given step (0) from (1)'],
        ),
    ],
)
async def test_how_a_capacity_may_be_asked_for(
    registry: Registry, policy: JsonObject, expected: list[str]
) -> None:
    capacity = {"memory": {"value": "10", "requestPolicy": policy}}
    device = {"name": "d", "allowMultipleAllocations": True, "capacity": capacity}
    path = "spec.devices[0].capacity[memory].requestPolicy"
    assert await causes(registry, "resourceslices", sliced(device)) == [f"{path}.{text}" for text in expected]
    del device["allowMultipleAllocations"]
    assert await causes(registry, "resourceslices", sliced(device)) == [
        f"{path}: Forbidden: allowMultipleAllocations must be true"
    ]


async def test_taints_and_conditions_of_a_device(registry: Registry) -> None:
    device = {
        "name": "d",
        "taints": [{"key": "a"}],
        "bindingConditions": ["b", "b"],
        "bindingFailureConditions": ["b"],
        "consumesCounters": [{"counterSet": "c", "counters": {"X": {"value": "1"}}}, {}],
    }
    path = "spec.devices[0]"
    found = await causes(registry, "resourceslices", sliced(device))
    assert [text for text in found if "counters:" not in text] == [
        f"{path}.taints[0].effect: Required value",
        f"{path}.consumesCounters[1].counterSet: Required value",
        f'{path}.bindingConditions[1]: Duplicate value: "b"',
        (
            f'{path}.bindingFailureConditions[0]: Invalid value: "b": bindingFailureConditions must not overlap '
            "with bindingConditions"
        ),
    ]
    made = await create(
        registry, "resourceslices", sliced({"name": "d", "taints": [{"key": "a", "effect": "None"}]})
    )
    assert made["spec"]["devices"][0]["taints"][0]["timeAdded"].endswith("Z")


async def test_a_slice_with_a_tainted_device_may_have_fewer_devices(registry: Registry) -> None:
    devices: list[JsonObject] = [{"name": f"d{number}"} for number in range(128)]
    rich = [*devices, {"name": "x", "taints": [{"key": "a", "effect": "None"}]}]
    assert await causes(registry, "resourceslices", sliced(*rich)) == [
        "spec.devices: Too many: 129: must have at most 64 items"
    ]
    made = await create(registry, "resourceslices", sliced(*devices))
    assert len(made["spec"]["devices"]) == 128


async def test_a_device_is_somewhere(registry: Registry) -> None:
    nowhere, twice = {"name": "a"}, {"name": "b", "nodeName": "n", "allNodes": True}
    text = (
        "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` "
        "is set to true in the ResourceSlice spec"
    )
    spec = sliced(nowhere, twice, perDeviceNodeSelection=True)
    del spec["allNodes"]
    assert await causes(registry, "resourceslices", spec) == [
        f"spec.devices[0]: Required value: {text}",
        f'spec.devices[1]: Invalid value: "{{`nodeName`, `allNodes`}}": {text}',
    ]
    assert await causes(registry, "resourceslices", sliced(twice)) == [
        (
            "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if "
            "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
        )
    ]
