"""Which URLs a store of snapshots may have."""

from __future__ import annotations

import pytest

from kprov.inventory.cluster.object_store import check_store_url


@pytest.mark.parametrize(
    "url", ["", "https://s3.example.org/bucket", "http://10.0.0.1:9000/bucket/my cluster/a/"]
)
def test_a_bucket_may_have_folders(url: str) -> None:
    assert check_store_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (5, "is not a text"),
        ("s3://bucket/folder", "is not a URL of http or https"),
        ("https://s3.example.org:port/bucket", "is not a URL of http or https"),
        ("https://me:geheim@s3.example.org/bucket", "has a user: set etcd_snapshot_s3_access_key"),
        ("https://s3.example.org/bucket?x=y", "has a query"),
        ("https://s3.example.org/", "has no bucket"),
        ("https://s3.example.org/bucket//folder", "has an empty folder"),
    ],
)
def test_other_urls_are_rejected_with_a_reason(url: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        check_store_url(url)
    assert "geheim" not in str(caught.value)
