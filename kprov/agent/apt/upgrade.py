"""Upgrades all packages with aptitude if it is installed and the arguments allow it, else with apt-get."""

from __future__ import annotations

import shutil
from typing import Any

from kprov.agent.apt import package_changes, package_locks
from kprov.agent.apt.install import ZERO
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, make_output_values

_APTITUDE_ZERO = "\n0 packages upgraded, 0 newly installed, 0 to remove"


def upgrade_packages(
    mode: str, args: dict[str, Any], context: Context, warnings: list[str]
) -> dict[str, Any]:
    """Run an upgrade in one of Ansible's modes: yes, safe, full, dist."""
    with_apt_get = mode == "dist" or args["force_apt_get"] or shutil.which("aptitude") is None
    name = "apt-get" if with_apt_get else "aptitude"
    extra = "--auto-remove" if args["autoremove"] else ""
    if with_apt_get:
        verb = f"{'dist-upgrade' if mode in ('dist', 'full') else 'upgrade --with-new-pkgs'} {extra}"
    else:
        verb = "full-upgrade" if mode == "full" else "safe-upgrade"
        for argument, option in (
            ("fail_on_autoremove", "--no-remove"),
            ("allow_downgrade", "--allow-downgrades"),
        ):
            if args[argument]:
                warnings.append(f"APTITUDE does not support '{option}', ignoring the '{argument}' parameter.")
    command_parts = [
        find_program(name),
        "-y",
        package_changes.render_dpkg_options(args),
        ("--force-yes" if with_apt_get else "--assume-yes --allow-untrusted") if args["force"] else "",
        "--no-remove" if args["fail_on_autoremove"] and with_apt_get else "",
        "--allow-unauthenticated" if args["allow_unauthenticated"] else "",
        "--allow-downgrades" if args["allow_downgrade"] and with_apt_get else "",
        "--simulate" if context.check else "",
        verb,
    ]
    if args["default_release"]:
        command_parts.append(f"-t '{args['default_release']}'")
    code, out, err = package_changes.run_package_change(
        " ".join(part for part in command_parts if part), args, context
    )
    if code:
        text = package_locks.explain_failure(f"'{command_parts[0]} {verb}' failed: {err}", err, args)
        raise ModuleError(text, rc=code, stdout=out, stdout_lines=out.splitlines())
    changed = (ZERO if with_apt_get else _APTITUDE_ZERO) not in out
    result = {"changed": changed, "msg": out, **make_output_values(out, err)}
    if changed:
        result["diff"] = package_changes.make_diff(out) if context.diff else {}
    return result
