"""Runs uv with the settings of pip: indexes, proxy, certificates.

uv installs in a quarter of pip's CPU time, but reads none of pip's files and variables. An operator who set
pip up for a mirror need not set up uv too. What uv's own variables say has precedence.

`python -m kprov.bundle.uv pip install ...` is `uv pip install ...` with these settings. `make up` runs it
before kprov is installed, so it imports the standard library only.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from kprov.errors import KprovError

#: uv's variables by pip's setting, and how uv separates several values.
_VARIABLES: Mapping[str, tuple[str, str]] = {
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "no-index": ("UV_NO_INDEX", ""),
    "cert": ("SSL_CERT_FILE", ""),
    "client-cert": ("SSL_CLIENT_CERT", ""),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
}
#: The sections of pip's configuration that count for an installation, the strongest last.
_SECTIONS = ("global", "install", ":env:")


def parse_settings(listing: str) -> dict[str, str]:
    """Return pip's settings for an installation from the output of `pip config list`."""
    sections: dict[str, dict[str, str]] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, setting = name.rpartition(".")
        if equals and section in _SECTIONS:
            sections.setdefault(section, {})[setting] = str(ast.literal_eval(value))
    return {setting: value for section in _SECTIONS for setting, value in sections.get(section, {}).items()}


def translate_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings as variables of uv."""
    variables: dict[str, str] = {}
    for setting, (variable, separator) in _VARIABLES.items():
        value = settings.get(setting, "").strip()
        if value:
            variables[variable] = separator.join(_existing(value.split())) if separator else value
    if "proxy" in settings:
        proxy = settings["proxy"] if "://" in settings["proxy"] else f"http://{settings['proxy']}"
        variables |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
    # As for pip, all indexes are equal. The lock files' hashes decide which file is the right one.
    return {**variables, "UV_INDEX_STRATEGY": "unsafe-best-match"}


def _existing(places: Iterable[str]) -> list[str]:
    """Leave out indexes of this machine that are missing: pip warns of them, uv fails."""
    return [
        place
        for place in places
        if not place.startswith("file://") or os.path.exists(place.removeprefix("file://"))  # noqa: PTH110
    ]


def make_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv. Raises KprovError if pip does not say its settings."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KprovError(f"pip does not say its settings: {done.stderr.strip()}")
    return {**translate_settings(parse_settings(done.stdout)), **environment}


def run_uv(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run uv with pip's settings. Raises KprovError as make_environment does."""
    return subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=make_environment(os.environ),
    )


if __name__ == "__main__":
    os.execve(  # noqa: S606  no shell
        sys.executable, [sys.executable, "-m", "uv", *sys.argv[1:]], make_environment(os.environ)
    )
