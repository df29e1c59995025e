"""Legacy tokens in secrets."""

import base64
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


async def test_a_token_secret_is_filled_and_goes_with_its_account(
    api: Any, start: Any, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "sa.key").write_bytes(pem)
    await start(
        "serviceaccount-token-controller",
        flags=(f"--service-account-private-key-file={tmp_path / 'sa.key'}",),
    )
    await api.create("serviceaccounts", {"metadata": {"name": "robot"}})
    meta = {"name": "s", "annotations": {"kubernetes.io/service-account.name": "robot"}}
    await api.create("secrets", {"metadata": meta, "type": "kubernetes.io/service-account-token"})
    await api.until(lambda: api.get("secrets", "s").get("data", {}).get("token"))
    header, body, signature = base64.b64decode(api.get("secrets", "s")["data"]["token"]).split(b".")
    key.public_key().verify(decoded(signature), header + b"." + body, padding.PKCS1v15(), hashes.SHA256())
    assert orjson.loads(decoded(body))["sub"] == "system:serviceaccount:default:robot"
    await api.delete(("serviceaccounts", "default", "robot"))
    await api.until(lambda: not api.list("secrets"))


def decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
