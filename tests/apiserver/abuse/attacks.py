"""Requests that cost the server much more than the client that sends them.

Each is valid enough to reach the code that it is made for. Whether the answer is a success does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.builders.containers import build_container
from tests.builders.pods import build_pod

_MAPS: Final = "/api/v1/namespaces/default/configmaps"
_PODS: Final = "/api/v1/namespaces/default/pods"
_ROLES: Final = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
_POLICIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
_APPLY: Final = "application/apply-patch+yaml"
_BODY_BYTES: Final = 2_900_000


@dataclass(frozen=True, slots=True)
class Attack:
    """One request."""

    name: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def _encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _make_map(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def _make_pod(name: str, container: Mapping[str, Any]) -> dict[str, Any]:
    return build_pod(name, automountServiceAccountToken=False, containers=[build_container(**container)])


def _attack_bodies() -> list[Attack]:
    many_keys = {f"k{number}": "" for number in range(_BODY_BYTES // 16)}
    depth = 9_000
    many = [{"name": f"A{number}", "value": "b"} for number in range(60_000)]
    return [
        Attack("deep JSON", "POST", _MAPS, b'{"data":' * depth + b"1" + b"}" * depth),
        Attack("deep arrays", "POST", _MAPS, b'{"metadata":' + b"[" * 1_000_000),
        Attack("many keys", "POST", _MAPS, _encode(_make_map("keys", data=many_keys))),
        Attack("many unknown fields", "POST", f"{_MAPS}?fieldValidation=Strict", _encode(_make_map("unknown", **many_keys))),
        Attack("many variables", "POST", _PODS, _encode(_make_pod("env", {"env": many}))),
        Attack(
            "large YAML", "POST", _MAPS, b"a:\n" + b" - {b: c}\n" * 20_000, content_type="application/yaml"
        ),
        Attack("long numbers", "POST", _MAPS, b'{"metadata":{"generation":' + b"9" * 1_000_000 + b"}}"),
        Attack("many small items", "POST", _MAPS, b"[" + b"0," * 1_400_000 + b"0]"),
        Attack(
            "many labels", "POST", _MAPS,
            _encode({"metadata": {"name": "l", "labels": {f"a{number}": "" for number in range(100_000)}}}),
        ),
        Attack("half a body", "POST", _MAPS, b'{"data":{"a":"' + b"x" * _BODY_BYTES),
    ]  # fmt: skip


def _attack_patches() -> list[Attack]:
    keys = {f"k{number}": str(number) for number in range(30_000)}
    variables = [{"name": f"A{number}", "value": "b"} for number in range(8_000)]
    copies = [{"op": "copy", "from": "/data", "path": f"/data/{number}"} for number in range(30)]
    moves = [{"op": "test", "path": "/metadata/name", "value": "target"} for _ in range(10_000)]
    patch = "application/json-patch+json"
    return [
        Attack(
            "large apply", "PATCH", f"{_MAPS}/applied?fieldManager=a&force=true",
            _encode(_make_map("applied", data=keys)), _APPLY,
        ),
        Attack(
            "apply of many variables", "PATCH", f"{_PODS}/applied?fieldManager=a&force=true",
            _encode(_make_pod("applied", {"env": variables})), _APPLY,
        ),
        Attack("copies", "PATCH", f"{_MAPS}/target", _encode(copies), patch),
        Attack("many operations", "PATCH", f"{_MAPS}/target", _encode(moves), patch),
        Attack(
            "large merge patch", "PATCH", f"{_MAPS}/target", _encode({"data": keys}),
            "application/merge-patch+json",
        ),
        Attack(
            "large strategic patch", "PATCH", f"{_PODS}/target",
            _encode({"spec": {"containers": [{"name": "c", "env": variables}]}}),
            "application/strategic-merge-patch+json",
        ),
    ]  # fmt: skip


def _attack_validation() -> list[Attack]:
    """Objects below etcd's limit, each of whose values is parsed."""
    amounts = {f"e.com/r{number}": str(number + 1) for number in range(50_000)}
    texts = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(80_000)]
    endpoints = [{"addresses": texts[start : start + 100]} for start in range(0, len(texts), 100)]
    points: dict[str, Any] = {"metadata": {"name": "s"}, "addressType": "IPv4", "endpoints": endpoints}
    containers = [{"name": f"c{number}", "image": "i"} for number in range(10_000)]
    crowd = _make_pod("crowd", {})
    crowd["spec"]["initContainers"] = containers
    return [
        Attack("many quantities", "POST", _PODS, _encode(_make_pod("q", {"resources": {"limits": amounts}}))),
        Attack("many addresses", "POST", f"{_SLICES}?dryRun=All", _encode(points)),
        Attack("many containers", "POST", f"{_PODS}?dryRun=All", _encode(crowd)),
    ]


def _attack_reads() -> list[Attack]:
    terms = "%2C".join(f"a{number}%21%3Db" for number in range(20_000))
    values = "%2C".join(f"v{number}" for number in range(60_000))
    fields = "%2C".join(f"metadata.name%21%3Da{number}" for number in range(20_000))
    return [
        Attack("many label terms", "GET", f"{_MAPS}?labelSelector={terms}"),
        Attack("many label values", "GET", f"{_MAPS}?labelSelector=a+notin+%28{values}%29"),
        Attack("many field terms", "GET", f"{_MAPS}?fieldSelector={fields}"),
        Attack("many parameters", "GET", f"{_MAPS}?{'&'.join(f'a{n}=b' for n in range(100_000))}"),
        Attack("long name", "GET", f"{_MAPS}/{'n' * 60_000}"),
        Attack("many media types", "GET", f"{_MAPS}/target", headers={"Accept": "a/b;q=0.1," * 6_000}),
        Attack("long path", "GET", "/api/v1/" + "a/" * 400_000),
        Attack("huge list", "GET", "/api/v1/configmaps"),
        Attack("huge list of an old revision", "GET", "/api/v1/configmaps?limit=500"),
        Attack("metrics", "GET", "/metrics"),
        Attack("OpenAPI", "GET", "/openapi/v2"),
    ]


def _attack_rules() -> list[Attack]:
    words = [f"w{number}" for number in range(40)]
    rule = {"apiGroups": words, "resources": words, "verbs": words, "resourceNames": words}
    expression = f"[{','.join(['1'] * 6000)}].map(x, x + 1).size() > 0"
    backtracking = "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.find('(a*)*b') == ''"
    rules = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}
    found = [
        Attack("a role of many words", "POST", _ROLES, _encode({"metadata": {"name": "r"}, "rules": [rule]}))
    ]
    for name, text in (("long", expression), ("backtracking", backtracking), ("deep", "(" * 2000 + "true")):
        spec = {
            "matchConstraints": {"resourceRules": [rules]},
            "validations": [{"expression": text}],
        }
        policy = {"metadata": {"name": f"{name}.example.org"}, "spec": spec}
        found.append(Attack(f"a {name} expression", "POST", f"{_POLICIES}?dryRun=All", _encode(policy)))
    validations = [{"expression": f"object.metadata.name != 'n{number}'"} for number in range(2_000)]
    policy = {
        "metadata": {"name": "many.example.org"},
        "spec": {"matchConstraints": {"resourceRules": [rules]}, "validations": validations},
    }
    return [*found, Attack("many expressions", "POST", f"{_POLICIES}?dryRun=All", _encode(policy))]


ATTACKS: Final = [
    *_attack_bodies(),
    *_attack_validation(),
    *_attack_patches(),
    *_attack_reads(),
    *_attack_rules(),
]
