"""Installs and removes packages with apt-get, as the states of the module apt require."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import commands as apt_commands
from kprov.agent.apt import package_state
from kprov.agent.context import Context, ModuleError

#: apt-get's last line when it had nothing to do.
ZERO = "\n0 upgraded, 0 newly installed, 0 to remove"


@dataclass
class PackageStatus:
    """`matches`: the installed version fulfils the request; `best`: the best version (True: apt chooses)."""

    installed: bool
    matches: bool
    best: str | bool | None


def split_package(name: str) -> tuple[str, str, str]:
    """Return name, operator and version of a package as a playbook names it."""
    parts = re.split(r"(>?=)", name, maxsplit=1)
    return (parts[0], parts[1], parts[2]) if len(parts) > 1 else (name, "", "")


def expand_patterns(names: list[str], *, absent: bool = False) -> list[str]:
    """Replace patterns by names. Raises ModuleError for a pattern without a match."""
    found: list[str] = []
    for given in names:
        pattern = split_package(given)[0]
        if not frozenset("*?[]!") & frozenset(pattern):
            found.append(given)
            continue
        have = package_state.read_database()
        mine = [
            name for name in have.packages if any(p.state != "not-installed" for p in have.packages[name])
        ]
        fits = sorted(fnmatch.filter(mine, pattern)) if absent else []
        fits = fits or fnmatch.filter(apt_cache.list_names(), pattern)
        if not fits:
            raise ModuleError(f"No package(s) matching '{pattern}' available")
        found += fits
    return found


def find_statuses(names: list[str], release: str | None, *, latest: bool) -> dict[str, PackageStatus]:
    """Return the status of each package; apt-cache is asked only about packages where it matters."""
    have = package_state.read_database()
    found: dict[str, PackageStatus] = {}
    asked: list[str] = []
    for given in names:
        name, operator, version = split_package(given)
        package = have.find(name)
        installed = package is not None and package.installed
        matches = installed and package is not None and matches_version(package.version, operator, version)
        found[given] = PackageStatus(installed, matches, None)
        pattern = operator == "=" and bool(frozenset("*?[") & frozenset(version))
        if not matches or latest or pattern:
            asked.append(name)
    known = apt_cache.find_known(list(dict.fromkeys(asked)), release)
    for given, status in found.items():
        name, operator, version = split_package(given)
        if name not in asked:
            continue
        one = known.get(name) or known.get(name.partition(":")[0])
        if one is None or one.virtual:
            if not status.installed:
                found[given] = _find_virtual(name, one)
            continue
        best = apt_cache.find_best_version(one, operator, version)
        package = have.find(name)
        if not status.installed or (
            package and best and best != package.version and matches_version(best, operator, version)
        ):
            status.best = best
    return found


def matches_version(version: str, operator: str, wanted: str) -> bool:
    """Whether a version is the requested one; `=` takes patterns."""
    if operator == "=":
        return fnmatch.fnmatch(version, wanted)
    return not operator or package_state.compare_versions(version, wanted) >= 0


def _find_virtual(name: str, known: apt_cache.KnownPackage | None) -> PackageStatus:
    provide = apt_cache.find_providers(name) if known is not None else []
    if not provide:
        raise ModuleError(f"No package matching '{name}' is available")
    package = package_state.read_database().find(provide[0])
    if len(provide) == 1 and package is not None and package.installed:
        return PackageStatus(installed=True, matches=True, best=None)
    return PackageStatus(installed=False, matches=False, best=True)


def select_packages(names: list[str], args: dict[str, Any], *, latest: bool) -> list[str]:
    """Return the packages for apt-get's command line. Raises ModuleError if one is not available."""
    found = []
    status = find_statuses(names, args["default_release"], latest=latest)
    for given in names:
        name, operator, version = split_package(given)
        one = status[given]
        if not one.installed and args["only_upgrade"]:
            continue
        if not one.matches and not one.best:
            raise ModuleError(f"no available installation candidate for {given}")
        wanted = version
        if one.best and (latest or not one.matches):
            wanted = one.best if isinstance(one.best, str) else version
        elif not one.best or operator != "=":
            continue
        found.append(f"'{name}={wanted}'" if wanted else f"'{name}'")
    return found


