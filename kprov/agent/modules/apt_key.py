# The signature is what callers expect.
"""ansible.builtin.apt_key is not supported: apt itself has done away with apt-key."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context, ModuleError

INSTEAD = "use deb822_repository with signed_by (a URL, a file or the key itself)"
ARGUMENTS: dict[str, dict[str, Any]] = {
    name: {"refused": INSTEAD}
    for name in ("id", "data", "file", "keyring", "keyserver", "state", "url", "validate_certs")
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Refuse."""
    raise ModuleError(f"apt_key is not supported; {INSTEAD}")
