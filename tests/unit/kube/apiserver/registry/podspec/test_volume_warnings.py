"""Warnings of volumes whose files would lie on each other, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.podspec import volume_warnings
from kprov.kube.apiserver.registry.podspec.warnings import find_pod_warnings

ITEM = {"key": "k", "path": "p"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"secret": {"secretName": "s", "items": [ITEM, ITEM]}},
            ['volume "v" (Secret "s"): overlapping paths: "p" with "p"'],
        ),
        (
            {"configMap": {"name": "c", "items": [ITEM, {"key": "k", "path": "p/q/"}]}},
            ['volume "v" (ConfigMap "c"): overlapping paths: "p/q" with "p"'],
        ),
        ({"configMap": {"name": "c", "items": [ITEM, {"key": "k", "path": "pq"}]}}, []),
        (
            {"downwardAPI": {"items": [{"path": "p"}, {"path": "p"}]}},
            ['volume "v" (DownwardAPI): overlapping paths: "p" with "p"'],
        ),
        (
            {
                "projected": {
                    "sources": [
                        {},
                        {"secret": {"name": "s", "items": [ITEM]}},
                        {"serviceAccountToken": {"path": "p"}},
                    ]
                }
            },
            [
                'volume "v" (Projected) has no sources provided',
                'volume "v" (Projected): overlapping paths: "p" (ServiceAccountToken) with "p" (Secret "s")',
            ],
        ),
    ],
)
def test_overlapping_files(source: dict[str, Any], expected: list[str]) -> None:
    assert list(volume_warnings.find_overlaps([{"name": "v", **source}])) == expected


def test_an_ephemeral_claim_of_parts_of_bytes() -> None:
    claim = {"spec": {"resources": {"requests": {"storage": "1500m"}}}}
    spec = {"containers": [], "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}]}
    place = "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]"
    assert find_pod_warnings({}, spec) == [
        f'{place}: fractional byte value "1500m" is invalid, must be an integer'
    ]
