"""Single changes to objects of small kinds, and what upstream's API server says of them."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, find

NETWORK, STORAGE = "networking.k8s.io", "storage.k8s.io"
FLOW, CERTIFICATES = "flowcontrol.apiserver.k8s.io", "certificates.k8s.io"


def kind(group: str, plural: str) -> Resource:
    found = find(group, "v1", plural)
    assert found is not None
    return found


def strategy(group: str, plural: str) -> Strategy:
    return find_strategy(kind(group, plural))


def told(group: str, plural: str, obj: JsonObject, old: JsonObject | None = None) -> list[str]:
    """Fields and texts of what is refused at creation, or in an update of `old`."""
    rules = strategy(group, plural)
    whole = [
        {"kind": kind(group, plural).gvk[2], "metadata": {"name": "a"}, **each} for each in (obj, old or {})
    ]
    for each in whole:
        rules.default(each)
    errors = rules.validate(whole[0]) if old is None else rules.validate_update(*whole)
    return [f"{error.field}: {error.detail}" for error in errors]


def status_told(group: str, plural: str, status: JsonObject) -> list[str]:
    obj = {"metadata": {"name": "a"}, "spec": {}, "status": status}
    found = strategy(group, plural).validate_status_update(obj, {**obj, "status": {}})
    return [f"{error.field}: {error.detail}" for error in found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a b", "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        ("a/b", "should be a domain with at least two segments separated by dots"),
    ],
)
def test_a_signing_request_names_a_signer_of_a_domain(name: str, text: str) -> None:
    wrong = told(CERTIFICATES, "certificatesigningrequests", {"spec": {"signerName": name}})
    shown = name.partition("/")[0]
    assert f'spec.signerName: Invalid value: "{shown}": {text}' in wrong


def test_a_signing_request_without_request_has_null() -> None:
    text = "PEM block type must be CERTIFICATE REQUEST"
    assert f"spec.request: Invalid value: null: {text}" in told(
        CERTIFICATES, "certificatesigningrequests", {}
    )
    wrong = told(CERTIFICATES, "certificatesigningrequests", {"spec": {"request": ""}})
    assert f'spec.request: Invalid value: "": {text}' in wrong


def test_selectors_of_roles_are_judged_and_then_what_was_made_of_them() -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": "In"}]}
    path = "aggregationRule.clusterRoleSelectors[0]"
    role = {"rules": [], "aggregationRule": {"clusterRoleSelectors": [selector, {}]}}
    assert told("rbac.authorization.k8s.io", "clusterroles", role) == [
        (
            f"{path}.matchExpressions[0].values: Required value: "
            "must be specified when `operator` is 'In' or 'NotIn'"
        ),
        f"{path}: Invalid value: null: invalid label selector.",
    ]


def test_a_node_may_have_a_long_id_with_a_driver() -> None:
    def node(length: int) -> JsonObject:
        return {"spec": {"drivers": [{"name": "d.io", "nodeID": "n" * length}]}}

    assert told(STORAGE, "csinodes", node(256)) == []
    assert told(STORAGE, "csinodes", node(257))[0].endswith("must be 256 characters or less")


def test_generations_of_a_csi_driver_begin_with_its_first_change() -> None:
    rules = strategy(STORAGE, "csidrivers")
    context = make_system_context("update", kind(STORAGE, "csidrivers"))
    old: JsonObject = {"metadata": {"name": "d"}, "spec": {"storageCapacity": False}}
    for wanted, generation in ((False, None), (True, 1)):
        new: JsonObject = {"metadata": {"name": "d"}, "spec": {"storageCapacity": wanted}}
        rules.prepare_for_update(context, new, old)
        assert new["metadata"].get("generation") == generation


def test_a_csi_driver_is_warned_of_tokens_when_they_change() -> None:
    rules = strategy(STORAGE, "csidrivers")
    driver = {"metadata": {}, "spec": {"tokenRequests": [{"audience": "a"}]}}
    assert len(rules.find_warnings(driver, None)) == len(rules.find_warnings(driver, {"spec": {}})) == 1
    assert rules.find_warnings(driver, driver) == []


def test_what_an_attachment_describes_itself_is_a_volume_of_csi() -> None:
    def attachment(**more: Any) -> JsonObject:
        csi = {"driver": "d.io", "volumeHandle": "h"}
        inline = {"accessModes": ["ReadWriteOnce"], "csi": csi, **more}
        source = {"inlineVolumeSpec": {name: each for name, each in inline.items() if each is not None}}
        return {"spec": {"attacher": "d.io", "nodeName": "n", "source": source}}

    path, context = "spec.source.inlineVolumeSpec", "in the context of inline volumes"
    assert told(STORAGE, "volumeattachments", attachment()) == []
    wrong = attachment(
        capacity={"storage": "1"},
        claimRef={},
        persistentVolumeReclaimPolicy="Delete",
        nodeAffinity={},
        volumeMode="Block",
    )
    assert told(STORAGE, "volumeattachments", wrong) == [
        f"{path}.claimRef: Forbidden: may not be specified {context}",
        f"{path}.capacity: Forbidden: may not be specified {context}",
        f"{path}.persistentVolumeReclaimPolicy: Forbidden: may only be Retain {context}",
        f"{path}.nodeAffinity: Forbidden: may not be specified {context}",
        f"{path}.volumeMode: Forbidden: may not specify volumeMode other than Filesystem {context}",
    ]
    assert told(STORAGE, "volumeattachments", attachment(csi=None)) == [
        f"{path}.csi: Required value: has to be specified {context}",
        f"{path}: Required value: must specify a volume type",
    ]


def test_sources_of_persistent_volumes_have_defaults() -> None:
    volume: JsonObject = {"spec": {"rbd": {"user": ""}, "azureDisk": {"fsType": ""}, "iscsi": {}}}
    strategy("", "persistentvolumes").default(volume)
    assert volume["spec"]["rbd"] == {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
    assert volume["spec"]["azureDisk"]["fsType"] == ""
    assert volume["spec"]["iscsi"] == {"iscsiInterface": "default"}


def test_an_update_of_a_runtime_class_is_validated_like_a_create() -> None:
    new = {"handler": "h", "scheduling": {"nodeSelector": {"a": "b c"}}}
    assert len(told("node.k8s.io", "runtimeclasses", new, {"handler": "h"})) == 1


@pytest.mark.parametrize("plural", ["flowschemas", "prioritylevelconfigurations"])
def test_conditions_of_flow_control_have_types_and_each_once(plural: str) -> None:
    conditions = [{"type": "A"}, {"type": "A"}, {}]
    assert status_told(FLOW, plural, {"conditions": conditions}) == [
        'status.conditions[1].type: Duplicate value: "A"',
        "status.conditions[2].type: Required value",
    ]


def test_what_a_flow_schema_may_not_say() -> None:
    rule = {
        "subjects": [{"kind": "User", "user": {"name": "u"}}],
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["a.b"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": [""]}],
    }
    level = {"priorityLevelConfiguration": {"name": "x"}}
    wrong = told(FLOW, "flowschemas", {"spec": {**level, "matchingPrecedence": 1, "rules": [rule]}})
    text = "each member of this list must be '*' or a DNS-1123 label; must not contain dots"
    assert wrong == [
        (
            "spec.matchingPrecedence: Invalid value: 1: "
            "only the schema named 'exempt' may have matchingPrecedence 1"
        ),
        f'spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "a.b": {text}',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty',
    ]


def test_ranges_are_compared_however_they_are_written() -> None:
    block = {"cidr": "10.0.0.1/8", "except": ["10.0.0.0/08"]}
    wrong = told(NETWORK, "networkpolicies", {"spec": {"ingress": [{"from": [{"ipBlock": block}]}]}})
    assert [text.partition(": Invalid value: ")[2] for text in wrong] == [
        '"10.0.0.1/8": must not have bits set beyond the prefix length',
        '"10.0.0.0/08": must not have leading 0s in IP or prefix length',
        '"10.0.0.0/08": must be a strict subset of `cidr`',
    ]
    types = ["Ingress", "Egress", "X"]
    assert len(told(NETWORK, "networkpolicies", {"spec": {"policyTypes": types}})) == 1


def test_hosts_are_no_addresses_with_zeros_in_front_either() -> None:
    wrong = told(NETWORK, "ingresses", {"spec": {"rules": [{"host": "01.2.3.4"}]}})
    assert wrong[0].endswith("must be a DNS name, not an IP address")
    status = {"loadBalancer": {"ingress": [{"hostname": "01.2.3.4"}]}}
    assert len(status_told(NETWORK, "ingresses", status)) == 1


def test_addresses_of_balancers_are_warned_of() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "fd00:0::1"}, {"hostname": "x"}]}}
    assert strategy(NETWORK, "ingresses").find_status_warnings({"status": status}) == [
        (
            'status.loadBalancer.ingress[0]: IPv6 address "fd00:0::1" should be in RFC 5952 canonical format '
            '("fd00::1")'
        )
    ]


def test_slices_have_canonical_addresses_and_keep_what_they_have() -> None:
    def piece(family: str) -> JsonObject:
        return {"addressType": family, "endpoints": [{"addresses": ["FD00::1"]}]}

    text = 'endpoints[0].addresses[0]: Invalid value: "FD00::1": must be in canonical form ("fd00::1")'
    assert told("discovery.k8s.io", "endpointslices", piece("IPv6")) == [text]
    assert told("discovery.k8s.io", "endpointslices", piece("FQDN"), piece("IPv6")) == [
        'addressType: Invalid value: "FQDN": field is immutable'
    ]


def test_conditions_of_budgets_tell_since_when() -> None:
    condition = {"type": "A", "status": "True", "reason": "R"}
    assert status_told("policy", "poddisruptionbudgets", {"conditions": [condition]}) == [
        "status.conditions[0].lastTransitionTime: Required value"
    ]


def test_errors_of_attachments_have_bounds() -> None:
    error = {"message": "x" * 1025, "errorCode": -1}
    status = {"attachmentMetadata": {"a": "x" * 256 * 1024}, "detachError": error}
    assert status_told(STORAGE, "volumeattachments", status) == [
        "status.attachmentMetadata: Too long: may not be more than 262144 bytes",
        "status.detachError.message: Too long: may not be more than 262144 bytes",
        "status.detachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ]


def test_ranges_of_services_are_of_two_families_however_they_are_written() -> None:
    def wrong(*ranges: str) -> list[str]:
        return [text.split(":")[0] for text in told(NETWORK, "servicecidrs", {"spec": {"cidrs": ranges}})]

    assert wrong("10.0.0.0/16", "fd00::/64") == []
    assert wrong("10.0.0.0/16", "10.0.0.1/8") == ["spec.cidrs[1]", "spec.cidrs"]
    assert wrong("10.0.0.0/16", "a") == ["spec.cidrs[1]"]
