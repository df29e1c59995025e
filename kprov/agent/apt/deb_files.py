"""Installs package files: apt installs their dependencies, then dpkg the files."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import commands as apt_commands
from kprov.agent.apt import install as apt_install
from kprov.agent.apt import package_state
from kprov.agent.context import Context, ModuleError


def read_fields(path: str) -> dict[str, str]:
    """Return the control fields of a package file."""
    if not os.path.isfile(path):
        said = f"E:Could not open file {path} - open (2: No such file or directory)"
        raise ModuleError(f"Unable to install package: {said}")
    code, out, err = apt_commands.run_command([apt_commands.find_program("dpkg-deb"), "-f", path])
    if code:
        raise ModuleError(f"Unable to install package: {err.strip()}", **apt_commands.output_values(out, err))
    found: dict[str, str] = {}
    last = ""
    for line in out.splitlines():
        if line[:1] in (" ", "\t"):
            found[last] += " " + line.strip()
            continue
        last, _, value = line.partition(":")
        found[last] = value.strip()
    return found


def install_files(paths: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Install those files whose exact version is not installed."""
    have = package_state.read_database()
    news: list[str] = []
    needs: list[str] = []
    found = {path: read_fields(path) for path in paths}
    together = {one["Package"] for one in found.values()}
    for path, one in found.items():
        foreign = one["Architecture"] not in ("all", have.native)
        now = have.find(f"{one['Package']}:{one['Architecture']}" if foreign else one["Package"])
        if now is not None and now.installed:
            order = package_state.compare_versions(one["Version"], now.version)
            if order == 0:
                continue
            if order < 0 and not (args["force"] or args["allow_downgrade"]):
                raise ModuleError("A later version is already installed")
        if foreign and one["Architecture"] not in package_state.foreign_architectures() and not args["force"]:
            what = f"Wrong architecture '{one['Architecture']}'"
            raise ModuleError(f"{what} -- Run dpkg --add-architecture to add it and update afterwards")
        needs += [need for need in find_missing(one, force=args["force"]) if need not in together]
        if args["install_recommends"]:
            needs += [name for name, _, _ in package_state.parse_relations(one.get("Recommends", ""))]
        news.append(path)
    result: dict[str, Any] = {"changed": False, **apt_commands.output_values("", ""), "diff": ""}
    if needs:
        wanted = {"only_upgrade": False, "default_release": None, "autoremove": False, "state": "present"}
        inner = {**args, **wanted, "force": False}
        result = {**result, **apt_install.install_packages(list(dict.fromkeys(needs)), inner, context)}
    return _run_dpkg(news, args, context, result) if news else result


def _run_dpkg(
    paths: list[str], args: dict[str, Any], context: Context, before: dict[str, Any]
) -> dict[str, Any]:
    options = [f"--{option}" for option in args["dpkg_options"].split(",")]
    options += ["--simulate"] if context.check else []
    options += ["--force-all"] if args["force"] else []
    command = ["dpkg", *options, "-i", *paths]
    apt_commands.wait_for_dpkg(args)
    with apt_commands.service_policy_of(args, context):
        code, out, err = apt_commands.run_command(command)
    diff = apt_commands.prepare_diff(out)
    if before["diff"] and "prepared" in before["diff"]:
        diff = {"prepared": before["diff"]["prepared"] + "\n\n" + out}
    said = apt_commands.output_values(before["stdout"] + out, before["stderr"] + err)
    if code:
        raise ModuleError(f"{' '.join(command)} failed", **said)
    return {"changed": True, "diff": diff, **said}


def find_missing(one: dict[str, str], *, force: bool) -> list[str]:
    """Return the packages that must be installed before a file; of alternatives the first available."""
    needs = []
    for name in ("Pre-Depends", "Depends"):
        for group in one.get(name, "").split(","):
            alternatives = package_state.parse_relations(group)
            if not alternatives or any(_is_fulfilled(*a) for a in alternatives):
                continue
            found = next((a[0] for a in alternatives if _is_installable(*a)), None)
            if found is not None:
                needs.append(found)
            elif not force:
                raise ModuleError(f"Dependency is not satisfiable: {group.strip()}\n")
    return needs


def _is_fulfilled(name: str, operator: str, version: str) -> bool:
    have = package_state.read_database()
    name = name.partition(":")[0]
    package = have.find(name)
    if package and package.installed and package_state.satisfies(package.version, operator, version):
        return True
    return any(
        not operator or (had and package_state.satisfies(had, operator, version))
        for _, had in have.provided.get(name, [])
    )


def _is_installable(name: str, operator: str, version: str) -> bool:
    known = apt_cache.find_known([name], None).get(name)
    if known is None:
        return False
    if known.candidate:
        return package_state.satisfies(known.candidate, operator, version)
    return not operator and bool(apt_cache.find_providers(name))
