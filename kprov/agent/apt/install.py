"""Installs and removes packages with apt-get, as the states of the module apt require."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import package_changes, package_locks, package_state
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, make_output_values, run_program

#: apt-get's last line when it had nothing to do.
ZERO = "\n0 upgraded, 0 newly installed, 0 to remove"


@dataclass
class PackageStatus:
    """`matches`: the installed version fulfils the request; `best`: the best version (True: apt chooses)."""

    installed: bool
    matches: bool
    best: str | bool | None


def split_package(name: str) -> tuple[str, str, str]:
    """Split a package of a playbook into name, operator and version."""
    parts = re.split(r"(>?=)", name, maxsplit=1)
    return (parts[0], parts[1], parts[2]) if len(parts) > 1 else (name, "", "")


def expand_patterns(names: list[str], *, absent: bool = False) -> list[str]:
    """Replace patterns by names. Raises ModuleError for a pattern without a match."""
    expanded: list[str] = []
    for spec in names:
        pattern = split_package(spec)[0]
        if not frozenset("*?[]!") & frozenset(pattern):
            expanded.append(spec)
            continue
        database = package_state.read_database()
        dpkg_names = [
            name
            for name in database.packages
            if any(p.state != "not-installed" for p in database.packages[name])
        ]
        matches = sorted(fnmatch.filter(dpkg_names, pattern)) if absent else []
        matches = matches or fnmatch.filter(apt_cache.list_names(), pattern)
        if not matches:
            raise ModuleError(f"No package(s) matching '{pattern}' available")
        expanded += matches
    return expanded


def find_statuses(names: list[str], release: str | None, *, latest: bool) -> dict[str, PackageStatus]:
    """Return the status of each package. Query apt-cache only for packages that may need a change."""
    database = package_state.read_database()
    statuses: dict[str, PackageStatus] = {}
    query_names: list[str] = []
    for spec in names:
        name, operator, version = split_package(spec)
        package = database.find(name)
        installed = package is not None and package.installed
        matches = installed and package is not None and matches_version(package.version, operator, version)
        statuses[spec] = PackageStatus(installed, matches, None)
        pattern = operator == "=" and bool(frozenset("*?[") & frozenset(version))
        if not matches or latest or pattern:
            query_names.append(name)
    available = apt_cache.find_known(list(dict.fromkeys(query_names)), release)
    for spec, status in statuses.items():
        name, operator, version = split_package(spec)
        if name not in query_names:
            continue
        candidate = available.get(name) or available.get(name.partition(":")[0])
        if candidate is None or candidate.virtual:
            if not status.installed:
                statuses[spec] = _find_virtual(name, candidate)
            continue
        best = apt_cache.find_best_version(candidate, operator, version)
        package = database.find(name)
        if not status.installed or (
            package and best and best != package.version and matches_version(best, operator, version)
        ):
            status.best = best
    return statuses


def matches_version(version: str, operator: str, requested: str) -> bool:
    """Whether a version fulfils a request; after `=`, the requested version may be a pattern."""
    if operator == "=":
        return fnmatch.fnmatch(version, requested)
    return not operator or package_state.compare_versions(version, requested) >= 0


def _find_virtual(name: str, package: apt_cache.KnownPackage | None) -> PackageStatus:
    providers = apt_cache.find_providers(name) if package is not None else []
    if not providers:
        raise ModuleError(f"No package matching '{name}' is available")
    provider = package_state.read_database().find(providers[0])
    if len(providers) == 1 and provider is not None and provider.installed:
        return PackageStatus(installed=True, matches=True, best=None)
    return PackageStatus(installed=False, matches=False, best=True)


def select_packages(names: list[str], args: dict[str, Any], *, latest: bool) -> list[str]:
    """Return the packages for apt-get's command line. Raises ModuleError if a package is not available."""
    selected = []
    statuses = find_statuses(names, args["default_release"], latest=latest)
    for spec in names:
        name, operator, version = split_package(spec)
        status = statuses[spec]
        if not status.installed and args["only_upgrade"]:
            continue
        if not status.matches and not status.best:
            raise ModuleError(f"no available installation candidate for {spec}")
        chosen_version = version
        if status.best and (latest or not status.matches):
            chosen_version = status.best if isinstance(status.best, str) else version
        elif not status.best or operator != "=":
            continue
        selected.append(f"'{name}={chosen_version}'" if chosen_version else f"'{name}'")
    return selected


