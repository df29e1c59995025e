"""ansible.builtin.include_vars: read files of variables while a play runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov.inventory import bounded_regex, trust
from kprov.playbook.actions import controller_files
from kprov.playbook.actions.call import ActionError, Call
from kprov.playbook.actions.effects import ActionResult, IncludeVariableFiles
from kprov.transport import agent_modules

_EXTENSIONS = ["yaml", "yml", "json"]


def include_vars(call: Call) -> dict[str, Any]:
    """Load variables of a file or folder, with a higher precedence than the variables of the play."""
    args = call.args
    name = args.get("file") or args.get("_raw_params")
    extensions = agent_modules.convert_argument(
        "extensions", args.get("extensions") or _EXTENSIONS, {"type": "list"}
    )
    file_variables: dict[str, Any] = {}
    read: list[str] = []
    secret = False
    try:
        if args.get("dir"):
            paths = _find_files(call, Path(call.find_file(str(args["dir"]), "vars")), extensions)
        elif name:
            paths = [call.find_file(str(name), "vars")]
        else:
            raise ActionError("include_vars needs file or dir")
        for path in paths:
            variables, encrypted = _load_variables(path)
            file_variables.update(variables)
            secret |= encrypted
            read.append(str(path))
    except ActionError as error:
        return {
            "changed": False,
            "failed": True,
            "message": str(error),
            "msg": str(error),
            "ansible_included_var_files": read,
            "ansible_facts": {},
            "_ansible_no_log": False,
        }
    if args.get("name"):
        file_variables = {str(args["name"]): file_variables}
    shown = {
        "changed": False,
        "ansible_facts": file_variables,
        "ansible_included_var_files": read,
        "_ansible_no_log": secret,
    }
    return ActionResult(shown, IncludeVariableFiles(file_variables))


def _load_variables(path: Path) -> tuple[dict[str, Any], bool]:
    """Load a file, and return whether it was encrypted: its variables are hidden then."""
    document = trust.load_variables(path)
    if document is not None and not isinstance(document, dict):
        raise ActionError(f"{path} must be stored as a dictionary/hash")
    return document or {}, controller_files.decrypt_file(path) is not None


def _find_files(call: Call, folder: Path, extensions: list[str]) -> list[Path]:
    args = call.args
    depth = int(args.get("depth") or 0)
    ignored = agent_modules.convert_argument("ignore_files", args.get("ignore_files") or [], {"type": "list"})
    lenient = agent_modules.parse_boolean(args.get("ignore_unknown_extensions"))
    files = []
    paths = sorted(folder.rglob("*"), key=lambda entry: (str(entry.parent), entry.name))
    names = sorted({path.name for path in paths})
    wanted = set(bounded_regex.filter_texts("search", str(args.get("files_matching") or ".*"), names))
    for pattern in map(str, ignored):
        wanted -= set(bounded_regex.filter_texts("search", rf"{pattern}$", names))
    for path in paths:
        if path.name not in wanted or not path.is_file():
            continue
        if depth and len(path.relative_to(folder).parts) > depth:
            continue
        if path.suffix[1:] not in extensions:
            if lenient:
                continue
            raise ActionError(f"{path} does not have a valid extension: {', '.join(extensions)}")
        files.append(path)
    return files
