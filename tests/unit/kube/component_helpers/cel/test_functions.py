"""Kubernetes' CEL functions give what upstream's libraries document."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.component_helpers.cel.environment import Environment
from kprov.kube.component_helpers.cel.errors import EvaluationError
from kprov.kube.component_helpers.cel.functions.authorization import (
    DECIDE,
    Check,
    CheckResult,
    make_authorizer,
)
from kprov.kube.component_helpers.cel.types import AUTHORIZER

_OBJECT = {"list": [3, 1, 2], "text": "a1b22", "amount": "1Gi", "labels": {"app": "web"}, "ratio": 1.5}
_ENVIRONMENT = Environment({"object": "dyn", "authorizer": AUTHORIZER})


def evaluate(expression: str) -> Any:
    values = {"object": _OBJECT, "authorizer": make_authorizer("apps", "deployments", "", "default", "web")}
    return _ENVIRONMENT.compile(expression).evaluate(_ENVIRONMENT.bind(values))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("quantity('1.5Gi').isGreaterThan(quantity(object.amount))", True),
        ("quantity('1k') == quantity('1000')", True),
        ("quantity('200M').add(quantity('1')).compareTo(quantity('200M'))", 1),
        ("quantity('50k').sub(20).asInteger()", 49980),
        ("quantity('-1').sign()", -1),
        ("quantity('0.5').isInteger()", False),
        ("quantity('0.5').asApproximateFloat()", 0.5),
        ("isQuantity('1.3Gigabytes')", False),
        ("semver('1.2.3').isLessThan(semver('1.10.0'))", True),
        ("semver('1.0.0-rc.1').compareTo(semver('1.0.0'))", -1),
        ("semver('v01.2', true).minor()", 2),
        ("isSemver('v1.0')", False),
        ("isSemver('v1.0', true)", True),
        ("object.list.isSorted()", False),
        ("object.list.sum()", 6),
        ("[].sum()", 0),
        ("object.list.min()", 1),
        ("object.list.max()", 3),
        ("object.list.indexOf(2)", 2),
        ("[1, 2, 1].lastIndexOf(1)", 2),
        ("[1, 2, 3].slice(1, 3)", [2, 3]),
        ("[1, [2, [3]]].flatten()", [1, 2, [3]]),
        ("[1, [2, [3]]].flatten(2)", [1, 2, 3]),
        ("[1, 2, 1].distinct()", [1, 2]),
        ("object.list.reverse()", [2, 1, 3]),
        ("'abc'.reverse()", "cba"),
        ("object.list.sort()", [1, 2, 3]),
        ("lists.range(3)", [0, 1, 2]),
        ("sets.contains([1, 2], [2])", True),
        ("sets.equivalent([1, 2], [2, 1, 1])", True),
        ("sets.intersects([1], [2])", False),
        ("object.text.find('[0-9]+')", "1"),
        ("object.text.find('x')", ""),
        ("object.text.findAll('[0-9]+')", ["1", "22"]),
        ("object.text.findAll('[0-9]+', 1)", ["1"]),
        ("url('https://example.com:80/path?k=v').getScheme()", "https"),
        ("url('https://user@example.com:80/').getHost()", "example.com:80"),
        ("url('https://[::1]:80/').getHostname()", "::1"),
        ("url('https://example.com:80/').getPort()", "80"),
        ("url('https://example.com/a%20b').getEscapedPath()", "/a%20b"),
        ("url('https://example.com/?k=a&k=b').getQuery()", {"k": ["a", "b"]}),
        ("isURL('../relative')", False),
        ("ip('10.0.0.1').family()", 4),
        ("string(ip('::0001'))", "::1"),
        ("ip.isCanonical('::0001')", False),
        ("ip('10.0.0.1').isGlobalUnicast()", True),
        ("ip('224.0.0.1').isLinkLocalMulticast()", True),
        ("isIP('::ffff:1.2.3.4')", False),
        ("cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))", True),
        ("cidr('10.0.0.0/8').containsIP('11.0.0.1')", False),
        ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", True),
        ("cidr('10.0.0.0/8').containsCIDR(cidr('0.0.0.0/0'))", False),
        ("string(cidr('10.1.2.3/16').ip())", "10.1.2.3"),
        ("cidr('10.1.2.3/16').masked() == cidr('10.1.0.0/16')", True),
        ("cidr('10.1.2.3/16').prefixLength()", 16),
        ("isCIDR('10.0.0.0/33')", False),
        ("format.dns1123Label().validate('web').hasValue()", False),
        ("format.dns1123Label().validate('Web').hasValue()", True),
        ("format.uuid().validate('x').value()", ["does not match the UUID format"]),
        ("format.dns1035LabelPrefix().validate('web-').hasValue()", False),
        ("format.byte().validate('YQ==').hasValue()", False),
        ("object.?absent.orValue(3)", 3),
        ("object.?labels.app.hasValue()", True),
        ("cel.bind(x, object.list[0], x + x)", 6),
        ("'%s has %d'.format([object.text, 2])", "a1b22 has 2"),
        ("object.ratio > 1 && object.list.exists(each, each == 3)", True),
    ],
)
def test_an_expression_has_the_documented_value(expression: str, expected: Any) -> None:
    assert evaluate(expression) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("object.absent", "no such key: absent"),
        ("object.list[7]", "index out of bounds: 7"),
        ("object.list[0] / 0", "division by zero"),
        ("object.text + 1", "no such overload"),
        ("semver('1.x')", "No Major.Minor.Patch elements found: 1.x"),
        ("quantity('0.5').asInteger()", "cannot convert value to integer"),
        ("[].max()", "max called on empty list"),
        ("authorizer.path(' ').check('get').allowed()", "path must not be empty"),
        ("object.text.find('(')", "Illegal regex: missing ): ("),
        ("format.uuid().validate('0' + 'a').value() == [] || object.x", "no such key: x"),
        (
            f"{[1] * 50}.all(a, {[1] * 50}.all(b, {[1] * 50}.all(c, true)))",
            "operation cancelled: actual cost limit exceeded",
        ),
    ],
)
def test_an_error_has_the_words_of_upstreams_library(expression: str, reason: str) -> None:
    with pytest.raises(EvaluationError) as found:
        evaluate(expression)
    assert str(found.value) == reason


@pytest.mark.parametrize(
    ("expression", "check"),
    [
        (
            "authorizer.requestResource",
            Check("get", group="apps", resource="deployments", namespace="default", name="web"),
        ),
        (
            "authorizer.group('').resource('pods').subresource('log').namespace('a').name('b')",
            Check("get", resource="pods", subresource="log", namespace="a", name="b"),
        ),
        (
            "authorizer.serviceAccount('a', 'robot').path('/healthz')",
            Check("get", account="a:robot", path="/healthz"),
        ),
        (
            "authorizer.group('').resource('pods').fieldSelector('a=b').labelSelector('c')",
            Check("get", resource="pods", field_selector="a=b", label_selector="c"),
        ),
    ],
)
def test_the_authorizer_checks_the_right_that_the_expression_names(expression: str, check: Check) -> None:
    seen: list[Check] = []

    def decide(asked: Check) -> CheckResult:
        seen.append(asked)
        return CheckResult(is_allowed=True, reason="because")

    token = DECIDE.set(decide)
    try:
        assert evaluate(f"{expression}.check('get').allowed()") is True
        assert evaluate("authorizer.path('/').check('get').reason()") == "because"
    finally:
        DECIDE.reset(token)
    assert seen[0] == check


def test_without_an_authorizer_a_check_has_an_error() -> None:
    assert evaluate("authorizer.path('/').check('get').error()") == "no authorizer"
    assert evaluate("authorizer.path('/').check('get').allowed()") is False