def install_packages(names: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring packages to the states present, latest, build-dep or fixed."""
    state = args["state"]
    names = expand_patterns(names)
    if state == "build-dep":
        packages = [f"'{name}'" for name in names]
    else:
        packages = select_packages(names, args, latest=state == "latest")
    result: dict[str, Any] = {"changed": False}
    if packages:
        command = _install_command(packages, args, context)
        code, out, err = package_changes.run_package_change(command, args, context)
        if code:
            text = package_locks.explain_failure(f"'{command}' failed: {err}", err, args)
            raise ModuleError(text, rc=code, **make_output_values(out, err))
        result = {
            "changed": state != "build-dep" or ZERO not in out,
            "diff": package_changes.make_diff(out) if context.diff else {},
            **make_output_values(out, err),
        }
    if state != "build-dep" and not context.check:
        mark_manual([split_package(name)[0] for name in names])
    return result


def _install_command(packages: list[str], args: dict[str, Any], context: Context) -> str:
    build = args["state"] == "build-dep"
    # Absent options leave their blanks, as in the command that Ansible's messages quote.
    parts = [
        find_program("apt-get"),
        "-y",
        package_changes.render_dpkg_options(args),
        "--only-upgrade" if args["only_upgrade"] else "",
        "--fix-broken" if args["state"] == "fixed" else "",
        "--force-yes" if args["force"] else "",
        *([] if build else ["--auto-remove" if args["autoremove"] else ""]),
        "--no-remove" if args["fail_on_autoremove"] else "",
        "--simulate" if context.check else "",
        "build-dep" if build else "install",
        *packages,
    ]
    if args["default_release"]:
        parts.append(f"-t '{args['default_release']}'")
    if args["install_recommends"] is not None:
        parts.append(f"-o APT::Install-Recommends={'yes' if args['install_recommends'] else 'no'}")
    for argument, option in _ALLOW.items():
        if args[argument]:
            parts.append(option)
    return " ".join(parts)


_ALLOW = {
    "allow_unauthenticated": "--allow-unauthenticated",
    "allow_downgrade": "--allow-downgrades",
    "allow_change_held_packages": "--allow-change-held-packages",
}


def mark_manual(names: list[str]) -> None:
    """Mark packages as manually installed, so that autoremove does not remove them."""
    automatic = package_state.read_automatic()
    automatic_names = [name for name in names if name.partition(":")[0] in automatic]
    if automatic_names:
        command = [find_program("apt-mark"), "manual", *automatic_names]
        code, out, err = run_program(command)
        if code:
            raise ModuleError(
                f"'{' '.join(command)}' failed: {err}",
                rc=code,
                **make_output_values(out, err),
            )


def remove_packages(names: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring packages to the state absent."""
    database = package_state.read_database()
    packages = []
    for spec in expand_patterns(names, absent=True):
        name, operator, version = split_package(spec)
        package = database.find(name)
        if package is None:
            continue
        is_installed = package.installed and matches_version(package.version, operator, version)
        if is_installed or (args["purge"] and package.has_files):
            packages.append(f"'{spec}'")
    if not packages:
        return {"changed": False}
    parts = [
        find_program("apt-get"),
        "-q -y",
        package_changes.render_dpkg_options(args),
        "--purge" if args["purge"] else "",
        "--force-yes" if args["force"] else "",
        "--auto-remove" if args["autoremove"] else "",
        "--simulate" if context.check else "",
        "--allow-change-held-packages" if args["allow_change_held_packages"] else "",
        "remove",
        *packages,
    ]
    return _run_and_report(f"'apt-get remove {' '.join(packages)}'", parts, args, context)


def _run_and_report(
    command_text: str,
    parts: list[str],
    args: dict[str, Any],
    context: Context,
    change_marker: str | None = None,
) -> dict[str, Any]:
    code, out, err = package_changes.run_package_change(
        " ".join(part for part in parts if part), args, context
    )
    if code:
        text = package_locks.explain_failure(f"{command_text} failed: {err}", err, args)
        raise ModuleError(text, rc=code, **make_output_values(out, err))
    return {
        "changed": change_marker is None or change_marker in out,
        "diff": package_changes.make_diff(out) if context.diff else {},
        **make_output_values(out, err),
    }


def clean_up(operation: str, change_marker: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run autoremove or autoclean; apt-get prints `change_marker` if it changed something."""
    parts = [
        find_program("apt-get"),
        "-y",
        package_changes.render_dpkg_options(args),
        "--purge" if args["purge"] else "",
        "--force-yes" if args["force"] else "",
        operation,
        "--simulate" if context.check else "",
    ]
    return _run_and_report(f"'apt-get {operation}'", parts, args, context, change_marker)
