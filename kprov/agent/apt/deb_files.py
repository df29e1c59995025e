"""Installs package files: apt-get installs their dependencies, then dpkg installs the files."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import install as apt_install
from kprov.agent.apt import package_changes, package_locks, package_state
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, make_output_values, run_program


def read_fields(path: str) -> dict[str, str]:
    """Return the control fields of a package file."""
    if not os.path.isfile(path):
        reason = f"E:Could not open file {path} - open (2: No such file or directory)"
        raise ModuleError(f"Unable to install package: {reason}")
    code, out, err = run_program([find_program("dpkg-deb"), "-f", path])
    if code:
        raise ModuleError(f"Unable to install package: {err.strip()}", **make_output_values(out, err))
    fields: dict[str, str] = {}
    last = ""
    for line in out.splitlines():
        if line[:1] in (" ", "\t"):
            fields[last] += " " + line.strip()
            continue
        last, _, value = line.partition(":")
        fields[last] = value.strip()
    return fields


def install_files(paths: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Install those files whose exact version is not installed."""
    database = package_state.read_database()
    paths_to_install: list[str] = []
    dependencies: list[str] = []
    fields_by_path = {path: read_fields(path) for path in paths}
    names = {fields["Package"] for fields in fields_by_path.values()}
    for path, fields in fields_by_path.items():
        foreign = fields["Architecture"] not in ("all", database.native)
        current = database.find(
            f"{fields['Package']}:{fields['Architecture']}" if foreign else fields["Package"]
        )
        if current is not None and current.installed:
            comparison = package_state.compare_versions(fields["Version"], current.version)
            if comparison == 0:
                continue
            if comparison < 0 and not (args["force"] or args["allow_downgrade"]):
                raise ModuleError("A later version is already installed")
        if (
            foreign
            and fields["Architecture"] not in package_state.foreign_architectures()
            and not args["force"]
        ):
            problem = f"Wrong architecture '{fields['Architecture']}'"
            raise ModuleError(f"{problem} -- Run dpkg --add-architecture to add it and update afterwards")
        dependencies += [
            dependency for dependency in find_missing(fields, force=args["force"]) if dependency not in names
        ]
        if args["install_recommends"]:
            dependencies += [
                name for name, _, _ in package_state.parse_relations(fields.get("Recommends", ""))
            ]
        paths_to_install.append(path)
    result: dict[str, Any] = {"changed": False, **make_output_values("", ""), "diff": ""}
    if dependencies:
        overrides = {"only_upgrade": False, "default_release": None, "autoremove": False, "state": "present"}
        dependency_args = {**args, **overrides, "force": False}
        result = {
            **result,
            **apt_install.install_packages(list(dict.fromkeys(dependencies)), dependency_args, context),
        }
    return _run_dpkg(paths_to_install, args, context, result) if paths_to_install else result


def _run_dpkg(
    paths: list[str], args: dict[str, Any], context: Context, before: dict[str, Any]
) -> dict[str, Any]:
    options = [f"--{option}" for option in args["dpkg_options"].split(",")]
    options += ["--simulate"] if context.check else []
    options += ["--force-all"] if args["force"] else []
    command = ["dpkg", *options, "-i", *paths]
    package_locks.wait_for_dpkg_lock(args)
    with package_changes.hold_service_policy(args, context):
        code, out, err = run_program(command)
    diff = package_changes.make_diff(out)
    if before["diff"] and "prepared" in before["diff"]:
        diff = {"prepared": before["diff"]["prepared"] + "\n\n" + out}
    output = make_output_values(before["stdout"] + out, before["stderr"] + err)
    if code:
        raise ModuleError(f"{' '.join(command)} failed", **output)
    return {"changed": True, "diff": diff, **output}


def find_missing(fields: dict[str, str], *, force: bool) -> list[str]:
    """Return the dependencies that are not installed yet; of alternatives, the first available one."""
    missing = []
    for name in ("Pre-Depends", "Depends"):
        for group in fields.get(name, "").split(","):
            alternatives = package_state.parse_relations(group)
            if not alternatives or any(_is_fulfilled(*a) for a in alternatives):
                continue
            available = next((a[0] for a in alternatives if _is_installable(*a)), None)
            if available is not None:
                missing.append(available)
            elif not force:
                raise ModuleError(f"Dependency is not satisfiable: {group.strip()}\n")
    return missing


def _is_fulfilled(name: str, operator: str, version: str) -> bool:
    database = package_state.read_database()
    name = name.partition(":")[0]
    package = database.find(name)
    if package and package.installed and package_state.satisfies(package.version, operator, version):
        return True
    return any(
        not operator or (provided_version and package_state.satisfies(provided_version, operator, version))
        for _, provided_version in database.provided.get(name, [])
    )


def _is_installable(name: str, operator: str, version: str) -> bool:
    package = apt_cache.find_known([name], None).get(name)
    if package is None:
        return False
    if package.candidate:
        return package_state.satisfies(package.candidate, operator, version)
    return not operator and bool(apt_cache.find_providers(name))
