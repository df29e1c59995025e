"""A mount is recursively read-only only where the runtime can do it, and a pod that needs it is refused."""

from __future__ import annotations

import pytest

from kprov.kube.api.core import VolumeMount
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.volumes.read_only import resolve_recursive, wants_recursive
from tests.unit.kube.kubelet.kubelet_builders import container


def make_mount(
    mode: str | None, *, read_only: bool = True, mount_propagation: str | None = None
) -> VolumeMount:
    return VolumeMount(
        name="data",
        mount_path="/data",
        read_only=read_only,
        mount_propagation=mount_propagation,
        recursive_read_only=mode,
    )


@pytest.mark.parametrize(
    ("mode", "supported", "result"),
    [
        (None, True, False),
        ("Disabled", True, False),
        ("IfPossible", True, True),
        ("IfPossible", False, False),
        ("Enabled", True, True),
    ],
)
def test_the_mode_follows_the_pod_and_the_runtime(
    mode: str | None,
    supported: bool,
    result: bool,
) -> None:
    assert resolve_recursive(make_mount(mode), supported=supported) is result


@pytest.mark.parametrize(
    ("mount", "problem"),
    [
        (make_mount("Enabled"), "not supported by the runtime"),
        (make_mount("IfPossible", read_only=False), "not read-only"),
        (
            make_mount("Enabled", mount_propagation="HostToContainer"),
            'not compatible with propagation "HostToContainer"',
        ),
    ],
)
def test_what_cannot_be_is_refused(mount: VolumeMount, problem: str) -> None:
    with pytest.raises(VolumeError) as caught:
        resolve_recursive(mount, supported=False)
    assert str(caught.value) == (
        "failed to resolve recursive read-only mode: "
        f'volume "data" requested recursive read-only mode, but it is {problem}'
    )


def test_the_runtime_is_asked_only_for_a_container_that_wants_it() -> None:
    mount = {"name": "data", "mountPath": "/data", "readOnly": True}
    assert not wants_recursive(container(volumeMounts=[mount]))
    assert not wants_recursive(container(volumeMounts=[{**mount, "recursiveReadOnly": "Disabled"}]))
    assert wants_recursive(container(volumeMounts=[mount, {**mount, "recursiveReadOnly": "Enabled"}]))
