"""Derives apt sources of another Debian release from this machine's sources.

kprov uses the mirrors, proxies and checks of the machine.
Both forms of sources.list(5) are read: one line each, and deb822.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import KprovError

_POCKETS = ("", "-updates", "-security")
# Options of apt.conf(5) that say how to reach a mirror and what to accept from it.
_KEPT = re.compile(
    r"^Acquire::(https?(::|\b)|Check-Valid-Until|Check-Date|Retries|ForceIPv|Languages|Max-FutureTime)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """One archive: its URI, the suite and the components."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[str, ...] = ()

    def line(self) -> str:
        options = f" [{' '.join(self.options)}]" if self.options else ""
        return f"deb{options} {self.uri} {self.suite} {' '.join(self.components)}"


def sources_for_release(release: str, *, etc: Path = Path("/etc")) -> list[Source]:
    """Return the machine's Debian archives, with the suites of `release` (such as trixie).

    Raises:
        KprovError: the machine has no Debian archive in its sources.

    """
    own = _read_codename(etc / "os-release")
    sources = []
    for source in _read_all(etc / "apt"):
        pocket = source.suite.removeprefix(own)
        if source.suite.startswith(own) and pocket in _POCKETS and "main" in source.components:
            sources.append(Source(source.uri, release + pocket, ("main",), source.options))
    if not sources:
        raise KprovError(
            f"{etc}/apt has no archive of Debian {own or '(unknown release)'} to take {release} from: "
            "this needs a Debian machine with a sources entry that has 'main'"
        )
    return list(dict.fromkeys(sources))


def read_acquire_options() -> list[str]:
    """Return the machine's settings of proxies and checks as lines of apt.conf.

    Raises:
        KprovError: the machine has no apt.

    """
    try:
        done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise KprovError(f"apt-config does not work on this machine: {error}") from error
    dump = done.stdout.splitlines()
    return [line for line in dump if _KEPT.match(line) and not line.endswith('"";')]


def _read_codename(path: Path) -> str:
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    return ""


def _read_all(apt: Path) -> Iterator[Source]:
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file():
            continue
        if file.suffix == ".sources":
            yield from _parse_deb822(file.read_text())
        elif file.suffix == ".list":
            yield from _parse_one_line(file.read_text())


def _parse_one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if match:
            options, uri, suite, components = match.groups()
            yield Source(uri, suite, tuple(components.split()), tuple((options or "").split()))


def _parse_deb822(text: str) -> Iterator[Source]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        last = ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields[last] = f"{fields.get(last, '')}\n{line.strip()}"
            elif ":" in line:
                last, _, value = line.partition(":")
                last = last.strip().lower()
                fields[last] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        signed = fields.get("signed-by", "").strip()
        # A key in the file itself does not fit on one line; use Debian's keyring then.
        options = (f"signed-by={signed}",) if signed.startswith("/") else ()
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components, options)
