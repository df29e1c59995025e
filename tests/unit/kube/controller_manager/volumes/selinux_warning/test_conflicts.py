"""SELinux labels and the conflicts between the users of a volume."""

import pytest
from prometheus_client import REGISTRY

from kprov.kube.controller_manager.volumes.selinux_warning.conflicts import Conflict, VolumeUse, VolumeUsers
from kprov.kube.controller_manager.volumes.selinux_warning.labels import are_conflicting, make_label


@pytest.mark.parametrize(
    ("label", "other", "expected"),
    [
        ("", "", False),
        ("u:r:t:s0", "u:r:t:s0", False),
        (":::s0:c1,c2", "u:r:t:s0:c1,c2", False),
        ("u:r:t:s0", "u:r:other:s0", True),
        (":::s0:c1,c2", ":::s0:c1,c3", True),
        ("", ":::s0", True),
    ],
)
def test_empty_parts_fit_any_except_for_the_level(label: str, other: str, expected: bool) -> None:
    assert are_conflicting(label, other) is expected
    assert are_conflicting(other, label) is expected


def test_a_label_has_all_parts_or_none() -> None:
    assert make_label({"type": "t", "level": "s0"}) == "::t:s0"
    assert make_label({}) == ""


def test_a_conflict_ends_with_one_of_its_pods() -> None:
    def get_metric() -> float | None:
        names = ("property", "pod1_namespace", "pod1_name", "pod1_value")
        values = dict(zip(names, ("SELinuxLabel", "ns", "a", ":::s0:c1"), strict=True))
        other = {"pod2_namespace": "ns", "pod2_name": "b", "pod2_value": ":::s0:c2"}
        name = "selinux_warning_controller_selinux_volume_conflict"
        return REGISTRY.get_sample_value(name, values | other)

    users = VolumeUsers()
    assert users.add("v", "ns/a", VolumeUse(":::s0:c1", "MountOption")) == []
    found = users.add("v", "ns/b", VolumeUse(":::s0:c2", "MountOption"))
    assert {conflict.pod for conflict in found} == {"ns/a", "ns/b"}
    assert users.add("v", "ns/b", VolumeUse(":::s0:c2", "MountOption")) == []
    assert get_metric() == 1
    users.remove("ns/b")
    assert get_metric() is None
    assert users.add("v", "ns/c", VolumeUse(":::s0:c1", "MountOption")) == []


def test_users_of_another_namespace_see_no_names() -> None:
    message = Conflict("SELinuxLabel", "ns/a", "x", "other/b", "y").message
    assert "other" not in message.replace("another", "")
    assert message.startswith('SELinuxLabel"x" conflicts with another pod ')
