"""Who may read the file of a projected service account token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.decoding import convert
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes.atomic_writer import Projection
from kprov.kube.kubelet.volumes.sources import VolumeSources, make_files
from kprov.kube.machinery.json_object import JsonObject


def make_token_file(pod_context: JsonObject, *containers: JsonObject) -> Projection:
    async def get_token(_pod: Pod, _source: JsonObject) -> str:
        return "token"

    async def get_object(_plural: str, _namespace: str, _name: str) -> None:
        return None

    described: list[dict[str, Any]] = [
        {"name": f"c{index}", "image": "x", "securityContext": context}
        for index, context in enumerate(containers or ({},))
    ]
    spec = {"containers": described, "securityContext": pod_context}
    pod = convert({"metadata": {"name": "p", "namespace": "default", "uid": "1"}, "spec": spec}, Pod)
    volume = {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    sources = VolumeSources(get_object, get_token, {})
    return asyncio.run(make_files(pod, volume, sources, NodeFields()))["token"]


@pytest.mark.parametrize(
    ("context", "mode", "owner"),
    [
        ({}, 0o644, None),
        ({"runAsUser": 1000}, 0o600, 1000),
        ({"fsGroup": 10000}, 0o600, None),
        ({"runAsUser": 1000, "fsGroup": 10000}, 0o600, 1000),
    ],
)
def test_only_the_user_and_the_group_of_a_pod_may_read_its_token(
    context: JsonObject, mode: int, owner: int | None
) -> None:
    file = make_token_file(context)
    assert (file.mode, file.owner) == (mode, owner)


def test_a_token_of_containers_with_different_users_has_no_owner() -> None:
    file = make_token_file({"runAsUser": 1000}, {}, {"runAsUser": 1001})
    assert (file.mode, file.owner) == (0o644, None)
