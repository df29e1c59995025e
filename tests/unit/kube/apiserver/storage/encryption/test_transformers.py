"""The providers' formats, byte by byte, and which of them reads what."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.secret import SecretBox

from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.apiserver.storage.encryption import configuration
from kprov.kube.apiserver.storage.encryption.transformers import (
    PLAIN,
    AesCbc,
    AesGcm,
    Cipher,
    Provider,
    Secretbox,
    Transformer,
    TransformError,
)

KEY, OTHER = bytes(range(32)), bytes(32)
PLACE = b"/registry/secrets/default/s"


def provider(kind: str, *keys: tuple[bytes, Cipher]) -> Provider:
    return Provider(f"k8s:enc:{kind}:v1:".encode(), keys)


@pytest.mark.parametrize("make", [AesGcm, AesCbc, Secretbox])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 10_000])
def test_what_is_sealed_opens_again_and_never_looks_the_same(
    make: Callable[[bytes], Cipher], size: int
) -> None:
    cipher, data = make(KEY), b"x" * size
    assert cipher.open(cipher.seal(data, PLACE), PLACE) == data
    assert cipher.seal(data, PLACE) != cipher.seal(data, PLACE)


def test_gcm_is_nonce_and_text_bound_to_the_key_in_etcd() -> None:
    sealed = AesGcm(KEY).seal(b"secret", PLACE)
    assert AESGCM(KEY).decrypt(sealed[:12], sealed[12:], PLACE) == b"secret"
    with pytest.raises(TransformError):
        AesGcm(KEY).open(sealed, PLACE + b"x")


def test_secretbox_is_nonce_and_box() -> None:
    assert SecretBox(KEY).decrypt(Secretbox(KEY).seal(b"secret", PLACE)) == b"secret"


@pytest.mark.parametrize("make", [AesGcm, AesCbc, Secretbox])
@pytest.mark.parametrize("data", [b"", b"short", b"x" * 33, b"x" * 48])
def test_what_was_not_sealed_does_not_open(make: Callable[[bytes], Cipher], data: bytes) -> None:
    with pytest.raises(TransformError):
        make(KEY).open(data, PLACE)


def test_the_first_provider_writes_and_all_read() -> None:
    old = Transformer([provider("aesgcm", (b"k1:", AesGcm(KEY)))])
    new = Transformer(
        [provider("secretbox", (b"k2:", Secretbox(OTHER)), (b"k1:", Secretbox(KEY))),
         provider("aesgcm", (b"k1:", AesGcm(KEY))), Provider()]
    )  # fmt: skip
    assert new.seal(b"x", PLACE).startswith(b"k8s:enc:secretbox:v1:k2:")
    assert new.open(old.seal(b"x", PLACE), PLACE) == (b"x", b"k8s:enc:aesgcm:v1:k1:")
    assert new.open(b"{}", PLACE) == (b"{}", b"")
    assert new.header == b"k8s:enc:secretbox:v1:k2:"


def test_the_same_provider_may_stand_twice_with_different_keys() -> None:
    twice = Transformer(
        [provider("aesgcm", (b"k:", AesGcm(OTHER))), provider("aesgcm", (b"k:", AesGcm(KEY)))]
    )
    sealed = Transformer([provider("aesgcm", (b"k:", AesGcm(KEY)))]).seal(b"x", PLACE)
    assert twice.open(sealed, PLACE)[0] == b"x"


def test_plain_data_needs_identity_and_identity_reads_nothing_encrypted() -> None:
    with pytest.raises(TransformError, match="no matching prefix"):
        Transformer([provider("aesgcm", (b"k:", AesGcm(KEY)))]).open(b"{}", PLACE)
    with pytest.raises(TransformError):
        PLAIN.open(b"k8s:enc:kms:v2:x:abc", PLACE)


def test_earlier_entries_and_exact_names_come_first() -> None:
    def entry(*resources: str, key: str = "k") -> dict[str, object]:
        keys = [{"name": key, "secret": b64encode(KEY).decode()}]
        return {"resources": list(resources), "providers": [{"aesgcm": {"keys": keys}}, {"identity": {}}]}

    found = configuration.build(
        {
            "resources": [
                entry("secrets", "deployments.apps", key="a"),
                entry("*.apps", key="b"),
                entry("*.*"),
            ]
        },
        "f",
    )
    assert found.find_transformer("", "secrets").header.endswith(b":a:")
    assert found.find_transformer("apps", "deployments").header.endswith(b":a:")
    assert found.find_transformer("apps", "daemonsets").header.endswith(b":b:")
    assert found.find_transformer("", "pods").header.endswith(b":k:")
    with pytest.raises(ConfigError, match="masked by earlier rule"):
        configuration.build({"resources": [entry("*.*"), entry("secrets")]}, "f")
