"""All invalid flags are reported by name before the server starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.apiserver import options, options_rules
from tests.apiserver.servers import Authority


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("serving")
    certificate, key = Authority(folder, "ca").issue("serving", "serving", serves=True)
    return [f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}"]


def told(serving: list[str], *flags: str) -> list[str]:
    return options_rules.find_problems(options.parse([*serving, *flags]))


def test_valid_flags_give_no_problems(serving: list[str]) -> None:
    certificate = serving[0].partition("=")[2]
    assert told(serving) == []
    flags = (
        "--bind-address=::",
        "--service-cluster-ip-range=10.0.0.0/16,fd00::/112",
        "--service-node-port-range=30000+99",
        f"--client-ca-file={certificate}",
        "--feature-gates=A=true,B=False",
        "--authorization-mode=Node,RBAC",
    )
    assert told(serving, *flags) == []


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        (
            "--secure-port=0",
            "--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
        ),
        ("--secure-port=99999", "--secure-port 99999 must be between 1 and 65535"),
        ("--max-requests-inflight=-1", "--max-requests-inflight can not be negative value"),
        ("--request-timeout=-1s", "--request-timeout can not be negative value"),
        ("--bind-address=x", '--bind-address: failed to parse IP: "x"'),
        ("--service-cluster-ip-range=x", "--service-cluster-ip-range[0] is not a valid cidr: x"),
        ("--service-cluster-ip-range=10.0.0.0/16,10.1.0.0/16", "must be of different IP family"),
        ("--service-node-port-range=1-x", "expected a form such as 30000-32767"),
        ("--service-node-port-range=70000-70001", "the port range cannot be greater than 65535"),
        ("--service-node-port-range=9-7", "must not end before it begins"),
        (
            "--authorization-mode=RBAC,RBAC",
            '--authorization-mode ["RBAC" "RBAC"] has mode specified more than once',
        ),
        ("--endpoint-reconciler-type=x", "--endpoint-reconciler-type x is not supported (lease, none)"),
        ("--feature-gates=A=x", "--feature-gates: invalid value of A=x"),
        ("--etcd-cafile=/none", "--etcd-cafile: /none: no such file or directory"),
        ("--service-account-key-file=/none", "--service-account-key-file: /none: no such file or directory"),
        ("--kubelet-client-key=/", "--kubelet-client-key: /: is a directory"),
    ],
)
def test_a_problem_names_its_flag(serving: list[str], flag: str, text: str) -> None:
    (problem,) = told(serving, flag)
    assert text in problem


def test_all_problems_are_reported_at_once(serving: list[str]) -> None:
    found = told(
        [], "--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--min-request-timeout=-1"
    )
    assert [problem.partition(" ")[0] for problem in found] == [
        "--min-request-timeout",
        "--max-requests-inflight=0",
        "--tls-cert-file",
    ]


def test_authorities_are_certificates(serving: list[str], tmp_path: Path) -> None:
    empty = tmp_path / "ca.crt"
    empty.write_text("nothing")
    assert told(serving, f"--client-ca-file={empty}") == [
        f"--client-ca-file: {empty}: the file has no certificate in PEM"
    ]
