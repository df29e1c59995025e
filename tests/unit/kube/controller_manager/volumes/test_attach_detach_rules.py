"""Which volumes are attached under which names, and when a volume may be detached."""

import pytest

from kprov.kube.api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod, Taint
from kprov.kube.api.decoding import ViewDecoder
from kprov.kube.api.meta import Condition
from kprov.kube.controller_manager.volumes.attach_detach import detaching, messages
from kprov.kube.controller_manager.volumes.attach_detach.attachable import (
    AttachableVolume,
    VolumeLookup,
    find_attachable,
    make_attachable,
    make_attachment_name,
    parse_csi_name,
)
from kprov.kube.controller_manager.volumes.attach_detach.desired import collect_desired
from kprov.kube.machinery.json_object import JsonObject
from tests.builders.pods import view_pod

CSI = {"csi": {"driver": "disk.example.com", "volumeHandle": "h1"}}
NAME = "kubernetes.io/csi/disk.example.com^h1"


def make_pod(name: str = "p", namespace: str = "ns") -> Pod:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
    return view_pod(name, namespace=namespace, volumes=[volume])


def make_volume(uid: object = "u1", **spec: object) -> PersistentVolume:
    volume = PersistentVolume(spec={"claimRef": {"namespace": "ns", "name": "c", "uid": uid}, **spec})
    volume.metadata.name = "v"
    return volume


def make_claim(phase: str = "Bound") -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim(spec={"volumeName": "v"}, status={"phase": phase})
    claim.metadata.uid = "u1"
    return claim


def look_up(claim: PersistentVolumeClaim | None, volume: PersistentVolume | None) -> VolumeLookup:
    return VolumeLookup(lambda *_: claim, lambda _: volume, lambda driver: driver != "never.example.com")


def test_a_bound_csi_volume_has_upstreams_names() -> None:
    found = find_attachable(make_pod(), make_pod().spec.volumes[0], look_up(make_claim(), make_volume(**CSI)))
    assert found is not None
    assert (found.name, found.title, found.plugin) == (NAME, "v", "kubernetes.io/csi:disk.example.com")
    # printf %s h1disk.example.comn1 | sha256sum
    assert make_attachment_name("disk.example.com", "h1", "n1") == (
        "csi-0f30d008e2c35a9079ad5b387acb76fc4f32c1715f29f3d316190f5a1976198c"
    )


def test_the_driver_and_handle_of_a_name_are_found() -> None:
    assert parse_csi_name(NAME) == ("disk.example.com", "h1")
    assert parse_csi_name("kubernetes.io/iscsi/1.2.3.4:3260:iqn:0") is None


@pytest.mark.parametrize(
    ("claim", "volume"),
    [
        (None, make_volume(**CSI)),
        (make_claim("Pending"), make_volume(**CSI)),
        (make_claim(), None),
        (make_claim(), make_volume("another claim", **CSI)),
        (make_claim(), make_volume(hostPath={"path": "/x"})),
        (make_claim(), make_volume(csi={"driver": "never.example.com", "volumeHandle": "h"})),
    ],
)
def test_other_volumes_are_not_attached(
    claim: PersistentVolumeClaim | None, volume: PersistentVolume | None
) -> None:
    assert find_attachable(make_pod(), make_pod().spec.volumes[0], look_up(claim, volume)) is None


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"fc": {"targetWWNs": ["a", "b"], "lun": 2}}, "kubernetes.io/fc/[a b]:2"),
        ({"fc": {"wwids": ["w"]}}, "kubernetes.io/fc/[w]"),
        ({"iscsi": {"targetPortal": "1.2.3.4", "iqn": "i", "lun": 0}}, "kubernetes.io/iscsi/1.2.3.4:i:0"),
    ],
)
def test_fibre_channel_and_iscsi_volumes_have_upstreams_names(source: JsonObject, name: str) -> None:
    found = make_attachable(make_volume(**source))
    assert found is not None
    assert (found.name, found.driver) == (name, "")


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ([], False),
        (["ReadWriteOnce"], True),
        (["ReadWriteOncePod"], True),
        (["ReadWriteOnce", "ReadOnlyMany"], False),
    ],
)
def test_only_volumes_of_a_single_node_are_exclusive(modes: list[str], expected: bool) -> None:
    found = make_attachable(make_volume(accessModes=modes, **CSI))
    assert found is not None
    assert found.is_exclusive is expected


