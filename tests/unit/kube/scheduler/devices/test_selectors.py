"""What selectors say about a device."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.selectors import Selector, SelectorError, build_variables, compile_selector

DEVICE: JsonObject = {
    "name": "gpu-0",
    "attributes": {
        "model": {"string": "large"},
        "index": {"int": 3},
        "firmware": {"version": "1.2.0-rc.1"},
        "other.org/healthy": {"bool": True},
    },
    "capacity": {"memory": {"value": "10Gi"}},
}
ACCEPTED = [
    'device.driver == "gpu.org"',
    'device.attributes["gpu.org"].model == "large"',
    'device.attributes["other.org"].healthy',
    '!("nobody.org" in device.attributes)',
    '!has(device.attributes["nobody.org"].x)',
    'device.attributes["gpu.org"].firmware.compareTo(semver("1.2.0")) == -1',
    'device.attributes["gpu.org"].firmware.isGreaterThan(semver("1.1.9"))',
    'device.attributes["gpu.org"].firmware.major() == 1',
    'isSemver("1.2.3") && !isSemver("1.02.3")',
    'device.capacity["gpu.org"].memory == quantity("10240Mi")',
    'device.capacity["gpu.org"].memory.sub(quantity("1Gi")).asInteger() == 9663676416',
    'device.capacity["gpu.org"].memory.isLessThan(quantity("1Ti"))',
    'device.attributes["gpu.org"].?missing.orValue(5) == 5',
    'isQuantity("1Gi") && !isQuantity("1Gx")',
    "[1, 2].exists(x, x == 2) && math.greatest(1, 2) == 2",
    'false || device.driver.startsWith("gpu")',
]


@pytest.mark.parametrize("expression", ACCEPTED)
def test_a_device_is_accepted(expression: str) -> None:
    assert Selector(expression).matches(build_variables(DEVICE, "gpu.org"))
    assert not Selector(f"!({expression})").matches(build_variables(DEVICE, "gpu.org"))


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ('device.attributes["gpu.org"].x', "CEL runtime error: no such key: x"),
        ("1", "CEL runtime error: CEL result of type int could not be converted to bool"),
        ("unknown", "CEL runtime error: "),
    ],
)
def test_a_failing_expression_says_why(expression: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=f"^{problem}"):
        Selector(expression).matches(build_variables(DEVICE, "gpu.org"))


def test_a_malformed_expression_is_an_error_each_time() -> None:
    for _ in range(2):
        found = compile_selector("1 +")
        assert isinstance(found, SelectorError)
        assert str(found).startswith("CEL compile error: ")


def test_a_version_that_is_none_is_an_error() -> None:
    with pytest.raises(SelectorError, match="attribute v: parse semantic version"):
        build_variables({"attributes": {"v": {"version": "1.2"}}}, "gpu.org")
