"""The description of a bundle: versions and storage formats, in the file bundle.json of its root."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kprov.bundle import sources
from kprov.errors import InputError, KprovError

FILE = "bundle.json"
_STORAGE_FORMAT = Path("kube/apiserver/storage/format.json")
_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Metadata:
    """A bundle's version and commit, the storage format that its API server writes, and those that it reads.

    Bundles of kprov before this file have none: their storage format is 1.
    """

    version: str = ""
    commit: str = ""
    tree_state: str = ""
    date: str = ""
    storage_writes: int = 1
    storage_reads: tuple[int, ...] = (1,)

    @property
    def title(self) -> str:
        """The version with the commit, for people."""
        source = " ".join(word for word in (self.commit[:8], self.tree_state) if word and word != "clean")
        return f"{self.version or 'an unknown version'}{f' ({source})' if source else ''}"

    @property
    def release(self) -> tuple[int, int, int] | None:
        """Major, minor and patch of the version; None if it is unknown."""
        match = _VERSION.match(self.version)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    def can_read(self, newer: Metadata) -> bool:
        """Whether this bundle's API server reads what that of the other bundle writes."""
        return newer.storage_writes in self.storage_reads


def read_sources(package: Path = sources.PACKAGE, build_info: str | None = None) -> Metadata:
    """Return the description of a bundle of these sources. Raises KprovError."""
    path = package / _STORAGE_FORMAT
    try:
        storage = json.loads(path.read_text())
        writes, reads = int(storage["writes"]), tuple(int(number) for number in storage["reads"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KprovError(f"{path}: cannot read the storage format: {error}") from error
    info = json.loads(build_info if build_info is not None else sources.read_build_info())
    return Metadata(
        sources.read_components_version(package),
        info.get("commit", ""),
        info.get("tree_state", ""),
        info.get("date", ""),
        writes,
        reads,
    )


def render_metadata(metadata: Metadata) -> str:
    """Render bundle.json."""
    return json.dumps(asdict(metadata), indent=1) + "\n"


def parse_metadata(text: str) -> Metadata:
    """Parse bundle.json; fields of newer kprov are ignored. Raises KprovError."""
    try:
        document: dict[str, Any] = json.loads(text)
        return Metadata(
            str(document.get("version", "")),
            str(document.get("commit", "")),
            str(document.get("tree_state", "")),
            str(document.get("date", "")),
            int(document.get("storage_writes", 1)),
            tuple(int(number) for number in document.get("storage_reads", [1])),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise KprovError(f"{FILE} is not the description of a bundle: {error}") from error


def read_archive(archive: Path) -> Metadata:
    """Return the description in a bundle's archive. Raises InputError if the file is not a bundle."""
    try:
        with tarfile.open(archive) as tar:
            # Members are sorted: bundle.json follows bin/, and the libraries follow it.
            for member in tar:
                content = tar.extractfile(member) if member.name == FILE else None
                if content is not None:
                    return parse_metadata(content.read().decode())
                if member.name.startswith("lib/"):
                    break
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"is not a bundle: {error}", file=archive, field="--to") from error
    raise InputError(f"is not a bundle, or of an older kprov: it has no {FILE}", file=archive, field="--to")
