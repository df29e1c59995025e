"""Objects that are too large for etcd."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.generic import size_limit
from kprov.kube.apiserver.registry.generic.size_limit import MAX_SENT_BYTES
from kprov.kube.apiserver.storage.interface import UnavailableError
from kprov.kube.machinery.status import StatusError


def test_an_object_that_fits_only_without_managed_fields_is_not_refused() -> None:
    half = "x" * (MAX_SENT_BYTES // 2)
    size_limit.reject_too_large({"metadata": {"managedFields": [half]}, "data": half})
    with pytest.raises(StatusError) as caught:
        size_limit.reject_too_large({"metadata": {"managedFields": [half]}, "data": half + half})
    assert caught.value.code == 500
    assert "trying to send message larger than max (" in str(caught.value)
    assert f" vs. {MAX_SENT_BYTES})" in str(caught.value)


def test_managed_fields_are_dropped_only_for_the_size() -> None:
    obj = {"metadata": {"name": "a", "managedFields": [{}]}}
    assert not size_limit.drop_managed_fields(obj, UnavailableError("etcdserver: request timed out"))
    with pytest.raises(UnavailableError) as caught:
        size_limit.check_sent_size(b"x" * (MAX_SENT_BYTES + 1))
    assert size_limit.drop_managed_fields(obj, caught.value)
    assert obj == {"metadata": {"name": "a"}}
    assert not size_limit.drop_managed_fields(obj, UnavailableError("etcdserver: request is too large"))
