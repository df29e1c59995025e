"""ansible.builtin.assemble: join fragments of the host, or with remote_src=false of this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kprov.playbook.actions.call import ActionError, Call, ModuleCall
from kprov.playbook.actions.controller_files import decrypt_file
from kprov.transport.agent_modules import fragments, parse_boolean

_OF_FRAGMENTS = ("remote_src", "regexp", "delimiter", "ignore_hidden", "decrypt", "src")


def prepare(call: Call) -> ModuleCall:
    """One call of the agent's assemble."""
    args = dict(call.args)
    if not args.get("src") or not args.get("dest"):
        raise ActionError("src and dest are required")
    if parse_boolean(args.get("remote_src"), default=True):
        return ModuleCall("assemble", args)
    path = call.find_file(str(args["src"]), "files")
    if not path.is_dir():
        raise ActionError(f"Source ({path}) is not a directory")
    decrypt = parse_boolean(args.get("decrypt"), default=True)

    def read(fragment: str) -> bytes:
        plain_text = decrypt_file(Path(fragment)) if decrypt else None
        return Path(fragment).read_bytes() if plain_text is None else plain_text

    data = fragments.join_fragments(
        str(path),
        args.get("delimiter"),
        args.get("regexp"),
        ignore_hidden=parse_boolean(args.get("ignore_hidden")),
        always_newline=True,
        read=read,
    )
    sha = hashlib.sha256(data).hexdigest()
    rest = {name: value for name, value in args.items() if name not in _OF_FRAGMENTS}
    return ModuleCall("assemble", {**rest, "src": str(path), "_sha256": sha, "_src": str(path)}, {sha: data})
