"""ansible.builtin.unarchive: send an archive to the host and unpack it."""

from __future__ import annotations

from kprov.playbook.actions.call import ActionError, Call, ModuleCall
from kprov.playbook.actions.controller_files import load_content
from kprov.transport.agent_modules import parse_boolean


def prepare(call: Call) -> ModuleCall:
    """Send the archive, unless it is on the host already or the host downloads it."""
    args = dict(call.args)
    if not args.get("src") or not args.get("dest"):
        raise ActionError("src (or content) and dest are required")
    if args.get("copy") is not None:
        if args.get("remote_src") is not None:
            raise ActionError("parameters are mutually exclusive: ('copy', 'remote_src')")
        args["remote_src"] = not parse_boolean(args.pop("copy"))
    if parse_boolean(args.get("remote_src")):
        return ModuleCall("unarchive", args)
    if "://" in str(args["src"]):
        raise ActionError(
            f"Unsupported option, an URI src ({args['src']}) is only supported when remote_src is True"
        )
    path = call.find_file(str(args["src"]), "files")
    sha, source = load_content(path, args)
    return ModuleCall("unarchive", {**args, "_sha256": sha, "_src": str(path)}, {sha: source})
