"""The annotation that kubectl keeps of what it applied."""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.managed_fields import last_applied

NAME = "kubectl.kubernetes.io/last-applied-configuration"


def test_the_last_applied_annotation_is_gos_json_without_itself() -> None:
    applied = {"kind": "K", "b": "<&>\u2028é", "metadata": {"annotations": {NAME: "x"}}}
    wanted = '{"b":"\\u003c\\u0026\\u003e\\u2028é","kind":"K","metadata":{"annotations":{}}}\n'
    assert last_applied.make_annotation(applied, "kubectl") == wanted
    assert last_applied.make_annotation(applied, "kubectl-edit") is None


def test_an_existing_last_applied_annotation_is_updated_unless_too_large() -> None:
    bare: dict[str, Any] = {"metadata": {}}
    last_applied.update_annotation(bare, "text")
    assert bare == {"metadata": {}}
    held = {"metadata": {"annotations": {NAME: "old", "a": "b"}}}
    last_applied.update_annotation(held, "text")
    assert held["metadata"]["annotations"] == {NAME: "text", "a": "b"}
    last_applied.update_annotation(held, "x" * (256 * 1024))
    assert held["metadata"]["annotations"] == {"a": "b"}
