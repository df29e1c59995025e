"""Pod templates: sameness and hash.

template_hashes.json: templates with their defaults and upstream's hashes of them (1.36, decoded from
protobuf, as its controller manager has them).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.controller_manager.deployment import template

CASES = json.loads((Path(__file__).parent / "template_hashes.json").read_text(encoding="utf-8"))
BASE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}


@pytest.mark.parametrize("case", CASES, ids=["small", "medium", "large"])
def test_the_hash_is_upstreams(case: dict[str, Any]) -> None:
    for expected in case["hashes"]:
        assert template.compute_hash(case["template"], expected["collisions"]) == expected["hash"]


def test_the_hash_is_stable_and_ignores_order_and_empty_parts() -> None:
    other = {
        "spec": {"containers": [{"image": "i:1", "name": "c", "resources": {}}], "volumes": None},
        "metadata": {"creationTimestamp": None, "labels": {"app": "a"}},
    }
    assert template.compute_hash(BASE, None) == template.compute_hash(other, None)
    assert template.is_same_template(BASE, other)


def test_a_collision_gives_another_hash() -> None:
    hashes = {template.compute_hash(BASE, count) for count in (None, 1, 2)}
    assert len(hashes) == 3


def test_the_hash_label_plays_no_part() -> None:
    marked = template.add_hash(BASE, "abc")
    assert marked["metadata"]["labels"] == {"app": "a", "pod-template-hash": "abc"}
    assert template.is_same_template(BASE, marked)
    assert template.compute_hash(marked, None) == template.compute_hash(BASE, None)


def test_another_image_is_another_template() -> None:
    other = {**BASE, "spec": {"containers": [{"name": "c", "image": "i:2"}]}}
    assert not template.is_same_template(BASE, other)
