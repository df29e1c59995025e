"""Pods that must be confined are rejected where they cannot be; unconfined ones are not silent."""

import logging
from pathlib import Path

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.pods import apparmor
from kprov.kube.kubelet.pods.admission import PodAdmission
from kprov.kube.kubelet.pods.sysctls import SysctlRules
from tests.unit.kube.kubelet.kubelet_builders import container, pod

DEFAULT = {"appArmorProfile": {"type": "RuntimeDefault"}}
UNCONFINED = {"appArmorProfile": {"type": "Unconfined"}}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The root directory of a host with AppArmor."""
    (tmp_path / "sys/kernel/security/apparmor").mkdir(parents=True)
    (tmp_path / "sys/module/apparmor/parameters").mkdir(parents=True)
    (tmp_path / "sys/module/apparmor/parameters/enabled").write_text("Y\n")
    (tmp_path / "sbin").mkdir()
    (tmp_path / "sbin/apparmor_parser").touch()
    return tmp_path


def test_host_with_apparmor(host: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert apparmor.check_host(host) is None
    with caplog.at_level(logging.WARNING):
        apparmor.log_problem(apparmor.check_host(host))
    assert caplog.records == []


def test_kernel_without_apparmor(host: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (host / "sys/module/apparmor/parameters/enabled").write_text("N\n")
    assert apparmor.check_host(host) == apparmor.NOT_ENABLED
    assert apparmor.check_host(tmp_path / "missing") == apparmor.NOT_ENABLED
    # That is how the host was made: nothing to warn of.
    with caplog.at_level(logging.WARNING):
        apparmor.log_problem(apparmor.NOT_ENABLED)
    assert caplog.records == []


def test_missing_package_is_a_warning(host: Path, caplog: pytest.LogCaptureFixture) -> None:
    (host / "sbin/apparmor_parser").unlink()
    with caplog.at_level(logging.WARNING):
        apparmor.log_problem(apparmor.check_host(host))
    assert [record.getMessage() for record in caplog.records] == [apparmor.NO_PARSER]
    assert "containers run unconfined (install the package apparmor" in apparmor.NO_PARSER


@pytest.mark.parametrize(
    ("made", "required"),
    [
        (pod(), False),
        (pod(securityContext=DEFAULT), True),
        (pod(securityContext=UNCONFINED), False),
        (pod(container(securityContext=DEFAULT)), True),
        (pod(init=[container("i", securityContext=DEFAULT)]), True),
        (pod(container(securityContext=UNCONFINED)), False),
    ],
)
def test_pods_that_name_a_profile_need_apparmor(made: Pod, required: bool) -> None:
    assert apparmor.is_required(made) is required
    rejection = PodAdmission({}, 10, apparmor.NOT_ENABLED, SysctlRules([])).admit(made, [])
    assert (rejection is not None) is required
    assert PodAdmission({}, 10, None, SysctlRules([])).admit(made, []) is None


def test_deprecated_annotations_name_profiles_too() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/c"
    made = pod()
    made.metadata.annotations = {key: "localhost/x"}
    assert apparmor.is_required(made)
    made.metadata.annotations = {key: "unconfined"}
    assert not apparmor.is_required(made)


def test_rejection_has_upstreams_words_and_spares_no_critical_pod() -> None:
    rejection = PodAdmission({}, 10, apparmor.NOT_ENABLED, SysctlRules([])).admit(
        pod(securityContext=DEFAULT, priority=2_000_000_000), []
    )
    assert rejection is not None
    assert rejection.reason == "AppArmor"
    assert rejection.message == "Cannot enforce AppArmor: AppArmor is not enabled on the host"
