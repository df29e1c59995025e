"""ansible.builtin.package: calls the module of the host's package manager, which checks the arguments."""

from __future__ import annotations

import importlib
import shutil
from typing import Any

from kprov.agent import arguments
from kprov.agent.context import Context, ModuleError

RULES: dict[str, Any] = {"diff": True}
_MODULES = {"apt": "apt", "dnf": "dnf", "dnf5": "dnf", "yum": "dnf", "yum4": "dnf", "dnf4": "dnf"}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run the module of `use`, or that of the host's distribution."""
    use = args.get("use") or "auto"
    manager = _find_manager() if use == "auto" else use
    if manager not in _MODULES:
        supported = ", ".join(_MODULES)
        raise ModuleError(
            f'Could not find a matching action for the "{manager}" package manager; known: {supported}'
        )
    name = _MODULES[manager]
    module: Any = importlib.import_module("kprov.agent.modules." + name)
    manager_args = {key: value for key, value in args.items() if key != "use"}
    spec = arguments.spec_of(module) or {}
    checked = arguments.check_arguments(
        f"ansible.builtin.{name}", manager_args, spec, getattr(module, "RULES", {})
    )
    result: dict[str, Any] = module.run(checked, context)
    return result


def _find_manager() -> str:
    words: set[str] = set()
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                if key in ("ID", "ID_LIKE"):
                    words.update(value.strip('"').split())
    except FileNotFoundError:
        pass
    if words & {"debian", "ubuntu"} and shutil.which("apt-get"):
        return "apt"
    for name in ("dnf5", "dnf", "yum", "apt-get"):
        if shutil.which(name):
            return "apt" if name == "apt-get" else name
    raise ModuleError('Could not detect a package manager. Try using the "use" option.')
