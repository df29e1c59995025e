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
    "[1, 2].exists(x, x == 2) && [1, 2].max() == 2",
    'cel.bind(mine, device.attributes["gpu.org"], mine.model.find("l.*") == mine.model && mine.index == 3)',
    '"gpu.org" in device.attributes && device.attributes["gpu.org"].index > 2',
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
        (
            'device.attributes["gpu.org"].index',
            "CEL runtime error: CEL result of type int could not be converted to bool",
        ),
    ],
)
def test_a_failing_expression_says_why(expression: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=f"^{problem}"):
        Selector(expression).matches(build_variables(DEVICE, "gpu.org"))


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("1 +", "compilation failed: ERROR: <input>:1:4: Syntax error"),
        ("unknown", "compilation failed: ERROR: <input>:1:1: undeclared reference to 'unknown'"),
        ("device.absent == 1", "compilation failed: ERROR: <input>:1:7: undefined field 'absent'"),
        ("device.driver == 1", "found no matching overload for '_==_' applied to '(string, int)'"),
        ("1", "must evaluate to bool or the unknown type, not int"),
    ],
)
def test_a_wrong_expression_is_an_error_each_time(expression: str, problem: str) -> None:
    for _ in range(2):
        found = compile_selector(expression)
        assert isinstance(found, SelectorError)
        assert str(found).startswith("CEL compile error: ")
        assert problem in str(found)


def test_a_version_that_is_none_is_an_error() -> None:
    with pytest.raises(SelectorError, match="attribute v: parse semantic version"):
        build_variables({"attributes": {"v": {"version": "1.2"}}}, "gpu.org")
