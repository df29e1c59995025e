"""A self-signed certificate for a serving port without certificate files (upstream creates one in memory).

A separate process creates it: otherwise the library would stay in the component's memory.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def create_certificate(name: str) -> tuple[str, str]:
    """Files of a new certificate and key for `name` and 127.0.0.1 in a private folder. Valid for a year."""
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    # The components run isolated from the host's libraries: the child needs the same search path.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run(
        [sys.executable, "-m", __name__, name, str(folder)], check=True, timeout=60, env=environment
    )
    return str(folder / "tls.crt"), str(folder / "tls.key")


def _write_certificate(name: str, folder: Path) -> None:
    import ipaddress
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"{name}@{int(datetime.now(UTC).timestamp())}")]
    )
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "tls.key").touch(mode=0o600)
    (folder / "tls.key").write_bytes(secret)


if __name__ == "__main__":
    _write_certificate(sys.argv[1], Path(sys.argv[2]))
