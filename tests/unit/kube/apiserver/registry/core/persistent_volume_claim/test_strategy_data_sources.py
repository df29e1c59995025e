"""What a claim's volume is filled from: what no controller knows is left out, at updates too."""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import list_resources
from tests.builders.claims import build_claim


def make_claim(**spec: Any) -> JsonObject:
    """Return a claim with the defaults of the API server."""
    claim = build_claim(metadata={"namespace": "n"}, **spec)
    rules().default(claim)
    return claim


CLAIMS = next(one for one in list_resources() if one.group_resource == "persistentvolumeclaims")
UNKNOWN = {"apiGroup": "a.b", "kind": "K", "name": "n"}


def rules() -> Strategy:
    return find_strategy(CLAIMS)


def test_a_claim_may_be_sent_again_as_it_was_made() -> None:
    old, new = make_claim(dataSource=dict(UNKNOWN)), make_claim(dataSource=dict(UNKNOWN))
    rules().prepare_for_create(make_system_context("create", CLAIMS), old)
    assert "dataSource" not in old["spec"]
    rules().prepare_for_update(make_system_context("update", CLAIMS), new, old)
    assert rules().validate_update(new, old) == []
    assert new["spec"] == old["spec"]


def test_a_source_that_is_there_in_one_form_is_given_in_both() -> None:
    made = make_claim(dataSourceRef=dict(UNKNOWN))
    rules().prepare_for_create(make_system_context("create", CLAIMS), made)
    assert made["spec"]["dataSource"] == UNKNOWN
    again = make_claim(dataSourceRef=dict(UNKNOWN))
    rules().prepare_for_update(make_system_context("update", CLAIMS), again, made)
    assert again["spec"] == made["spec"]


def test_a_source_in_another_namespace_is_a_feature_that_is_off() -> None:
    foreign = UNKNOWN | {"namespace": "other"}
    made = make_claim(dataSourceRef=dict(foreign))
    rules().prepare_for_create(make_system_context("create", CLAIMS), made)
    assert not {"dataSource", "dataSourceRef"} & made["spec"].keys()
    old, again = make_claim(dataSourceRef=dict(foreign)), make_claim(dataSourceRef=dict(foreign))
    rules().prepare_for_update(make_system_context("update", CLAIMS), again, old)
    assert again["spec"]["dataSourceRef"] == foreign


def test_the_old_name_of_a_claims_class_is_warned_of() -> None:
    obj = make_claim()
    assert rules().find_warnings(obj, None) == []
    obj["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": ""}
    (warning,) = rules().find_warnings(obj, None)
    assert warning.startswith("metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated")


def test_the_error_for_different_sources_has_no_value() -> None:
    other = UNKNOWN | {"name": "m"}
    (error,) = rules().validate(make_claim(dataSource=dict(UNKNOWN), dataSourceRef=other))
    assert (error.field, error.detail) == ("spec", "Invalid value: {}: must match dataSourceRef")
