"""Archives in the layout of upstream's releases, made from the programs in Debian's packages.

`python -m tests.lab.release_archives FOLDER` writes them and prints the variables that install all of them, as YAML.
"""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kprov.content.caches import CACHE
from kprov.debian import packages

#: Packages by release. Debian's runc is linked to libc: that of Debian 12 runs on Debian 13, too.
PACKAGES = {
    "trixie": ("etcd-server", "etcd-client", "containerd", "kubernetes-client", "kubectl"),
    "bookworm": ("runc", "containernetworking-plugins"),
}
#: The versions in these packages.
VERSIONS = {
    "etcd_version": "3.5.16",
    "containerd_version": "1.7.24",
    "runc_version": "1.1.5",
    "cni_version": "1.1.1",
    "kubectl_version": "1.32.3",
}
PROGRAMS = ("etcd", "containerd", "runc", "cni_plugins", "kubectl")


@dataclass
class ReleaseArchives:
    """A folder with upstream's paths, and the variables of an inventory that choose its archives."""

    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)

    def path(self, part: str) -> Path:
        """Return the file whose path has this part."""
        (found,) = [path for path in self.folder.rglob("*") if path.is_file() and part in path.name]
        return found


def make_release_archives(folder: Path, scratch: Path) -> ReleaseArchives:
    """Write the archives of all programs below a folder."""
    arch = packages.debian_architecture(platform.machine())
    tree = scratch / "packages"
    tree.mkdir(parents=True)
    fetched = [
        packages.fetch_package(name, arch=platform.machine(), cache=CACHE, release=release)
        for release, names in PACKAGES.items()
        for name in names
    ]
    packages.unpack_packages(fetched, tree)
    made = ReleaseArchives(folder, dict(VERSIONS))
    github, version = folder / "github.com", VERSIONS
    etcd = f"etcd-v{version['etcd_version']}-linux-{arch}"
    sums = {
        "etcd_binary_checksums": _pack(
            github / f"etcd-io/etcd/releases/download/v{version['etcd_version']}/{etcd}.tar.gz",
            {f"{etcd}/{name}": tree / "usr/bin" / name for name in ("etcd", "etcdctl")},
        ),
        "containerd_archive_checksums": _pack(
            github / f"containerd/containerd/releases/download/v{version['containerd_version']}"
            f"/containerd-{version['containerd_version']}-linux-{arch}.tar.gz",
            {
                f"bin/{name}": tree / "usr/bin" / name
                for name in ("containerd", "containerd-shim-runc-v2", "ctr")
            },
        ),
        "runc_checksums": _copy(
            github / f"opencontainers/runc/releases/download/v{version['runc_version']}/runc.{arch}",
            tree / "usr/sbin/runc",
        ),
        "cni_binary_checksums": _pack(
            github / f"containernetworking/plugins/releases/download/v{version['cni_version']}"
            f"/cni-plugins-linux-{arch}-v{version['cni_version']}.tgz",
            {f"./{plugin.name}": plugin for plugin in sorted((tree / "usr/lib/cni").iterdir())},
        ),
        "kubectl_checksums": _copy(
            folder / f"dl.k8s.io/release/v{version['kubectl_version']}/bin/linux/{arch}/kubectl",
            tree / "usr/bin/kubectl",
        ),
    }
    versions = dict(zip(sums, VERSIONS.values(), strict=True))
    made.variables |= {name: {arch: {versions[name]: digest}} for name, digest in sums.items()}
    return made


def _pack(archive: Path, members: Mapping[str, Path]) -> str:
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for name, source in members.items():
            content = source.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _copy(target: Path, source: Path) -> str:
    target.parent.mkdir(parents=True)
    target.write_bytes(source.read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main(folder: Path) -> None:
    """Write the archives; print the variables."""
    with tempfile.TemporaryDirectory() as scratch:
        made = make_release_archives(folder, Path(scratch))
    install = {f"{program}_install": "archive" for program in PROGRAMS}
    yaml.safe_dump(made.variables | install | {"files_repo": str(folder)}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
