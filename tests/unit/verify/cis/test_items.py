"""Items judge the facts of a host; the table is complete and its numbers are unique."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kprov.errors import HostError
from kprov.operations.cis import judge_items
from kprov.verify.cis.checks import FAIL, NOT_APPLICABLE, PASS, Judgement
from kprov.verify.cis.facts import ETCD_CA, SCRIPT, HostFacts, Paths
from kprov.verify.cis.items import ITEMS, list_file_patterns

PATHS = Paths("/etc/kubernetes", "/etc/kubernetes/pki", "/var/lib/etcd")
GROUPS = frozenset({"kube_control_plane", "etcd", "kube_node"})
API = "kube-apiserver"


def judge(number: str, facts: HostFacts) -> Judgement:
    item = next(item for item in ITEMS if item.number == number)
    return item.check(facts)


def host(**flags: str) -> HostFacts:
    return HostFacts(
        "node1", GROUPS, PATHS, {API: {key.replace("_", "-"): text for key, text in flags.items()}}
    )


def test_numbers_are_unique_and_sections_have_no_holes() -> None:
    numbers = [item.number for item in ITEMS]
    assert len(numbers) == len(set(numbers))
    for section, count in {"1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2, "4.1": 10,
                           "4.2": 14, "4.3": 1}.items():  # fmt: skip
        assert [f"{section}.{number}" for number in range(1, count + 1)] == [
            number for number in numbers if re.fullmatch(rf"{re.escape(section)}\.\d+", number)
        ]


def test_all_that_does_not_apply_or_needs_a_person_has_a_reason() -> None:
    for item in ITEMS:
        judgement = item.check(host())
        if judgement.result in (NOT_APPLICABLE, "manual"):
            assert judgement.reason, item.number


@pytest.mark.parametrize(
    ("number", "flags", "result"),
    [
        ("1.2.2", {}, PASS),
        ("1.2.2", {"token_auth_file": "/x"}, FAIL),
        ("1.2.30", {}, FAIL),
        ("1.2.30", {"service_account_extend_token_expiration": "true"}, FAIL),
        ("1.2.30", {"service_account_extend_token_expiration": "false"}, PASS),
        ("1.2.6", {"authorization_mode": "Node,RBAC"}, PASS),
        ("1.2.6", {"authorization_mode": "RBAC,AlwaysAllow"}, FAIL),
        ("1.2.6", {}, FAIL),
        ("1.2.14", {"enable_admission_plugins": "DenyServiceExternalIPs,NodeRestriction"}, PASS),
        ("1.2.17", {"audit_log_maxage": "29"}, FAIL),
        ("1.2.17", {"audit_log_maxage": "30"}, PASS),
        ("1.2.29", {"tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, PASS),
        (
            "1.2.29",
            {"tls_cipher_suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_RC4_128_SHA"},
            FAIL,
        ),
        ("1.2.29", {}, FAIL),
    ],
)
def test_flags_of_the_running_process_are_judged(number: str, flags: dict[str, str], result: str) -> None:
    assert judge(number, host(**flags)).result == result


def test_a_component_that_does_not_run_fails_its_items() -> None:
    judgement = judge("1.3.7", host())
    assert (judgement.result, judgement.evidence) == (FAIL, "kube-controller-manager does not run")


@pytest.mark.parametrize(
    ("paths", "result"), [(["/readyz", "/livez"], PASS), (["/readyz", "/api"], FAIL), ([], FAIL)]
)
def test_anonymous_requests_may_reach_health_checks_only(paths: list[str], result: str) -> None:
    file = "/etc/kubernetes/authentication-config.yaml"
    document = {"anonymous": {"enabled": True, "conditions": [{"path": path} for path in paths]}}
    facts = replace(host(authentication_config=file), documents={file: document})
    assert judge("1.2.1", facts).result == result
    assert judge("1.2.1", host(anonymous_auth="false")).result == PASS
    assert judge("1.2.1", host(anonymous_auth="true")).result == FAIL


def test_files_are_judged_by_mode_and_owner_with_the_worst_as_evidence() -> None:
    files = {
        "/etc/kubernetes/pki/a.key": ("600", "root:root"),
        "/etc/kubernetes/pki/b.key": ("640", "root:adm"),
    }
    judgement = judge("1.1.21", replace(host(), files=files))
    assert (judgement.result, judgement.evidence) == (FAIL, "/etc/kubernetes/pki/b.key 640")
    assert judge("1.1.19", replace(host(), files=files)).evidence == "/etc/kubernetes/pki/b.key root:adm"
    assert judge("1.1.21", host()).evidence == "there is no /etc/kubernetes/pki/*.key"


def kubelet(**config: object) -> HostFacts:
    return replace(host(), documents={"/var/lib/kubelet/config.yaml": config})


@pytest.mark.parametrize(
    ("number", "config", "result"),
    [
        ("4.2.12", {}, FAIL),
        ("4.2.12", {"tlsCipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}, PASS),
        ("4.2.12", {"tlsCipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]}, FAIL),
        ("4.2.13", {}, FAIL),
        ("4.2.13", {"podPidsLimit": -1}, FAIL),
        ("4.2.13", {"podPidsLimit": 4096}, PASS),
        ("4.2.14", {}, FAIL),
        ("4.2.14", {"seccompDefault": True}, PASS),
    ],
)
def test_the_kubelets_configuration_is_judged(number: str, config: dict[str, object], result: str) -> None:
    assert judge(number, kubelet(**config)).result == result


def test_the_authority_is_the_one_that_the_kubelets_configuration_names() -> None:
    path = "/etc/kubernetes/pki/node-ca.crt"
    facts = replace(
        kubelet(authentication={"x509": {"clientCAFile": path}}),
        files={path: ("600", "root:root"), "/etc/kubernetes/pki/ca.crt": ("644", "kube:kube")},
    )
    assert [judge(number, facts).result for number in ("4.1.7", "4.1.8")] == [PASS, PASS]
    wide = replace(facts, files={path: ("664", "kube:kube")})
    assert [judge(number, wide).result for number in ("4.1.7", "4.1.8")] == [FAIL, FAIL]
    assert judge("4.1.7", host()).result == FAIL


def test_images_that_are_not_pulled_again_are_for_a_person_to_judge() -> None:
    judgement = judge("1.2.11", host(enable_admission_plugins="NodeRestriction"))
    assert judgement.result == "manual"
    assert judgement.evidence == "--enable-admission-plugins=NodeRestriction"
    assert judge("1.2.11", host(enable_admission_plugins="AlwaysPullImages")).result == PASS
    assert judge("1.2.11", replace(host(), flags={})).result == FAIL


def test_the_encryption_must_not_begin_with_identity() -> None:
    assert judge("1.2.28", replace(host(), providers=("secretbox", "identity"))).result == PASS
    assert judge("1.2.28", replace(host(), providers=("identity", "secretbox"))).result == FAIL
    assert judge("1.2.28", host()).result == FAIL


def test_etcd_needs_an_authority_of_its_own() -> None:
    same = {ETCD_CA: "1", "/etc/kubernetes/pki/ca.crt": "1"}
    assert judge("2.7", replace(host(), sums=same)).result == FAIL
    assert judge("2.7", replace(host(), sums=same | {ETCD_CA: "2"})).result == PASS


def test_an_unreadable_host_fails_its_items_and_hosts_share_equal_results() -> None:
    facts: dict[str, HostFacts | HostError] = {"a": host(), "b": host(), "c": HostError("c", "no route")}
    results = judge_items(facts, dict.fromkeys(facts, GROUPS))
    assert [(r.hosts, r.result) for r in results if r.number == "1.2.2"] == [
        (("a", "b"), PASS),
        (("c",), FAIL),
    ]


def test_the_script_reads_files_and_no_keys_of_the_encryption(tmp_path: Path) -> None:
    (tmp_path / "a.key").write_text("secret")
    (tmp_path / "a.key").chmod(0o640)
    encryption = tmp_path / "encryption.yaml"
    encryption.write_text("providers:\n  - secretbox:\n      keys: [{secret: c2VjcmV0}]\n  - identity: {}\n")
    text = tmp_path / "config.yaml"
    text.write_text("a: 1\n")
    request = json.dumps([[f"{tmp_path}/*.key"], [str(text), "/none"], [], str(encryption)])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=request, text=True, capture_output=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer["files"][f"{tmp_path}/a.key"][0] == "640"
    assert answer["texts"] == {str(text): "a: 1\n", "/none": None}
    assert answer["providers"] == ["secretbox", "identity"]
    assert "c2VjcmV0" not in done.stdout


def test_patterns_name_the_inventorys_folders() -> None:
    assert "/srv/etcd" in list_file_patterns(Paths("/k", "/k/pki", "/srv/etcd"))