def test_ended_pods_need_no_volumes() -> None:
    ended, deleted, running = make_pod("a"), make_pod("b"), make_pod("c")
    ended.status.phase = "Succeeded"
    deleted.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    decoder = ViewDecoder(Pod)
    running = decoder.decode(
        b'{"metadata":{"name":"c","namespace":"ns","deletionTimestamp":"2026-01-01T00:00:00Z"},'
        b'"spec":{"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"c"}}]},'
        b'"status":{"containerStatuses":[{"name":"x","state":{"running":{}}}]}}'
    )
    lookup = look_up(make_claim(), make_volume(**CSI))
    found = collect_desired([ended, deleted, running], lookup)
    assert [pod.metadata.name for pod in found[NAME].pods] == ["c"]


def make_node(*in_use: str, ready: str = "True", taints: tuple[str, ...] = ()) -> Node:
    node = Node()
    node.status.volumes_in_use = list(in_use)
    node.status.conditions = [Condition(type="Ready", status=ready)]
    node.spec.taints = [Taint(key=key, effect="NoExecute") for key in taints]
    return node


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic time, in its only element."""
    now = [1000.0]
    monkeypatch.setattr(detaching, "monotonic", lambda: now[0])
    return now


def test_an_unmounted_volume_is_detached_at_once(clock: list[float]) -> None:
    decision = detaching.DetachTimers().decide("n", make_node(), NAME)
    assert (decision.may_detach, decision.forced) == (True, "")


def test_a_healthy_node_keeps_a_mounted_volume(clock: list[float]) -> None:
    timers = detaching.DetachTimers()
    assert not timers.decide("n", make_node(NAME), NAME).may_detach
    clock[0] += 3600
    assert not timers.decide("n", make_node(NAME), NAME).may_detach


@pytest.mark.parametrize("node", [make_node(NAME, ready="Unknown"), None])
def test_an_unhealthy_or_deleted_node_loses_a_mounted_volume_after_six_minutes(
    clock: list[float], node: Node | None
) -> None:
    timers, never = detaching.DetachTimers(), detaching.DetachTimers(force_on_timeout=False)
    first = timers.decide("n", node, NAME)
    never.decide("n", node, NAME)
    assert not first.may_detach
    assert first.seconds_left == pytest.approx(360.1)
    clock[0] += 361
    assert timers.decide("n", node, NAME).forced == "timeout"
    assert not never.decide("n", node, NAME).may_detach


def test_the_time_begins_again_when_a_volume_was_needed_meanwhile(clock: list[float]) -> None:
    timers, node = detaching.DetachTimers(), make_node(NAME, ready="Unknown")
    timers.decide("n", node, NAME)
    clock[0] += 361
    timers.keep("n", set())
    assert not timers.decide("n", node, NAME).may_detach


def test_a_node_out_of_service_loses_volumes_at_once(clock: list[float]) -> None:
    node = make_node(NAME, taints=("node.kubernetes.io/out-of-service",))
    assert detaching.DetachTimers().decide("n", node, NAME).forced == "out-of-service"


def test_users_see_no_names_of_other_namespaces() -> None:
    volume, pod = AttachableVolume(NAME, "v", "p"), make_pod()
    describe = messages.describe_multi_attach
    prefix = 'Multi-Attach error for volume "v" Volume is already '
    others = [make_pod("a"), make_pod("b"), make_pod("x", "foreign")]
    assert describe(volume, pod, others[:2]) == f"{prefix}used by pod(s) a, b"
    assert describe(volume, pod, others) == (
        f"{prefix}used by pod(s) a, b and 1 pod(s) in different namespaces"
    )
    assert describe(volume, pod, others[2:]) == f"{prefix}used by 1 pod(s) in different namespaces"
    assert describe(volume, pod, []) == (
        f"{prefix}exclusively attached to one node and can't be attached to another"
    )
