"""Ownership of replicas between a workload and its Scale."""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.subresources import scale_owners


def entry(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    made = {"manager": manager, "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-01-01T00:00:00Z"}
    return made | {"fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}} | more


BOTH: dict[str, Any] = {"f:replicas": {}, "f:selector": {}}
REPLICAS: dict[str, Any] = {"f:replicas": {}}
SELECTOR: dict[str, Any] = {"f:selector": {}}


def test_a_scale_shows_the_owners_of_the_replicas() -> None:
    shown = scale_owners.convert_to_scale([entry("m", BOTH), entry("n", SELECTOR)], "apps/v1")
    assert shown == [entry("m", REPLICAS, apiVersion="autoscaling/v1")]


def test_who_keeps_the_replicas_keeps_its_entry() -> None:
    before = [entry("m", BOTH)]
    assert (
        scale_owners.convert_to_workload(before, scale_owners.convert_to_scale(before, "apps/v1"), "apps/v1")
        == before
    )


def test_replicas_that_another_applied_change_hands() -> None:
    taken = entry("s", REPLICAS, apiVersion="autoscaling/v1", subresource="scale")
    after = scale_owners.convert_to_workload([entry("m", BOTH)], [taken], "apps/v1")
    new = entry("s", REPLICAS, subresource="scale")
    del new["time"]
    assert after == [new, entry("m", SELECTOR)]


def test_an_updater_is_another_one_in_a_scale() -> None:
    before = [entry("m", BOTH, operation="Update")]
    after = scale_owners.convert_to_workload(
        before, scale_owners.convert_to_scale(before, "apps/v1"), "apps/v1"
    )
    taken = entry("m", REPLICAS, operation="Update")
    del taken["time"]
    assert after == [taken, entry("m", SELECTOR, operation="Update")]


def test_entries_of_versions_that_there_never_were_are_dropped() -> None:
    assert scale_owners.convert_to_workload([entry("m", BOTH, apiVersion="x/v1")], [], "apps/v1") == []


def test_an_owner_of_nothing_else_is_gone() -> None:
    assert scale_owners.convert_to_workload([entry("m", REPLICAS)], [], "apps/v1") == []
