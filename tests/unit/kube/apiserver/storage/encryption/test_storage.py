"""The storage between the caches and etcd: what is plain on one side and sealed on the other; new keys; strangers."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.storage.encryption import configuration
from kprov.kube.apiserver.storage.encryption.reload import Reloader
from kprov.kube.apiserver.storage.encryption.storage import EncryptedStorage
from kprov.kube.apiserver.storage.interface import KeyChangedError, Stored, UnreadableError
from kprov.kube.machinery.resources import find

KEY = "/registry/secrets/default/s"
OBJECT = b'{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"default"}}'
_SECRETS, _MAPS = find("", "v1", "secrets"), find("", "v1", "configmaps")
assert _SECRETS is not None
assert _MAPS is not None
FINDER = keys.build_finder({each.plural: each for each in (_SECRETS, _MAPS)})


def document(*names: str) -> dict[str, Any]:
    listed = [{"name": name, "secret": b64encode(name[-1].encode() * 32).decode()} for name in names]
    entry = {"resources": ["secrets"], "providers": [{"secretbox": {"keys": listed}}, {"identity": {}}]}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [entry],
    }


def over(storage: Any, *names: str) -> EncryptedStorage:
    return EncryptedStorage(storage, configuration.build(document(*names), "f"), FINDER)


async def test_what_is_written_is_sealed_and_what_is_read_is_plain(storage: Any) -> None:
    encrypted = over(storage, "k1")
    revision = await encrypted.create(KEY, OBJECT)
    assert storage.keys[KEY].value.startswith(b"k8s:enc:secretbox:v1:k1:")
    assert await encrypted.get(KEY) == Stored(KEY, OBJECT, revision)
    page = await encrypted.list("/registry/secrets/")
    assert [item.value for item in page.items] == [OBJECT]
    with pytest.raises(KeyChangedError) as caught:
        await encrypted.update(KEY, b"{}", expected=99)
    assert caught.value.current is not None
    assert caught.value.current.value == OBJECT
    watch = encrypted.watch("", after=0)
    batch = await anext(watch)
    assert [change.value for change in batch.changes] == [OBJECT]
    await encrypted.create("/registry/configmaps/default/c", OBJECT)
    assert storage.keys["/registry/configmaps/default/c"].value == OBJECT


async def test_new_keys_make_old_values_stale_until_they_are_written_again(storage: Any) -> None:
    encrypted = over(storage, "k1")
    revision = await encrypted.create(KEY, OBJECT)
    await encrypted.get(KEY)
    assert not encrypted.is_stale(KEY)
    encrypted.set_transformers(configuration.build(document("k2", "k1"), "f"))
    assert (await encrypted.get(KEY)) == Stored(KEY, OBJECT, revision)
    assert encrypted.is_stale(KEY)
    await encrypted.update(KEY, OBJECT, expected=revision)
    await encrypted.get(KEY)
    assert not encrypted.is_stale(KEY)
    assert storage.keys[KEY].value.startswith(b"k8s:enc:secretbox:v1:k2:")
    assert not encrypted.is_stale("/registry/configmaps/default/c")


async def test_a_value_without_its_key_is_reported_and_read_once_the_key_exists(
    storage: Any, tmp_path: Path
) -> None:
    await over(storage, "k1").create(KEY, OBJECT)
    path = tmp_path / "encryption.json"
    path.write_text(json.dumps(document("k2")))
    encrypted = over(storage, "k2")
    with pytest.raises(UnreadableError, match="unable to transform key"):
        await encrypted.get(KEY)
    assert _SECRETS is not None
    cache = ResourceCache(_SECRETS)
    cacher = Cacher(encrypted, [cache])
    task = asyncio.create_task(cacher.run())
    await cacher.loaded.wait()
    assert (cache.count(), list(cache.unreadable)) == (0, [KEY])
    reloader = Reloader(str(path), encrypted, cacher.read_again)
    await reloader.reload()
    path.write_text("kind: Nonsense")
    await reloader.reload()
    assert list(cache.unreadable) == [KEY]
    path.write_text(json.dumps(document("k2", "k1")))
    await reloader.reload()
    assert (cache.count(), cache.unreadable) == (1, {})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_upstream_wrote_in_protobuf_is_read_and_what_is_nothing_hurts_no_other(
    storage: Any,
) -> None:
    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    about = field(1, b"v1") + field(2, b"Secret")
    metadata = field(1, b"s") + field(3, b"default")
    sealed = b"k8s\x00" + field(1, about) + field(2, field(1, metadata))
    encrypted = over(storage, "k1")
    await encrypted.create(KEY, sealed)
    await encrypted.create("/registry/secrets/default/broken", b"\xff")
    assert _SECRETS is not None
    cache = ResourceCache(_SECRETS)
    cacher = Cacher(encrypted, [cache])
    task = asyncio.create_task(cacher.run())
    await cacher.loaded.wait()
    entry = cache.get(KEY)
    assert entry is not None
    assert cache.decode(entry)["metadata"]["name"] == "s"
    assert list(cache.unreadable) == ["/registry/secrets/default/broken"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