def install_packages(names: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring packages to the states present, latest, build-dep or fixed."""
    state = args["state"]
    names = expand_patterns(names)
    if state == "build-dep":
        wanted = [f"'{name}'" for name in names]
    else:
        wanted = select_packages(names, args, latest=state == "latest")
    result: dict[str, Any] = {"changed": False}
    if wanted:
        command = _install_command(wanted, args, context)
        code, out, err = apt_commands.run_change(command, args, context)
        if code:
            text = apt_commands.explain_failure(f"'{command}' failed: {err}", err, args)
            raise ModuleError(text, rc=code, **apt_commands.output_values(out, err))
        result = {
            "changed": state != "build-dep" or ZERO not in out,
            "diff": apt_commands.prepare_diff(out) if context.diff else {},
            **apt_commands.output_values(out, err),
        }
    if state != "build-dep" and not context.check:
        mark_manual([split_package(name)[0] for name in names])
    return result


def _install_command(wanted: list[str], args: dict[str, Any], context: Context) -> str:
    build = args["state"] == "build-dep"
    # Absent options leave their blanks, as in the command that Ansible's messages quote.
    parts = [
        apt_commands.find_program("apt-get"),
        "-y",
        apt_commands.dpkg_options(args),
        "--only-upgrade" if args["only_upgrade"] else "",
        "--fix-broken" if args["state"] == "fixed" else "",
        "--force-yes" if args["force"] else "",
        *([] if build else ["--auto-remove" if args["autoremove"] else ""]),
        "--no-remove" if args["fail_on_autoremove"] else "",
        "--simulate" if context.check else "",
        "build-dep" if build else "install",
        *wanted,
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
    mine = [name for name in names if name.partition(":")[0] in automatic]
    if mine:
        command = [apt_commands.find_program("apt-mark"), "manual", *mine]
        code, out, err = apt_commands.run_command(command)
        if code:
            raise ModuleError(
                f"'{' '.join(command)}' failed: {err}", rc=code, **apt_commands.output_values(out, err)
            )


def remove_packages(names: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring packages to the state absent."""
    have = package_state.read_database()
    gone = []
    for given in expand_patterns(names, absent=True):
        name, operator, version = split_package(given)
        package = have.find(name)
        if package is None:
            continue
        here = package.installed and matches_version(package.version, operator, version)
        if here or (args["purge"] and package.has_files):
            gone.append(f"'{given}'")
    if not gone:
        return {"changed": False}
    parts = [
        apt_commands.find_program("apt-get"),
        "-q -y",
        apt_commands.dpkg_options(args),
        "--purge" if args["purge"] else "",
        "--force-yes" if args["force"] else "",
        "--auto-remove" if args["autoremove"] else "",
        "--simulate" if context.check else "",
        "--allow-change-held-packages" if args["allow_change_held_packages"] else "",
        "remove",
        *gone,
    ]
    return _run_and_report(f"'apt-get remove {' '.join(gone)}'", parts, args, context)


def _run_and_report(
    said: str, parts: list[str], args: dict[str, Any], context: Context, sign: str | None = None
) -> dict[str, Any]:
    code, out, err = apt_commands.run_change(" ".join(part for part in parts if part), args, context)
    if code:
        text = apt_commands.explain_failure(f"{said} failed: {err}", err, args)
        raise ModuleError(text, rc=code, **apt_commands.output_values(out, err))
    return {
        "changed": sign is None or sign in out,
        "diff": apt_commands.prepare_diff(out) if context.diff else {},
        **apt_commands.output_values(out, err),
    }


def clean_up(operation: str, sign: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run autoremove or autoclean; `sign` is in the output if it changed something."""
    parts = [
        apt_commands.find_program("apt-get"),
        "-y",
        apt_commands.dpkg_options(args),
        "--purge" if args["purge"] else "",
        "--force-yes" if args["force"] else "",
        operation,
        "--simulate" if context.check else "",
    ]
    return _run_and_report(f"'apt-get {operation}'", parts, args, context, sign)
