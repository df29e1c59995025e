"""Rules of stateful sets: names of pods and revisions, owners of claims, surplus revisions."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.api.apps import ControllerRevision, StatefulSet, StatefulSetSpec
from kprov.kube.api.core import PersistentVolumeClaim
from kprov.kube.api.meta import ObjectMeta, OwnerReference
from kprov.kube.controller_manager.framework.controller_revisions import (
    compute_data_hash,
    make_revision_data,
    make_revision_name,
    read_template,
)
from kprov.kube.controller_manager.statefulset import claims, identity, revisions

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "image": "registry.k8s.io/e2e:1",
                "imagePullPolicy": "IfNotPresent",
                "name": "c",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    },
}


def make_set(**spec: Any) -> StatefulSet:
    return StatefulSet(metadata=ObjectMeta(name="web", uid="set-uid"), spec=StatefulSetSpec(**spec))


def test_a_revision_has_the_name_that_upstreams_controller_gives_it() -> None:
    # Seen from upstream's 1.36.2 for this template.
    assert compute_data_hash(make_revision_data(TEMPLATE), 0) == "7fd7db985f"
    assert compute_data_hash(make_revision_data(TEMPLATE), 1) != "7fd7db985f"


def test_the_name_of_a_revision_of_a_long_name_fits() -> None:
    assert make_revision_name("a" * 253, "7fd7db985f") == "a" * 223 + "-7fd7db985f"


def test_data_of_another_form_hold_no_template() -> None:
    assert read_template({"spec": {"template": {"$patch": "replace", "spec": {}}}}) == {"spec": {}}
    wrong: tuple[Any, ...] = (None, [], {"spec": {}}, {"spec": {"template": None}})
    for data in wrong:
        with pytest.raises(ValueError, match=r"no spec\.template"):
            read_template(data)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-0", ("web", 0)),
        ("web-a-12", ("web-a", 12)),
        ("web", ("", -1)),
        ("web-", ("", -1)),
        ("web-2147483648", ("web", -1)),
    ],
)
def test_the_name_of_a_pod_has_its_set_and_ordinal(name: str, expected: tuple[str, int]) -> None:
    assert identity.split_pod_name(name) == expected


def test_ordinals_begin_at_the_start_of_the_spec() -> None:
    assert identity.get_ordinals(make_set(replicas=2)) == range(2)
    assert identity.get_ordinals(make_set(replicas=2, ordinals={"start": 5})) == range(5, 7)


def owner(kind: str, name: str, uid: str, *, controller: bool = True) -> OwnerReference:
    version = "v1" if kind == "Pod" else "apps/v1"
    return OwnerReference(
        api_version=version,
        kind=kind,
        name=name,
        uid=uid,
        controller=controller,
        block_owner_deletion=controller,
    )


SET = owner("StatefulSet", "web", "set-uid")
POD = owner("Pod", "web-0", "pod-uid")


def plan(
    *references: OwnerReference, deleted: str, scaled: str, replicas: int = 1
) -> list[tuple[str, str]] | None:
    """The owners that the claim of web-0 gets, as kinds and UIDs."""
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    ss = make_set(replicas=replicas, persistent_volume_claim_retention_policy=policy)
    claim = PersistentVolumeClaim(metadata=ObjectMeta(owner_references=list(references)))
    found = claims.plan_owner_references(claim, claims.make_owners(ss, 0, "pod-uid"))
    return None if found is None else [(each["kind"], each["uid"]) for each in found]


@pytest.mark.parametrize(
    ("deleted", "scaled", "replicas", "expected"),
    [
        ("Retain", "Retain", 1, []),
        ("Delete", "Retain", 1, [SET]),
        ("Delete", "Retain", 0, [SET]),
        ("Retain", "Delete", 1, []),
        ("Retain", "Delete", 0, [POD]),
        ("Delete", "Delete", 1, [SET]),
        ("Delete", "Delete", 0, [POD]),
    ],
)
def test_the_policy_decides_between_set_and_pod(
    deleted: str, scaled: str, replicas: int, expected: list[OwnerReference]
) -> None:
    for before in ([], [SET], [POD], [SET, POD]):
        found = plan(*before, deleted=deleted, scaled=scaled, replicas=replicas)
        if before == expected:
            assert found is None
        else:
            assert found == [(each.kind, each.uid) for each in expected]


def test_owners_that_are_not_ours_stay() -> None:
    other = owner("ConfigMap", "x", "other-uid", controller=False)
    assert plan(other, deleted="Delete", scaled="Retain") == [
        ("ConfigMap", "other-uid"),
        ("StatefulSet", "set-uid"),
    ]


def test_a_claim_of_an_earlier_set_is_left_to_the_garbage_collector() -> None:
    assert plan(owner("StatefulSet", "web", "old-uid"), deleted="Delete", scaled="Delete") is None


def test_another_controller_keeps_its_claim() -> None:
    other = owner("Job", "x", "other-uid")
    assert plan(other, deleted="Delete", scaled="Delete") is None
    assert plan(other, SET, deleted="Delete", scaled="Delete") == [("Job", "other-uid")]


def test_a_claim_of_an_earlier_pod_blocks_a_new_one_if_it_will_be_deleted() -> None:
    claim = PersistentVolumeClaim(metadata=ObjectMeta(owner_references=[POD]))
    for scaled, blocked in (("Delete", True), ("Retain", False)):
        ss = make_set(
            persistent_volume_claim_retention_policy={"whenDeleted": "Retain", "whenScaled": scaled}
        )
        assert claims.blocks_creation(claim, claims.make_owners(ss, 0, "")) is blocked


def revision(name: str, number: int) -> ControllerRevision:
    return ControllerRevision(metadata=ObjectMeta(name=name), revision=number)


def test_the_oldest_unused_revisions_beyond_the_limit_are_surplus() -> None:
    known = revisions.sort_revisions(
        revision(name, number) for name, number in (("c", 3), ("a", 1), ("b", 2))
    )
    assert [each.metadata.name for each in revisions.list_surplus(known, 1, {"a"})] == ["b"]
    assert revisions.list_surplus(known, None, set()) == []


def test_a_revision_with_other_bytes_and_the_same_meaning_is_the_same() -> None:
    data = {
        "spec": {
            "template": {
                **TEMPLATE,
                "$patch": "replace",
                "metadata": {"labels": {"app": "web"}, "creationTimestamp": None},
            }
        }
    }
    known = [ControllerRevision(metadata=ObjectMeta(name="old"), revision=1, data=data)]
    assert revisions.find_update_revision(make_set(template=TEMPLATE), known) is known[0]
