"""Makes a signed apt repository of package files, as one archive for the hosts.

The key is made for the repository and removed after the signature: nobody can sign with it again. Its public
part is in the archive.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kprov.bundle import store
from kprov.errors import KprovError
from kprov.offline.packages import DebFile

FORMAT = 1  # raised when the layout changes: part of the digest
KEYRING = "kprov.gpg"
_COMPONENT = "main"


def repository_digest(debs: Sequence[DebFile], release: str) -> str:
    """Return the digest that identifies the repository of these packages."""
    return store.cache_key([FORMAT, release, sorted(deb.sha256 for deb in debs)])


def pack_repository(debs: Sequence[DebFile], archive: Path, *, release: str, architecture: str) -> None:
    """Write a repository with `dists/RELEASE`, `pool` and the keyring as a tar archive.

    Raises:
        KprovError: gpg failed.

    """
    with tempfile.TemporaryDirectory(prefix="kprov-apt-") as name:
        tree = Path(name)
        index = tree / "dists" / release / _COMPONENT / f"binary-{architecture}"
        index.mkdir(parents=True)
        packages = render_packages(debs).encode()
        (index / "Packages").write_bytes(packages)
        (index / "Packages.gz").write_bytes(gzip.compress(packages, mtime=0))
        suite = tree / "dists" / release
        (suite / "Release").write_text(render_release(suite, release=release, architecture=architecture))
        _sign_release(suite / "Release", tree / KEYRING)
        with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(tree, ".", filter=_normalize)
            for deb in debs:
                tar.add(deb.path, _pool_path(deb), filter=_normalize)


def render_packages(debs: Sequence[DebFile]) -> str:
    """Render the index Packages: the control fields of each package with its file."""
    return "".join(
        f"{deb.control}\nFilename: {_pool_path(deb)}\nSize: {deb.path.stat().st_size}\n"
        f"SHA256: {deb.sha256}\n\n"
        for deb in debs
    )


def render_release(suite: Path, *, release: str, architecture: str) -> str:
    """Render the file Release with the hashes of all indices below `suite`."""
    lines = [
        "Origin: kprov",
        "Label: kprov",
        f"Suite: {release}",
        f"Codename: {release}",
        f"Date: {email.utils.formatdate(usegmt=True)}",
        f"Architectures: {architecture}",
        f"Components: {_COMPONENT}",
        "Description: Packages for hosts without internet",
        "SHA256:",
    ]
    for path in sorted(suite.rglob("Packages*")):
        content = path.read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path.relative_to(suite)}")
    return "\n".join(lines) + "\n"


def _pool_path(deb: DebFile) -> str:
    # apt decodes %3a in paths of repositories, so files are named without the colon of an epoch.
    return f"pool/{_COMPONENT}/{deb.path.name.replace('%3a', '.')}"


def _normalize(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _sign_release(release: Path, keyring: Path) -> None:
    """Write InRelease and Release.gpg beside Release, and the key that apt checks them with."""
    with tempfile.TemporaryDirectory(prefix="kprov-gpg-") as home:
        gpg = [
            "gpg",
            "--homedir",
            home,
            "--batch",
            "--quiet",
            "--yes",
            "--no-tty",
            "--pinentry-mode",
            "loopback",
        ]
        try:
            user = "kprov export"
            _run_gpg([*gpg, "--passphrase", "", "--quick-generate-key", user, "rsa3072", "sign", "never"])
            _run_gpg([*gpg, "--output", str(keyring), "--export", user])
            clear, detached = release.with_name("InRelease"), release.with_name("Release.gpg")
            _run_gpg([*gpg, "--output", str(clear), "--clear-sign", str(release)])
            _run_gpg([*gpg, "--armor", "--output", str(detached), "--detach-sign", str(release)])
        finally:
            # Ends the agent that gpg starts.
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True, check=False)


def _run_gpg(command: list[str]) -> None:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise KprovError(f"gpg failed with {done.returncode}: {done.stderr.strip()[-800:]}")
