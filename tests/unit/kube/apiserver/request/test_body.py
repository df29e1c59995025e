"""The kind and version of a request body."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.request import body
from kprov.kube.machinery.status import StatusError


def test_an_eviction_may_have_its_old_version() -> None:
    evicted = {"kind": "Eviction", "apiVersion": "policy/v1beta1", "metadata": {"name": "p"}}
    found = body.apply_type_meta(dict(evicted), ("policy", "v1", "Eviction"))
    assert found["apiVersion"] == "policy/v1"
    with pytest.raises(StatusError):
        body.apply_type_meta(dict(evicted), ("policy", "v1", "PodDisruptionBudget"))
