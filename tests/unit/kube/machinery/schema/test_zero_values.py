"""Objects as Go's types show them: what is left out, what is always there."""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.schema import object_schema, zero_values

POD = object_schema.builtin().node(("", "v1", "Pod"))
DEPLOYMENT = ("apps", "v1", "Deployment")


def normal(obj: dict[str, Any]) -> dict[str, Any]:
    zero_values.normalize(obj, POD)
    return obj


def test_zero_values_are_omitted_in_plain_fields_and_kept_in_pointers() -> None:
    spec = {"containers": [{"name": "c", "image": "", "stdin": False}], "hostname": "", "priority": 0}
    assert normal({"spec": spec})["spec"] == {
        "containers": [{"name": "c", "resources": {}}],
        "priority": 0,
    }


def test_fields_without_omitempty_are_written_with_their_zero() -> None:
    condition = normal({"status": {"conditions": [{"type": "Ready"}]}})["status"]["conditions"][0]
    assert condition == {"type": "Ready", "status": "", "lastProbeTime": None, "lastTransitionTime": None}


def test_managers_of_a_new_object_own_pointers_to_structs_but_no_structs() -> None:
    """The parent of what is new is owned itself, unless Go's zero value has it already."""
    obj = {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}, "template": {"metadata": {}}}}
    field_ownership.update(None, obj, DEPLOYMENT, manager="m", now="2026-01-01T00:00:00Z")
    owned = obj["metadata"]["managedFields"][0]["fieldsV1"]  # type: ignore[index]
    assert owned == {"f:spec": {"f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}}}}


def test_empty_values_are_restored_unless_something_replaced_them() -> None:
    obj: dict[str, Any] = {"spec": {"containers": [{"name": "c", "args": []}], "nodeSelector": {}}}
    gone = zero_values.normalize(obj, POD)
    assert "nodeSelector" not in obj["spec"]
    obj["spec"]["nodeSelector"] = {"a": "b"}
    zero_values.restore_emptied(gone)
    assert (obj["spec"]["containers"][0]["args"], obj["spec"]["nodeSelector"]) == ([], {"a": "b"})
