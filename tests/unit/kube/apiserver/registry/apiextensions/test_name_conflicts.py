from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.apiextensions.name_conflicts import accept_names


def make(plural: str, kind: str, accepted: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"} | more
    return {"spec": {"group": "example.com", "names": names}, "status": {"acceptedNames": accepted or {}}}


def test_free_names_are_accepted() -> None:
    definition = make("widgets", "Widget", shortNames=["wd"], categories=["all"])
    names, reason, _ = accept_names(definition, [definition])
    assert reason == "NoConflicts"
    assert names == definition["spec"]["names"]


def test_names_of_another_definition_are_not() -> None:
    other = make("widgets", "Widget", shortNames=["wd", "w"])
    other["status"]["acceptedNames"] = other["spec"]["names"]
    definition = make("gadgets", "Widget", shortNames=["wd", "w", "g"])
    names, reason, message = accept_names(definition, [definition, other])
    assert reason == "ListKindConflict"
    assert message == '"WidgetList" is already in use'
    assert names == {"plural": "gadgets", "kind": ""}


def test_names_that_were_accepted_stay() -> None:
    definition = make("widgets", "Widget")
    definition["status"]["acceptedNames"] = definition["spec"]["names"]
    names, reason, _ = accept_names(definition, [definition])
    assert (names, reason) == (definition["spec"]["names"], "NoConflicts")


def test_other_groups_have_names_of_their_own() -> None:
    other = make("widgets", "Widget")
    other["status"]["acceptedNames"] = other["spec"]["names"]
    other["spec"]["group"] = "example.org"
    definition = make("widgets", "Widget")
    assert accept_names(definition, [definition, other])[1] == "NoConflicts"
