"""Writes the archive of a diagnosis, with its index page, and checks that it has no secret."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kprov.errors import KprovError
from kprov.inventory.secrets import MASK
from kprov.operations.diagnose.redaction import find_secrets

#: The folder of the hosts' folders.
HOSTS = "hosts/"


class SecretFoundError(KprovError):
    """The finished archive had a secret, and was removed."""


@dataclass
class Diagnosis:
    """What was collected: texts of files by path. `problems` are a line each."""

    files: dict[str, str] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    unreachable: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    #: Lines of the summary: name and value.
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, text: str, *, cut: bool = False) -> None:
        """Add a file."""
        self.files[path] = text
        if cut:
            self.cut.add(path)


def render_index(diagnosis: Diagnosis) -> str:
    """Return the index page, in Markdown."""
    lines = ["# kprov diagnosis", ""]
    lines += [f"- {name}: {value}" for name, value in diagnosis.facts.items()]
    lines += ["", f"Secrets are {MASK}. A file with * was cut."]
    if diagnosis.unreachable:
        lines += ["", "## Unreachable hosts", ""]
        lines += [f"- **{host}**: {reason}" for host, reason in diagnosis.unreachable.items()]
    lines += ["", "## Problems", ""]
    lines += [f"- {problem}" for problem in diagnosis.problems] or ["None found."]
    lines += ["", "## Hosts", "", *_render_host_files(diagnosis)]
    lines += ["", "## Cluster and kprov", "", "| file | bytes |", "|---|---|"]
    lines += [
        f"| [{path}]({path}) | {_size(diagnosis, path)} |"
        for path in sorted(diagnosis.files)
        if not path.startswith(HOSTS)
    ]
    return "\n".join(lines) + "\n"


def _render_host_files(diagnosis: Diagnosis) -> list[str]:
    """Return a table with a row for each file and a column for each host."""
    by_host: dict[str, set[str]] = {}
    for path in diagnosis.files:
        if path.startswith(HOSTS):
            host, _, file = path.removeprefix(HOSTS).partition("/")
            by_host.setdefault(host, set()).add(file)
    hosts = sorted(by_host)
    lines = [f"| file | {' | '.join(hosts)} |", "|---" * (len(hosts) + 1) + "|"]
    for file in sorted(set().union(*by_host.values())):
        cells = []
        for host in hosts:
            path = f"{HOSTS}{host}/{file}"
            cells.append(f"[{_size(diagnosis, path)}]({path})" if file in by_host[host] else "")
        lines.append(f"| {file} | {' | '.join(cells)} |")
    return lines


def _size(diagnosis: Diagnosis, path: str) -> str:
    return f"{len(diagnosis.files[path].encode())}" + ("*" if path in diagnosis.cut else "")


def write_archive(path: Path, name: str, files: Mapping[str, str]) -> None:
    """Write the files into NAME/ of a tar.gz that only its owner can read. Raises SecretFoundError."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    try:
        with tarfile.open(aside, "w:gz") as tar:
            for member, text in sorted(files.items()):
                content = text.encode()
                entry = tarfile.TarInfo(f"{name}/{member}")
                entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
                tar.addfile(entry, io.BytesIO(content))
        check_archive(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def check_archive(path: Path) -> None:
    """Read the archive again and look for secrets. Raises SecretFoundError that names the files."""
    secrets = []
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            kinds = find_secrets(file.read().decode()) if file is not None else []
            secrets += [f"{member.name}: {kind}" for kind in kinds]
    if secrets:
        raise SecretFoundError(
            "nothing was written, because the archive would hold secrets:\n" + "\n".join(secrets)
        )
