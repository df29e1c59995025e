"""ansible.builtin.dpkg_selections: dpkg's selection of a package, such as hold."""

from __future__ import annotations

from typing import Any

from kprov.agent.apt import package_state
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, make_output_values, run_program

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "selection": {"required": True, "choices": ["install", "hold", "deinstall", "purge"]},
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set a package's selection if it differs."""
    name, selection = args["name"], args["selection"]
    package = package_state.read_database().find(name)
    if package is None:
        raise ModuleError(f"Failed to find package '{name}' to perform selection '{selection}'.")
    current = package.want if package.want != "unknown" else "not present"
    changed = current != selection
    if changed and not context.check:
        code, out, err = run_program(
            [find_program("dpkg"), "--set-selections"], stdin=f"{name} {selection}".encode()
        )
        if code:
            raise ModuleError(err.strip() or out.strip(), rc=code, **make_output_values(out, err))
    return {"changed": changed, "before": current, "after": selection}
