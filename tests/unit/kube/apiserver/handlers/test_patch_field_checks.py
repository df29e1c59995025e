"""What a patch gives: fields named twice or in vain, and what is refused for it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kprov.kube.apiserver.handlers import patching
from kprov.kube.apiserver.handlers.patch_target import PatchTarget
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.status import StatusError

TARGET = PatchTarget(("apps", "v1", "Deployment"), object_schema.builtin())
LIVE = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 1}}


def context() -> RequestContext:
    return RequestContext(
        user=UserInfo("a"), info=RequestInfo("/", "patch", is_resource_request=True), warnings=["before"]
    )


def patched(data: bytes, content_type: str, **query: str) -> tuple[dict[str, Any], list[str]]:
    """Twice, as when the object has moved on meanwhile."""
    made = context()
    change, _ = patching.build_change(made, TARGET, content_type, data, query)
    change(orjson.loads(orjson.dumps(LIVE)))
    return change(orjson.loads(orjson.dumps(LIVE))), made.warnings


@pytest.mark.parametrize(
    ("content_type", "data", "warnings"),
    [
        (
            patch_types.MERGE_PATCH,
            b'{"spec":{"paused":true,"paused":false,"foo":1},"bar":2}',
            ['duplicate field "spec.paused"', 'unknown field "bar"', 'unknown field "spec.foo"'],
        ),
        (
            patch_types.JSON_PATCH,
            b'[{"op":"add","op":"add","path":"/spec/foo","value":1,"why":2}]',
            [
                'json patch duplicate field "[0].op"',
                'json patch unknown field "[0].why"',
                'unknown field "spec.foo"',
            ],
        ),
        (patch_types.STRATEGIC_MERGE_PATCH, b'{"spec":{"foo":1,"foo":1}}', ['duplicate field "spec.foo"', 'unknown field "spec.foo"']),
    ],
    ids=["merge", "json", "strategic"],
)  # fmt: skip
def test_fields_given_twice_or_in_vain_are_warned_of_or_refused(
    content_type: str, data: bytes, warnings: list[str]
) -> None:
    assert patched(data, content_type)[1] == ["before", *warnings]
    assert patched(data, content_type, fieldValidation="Ignore")[1] == ["before"]
    with pytest.raises(StatusError) as caught:
        patched(data, content_type, fieldValidation="Strict")
    assert caught.value.code == 422
    assert caught.value.message.startswith(' "" is invalid: patch: Invalid value: "')
    assert caught.value.message.endswith(f'": strict decoding error: {", ".join(warnings)}')
    assert caught.value.status["details"]["causes"][0]["field"] == "patch"


def test_a_patch_that_leads_to_no_such_object_is_refused_as_a_patch() -> None:
    with pytest.raises(StatusError) as caught:
        patched(b'{"spec":{"paused":"x"}}', patch_types.STRATEGIC_MERGE_PATCH)
    assert caught.value.code == 422
    assert caught.value.message.startswith(
        ' "" is invalid: patch: Invalid value: "map[spec:map[paused:x]]": '
    )
    with pytest.raises(StatusError) as caught:
        patched(b'{"apiVersion":"v1"}', patch_types.MERGE_PATCH)
    assert caught.value.code == 422
    assert 'no kind "Deployment" is registered for version "v1"' in caught.value.message


def test_a_strategic_patch_cannot_change_the_kind() -> None:
    result, _ = patched(b'{"kind":"Pod","spec":{"replicas":2}}', patch_types.STRATEGIC_MERGE_PATCH)
    assert (result["kind"], result["spec"]["replicas"]) == ("Deployment", 2)


def test_a_patch_of_nothing_changes_nothing() -> None:
    for content_type in (patch_types.JSON_PATCH, patch_types.STRATEGIC_MERGE_PATCH):
        assert patched(b"null", content_type)[0]["spec"] == LIVE["spec"]
