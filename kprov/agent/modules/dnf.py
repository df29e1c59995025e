"""ansible.builtin.dnf, dnf5 and yum. It asks rpm first and starts dnf only if a package must change."""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.dnf import command_line, rpm_database
from kprov.agent.package_programs import make_output_values, run_program

_BOOL: dict[str, Any] = {"type": "bool", "default": False}
_LIST: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "allow_downgrade": _BOOL,
    "allowerasing": _BOOL,
    "autoremove": _BOOL,
    "best": {"type": "bool"},
    "bugfix": _BOOL,
    "cacheonly": _BOOL,
    "conf_file": {},
    "disable_excludes": {},
    "disable_gpg_check": _BOOL,
    "disable_plugin": _LIST,
    "disablerepo": _LIST,
    "download_only": _BOOL,
    "download_dir": {},
    "enable_plugin": _LIST,
    "enablerepo": _LIST,
    "exclude": _LIST,
    "installroot": {"default": "/"},
    "install_repoquery": {"type": "bool", "default": True},
    "install_weak_deps": {"type": "bool", "default": True},
    "list": {},
    "name": {**_LIST, "aliases": ["pkg"]},
    "nobest": {"type": "bool"},
    "releasever": {},
    "security": _BOOL,
    "skip_broken": _BOOL,
    "state": {"choices": ["absent", "installed", "latest", "present", "removed"]},
    "update_cache": {**_BOOL, "aliases": ["expire-cache"]},
    "update_only": _BOOL,
    "validate_certs": {"type": "bool", "default": True},
    "sslverify": {"type": "bool", "default": True},
    "lock_timeout": {"type": "int", "default": 30},
    "use_backend": {
        "default": "auto",
        "choices": ["auto", "dnf", "yum", "yum4", "dnf4", "dnf5"],
        "aliases": ["use"],
    },
}
RULES: dict[str, Any] = {"mutually_exclusive": [["name", "list"], ["best", "nobest"]]}
_GLOB = frozenset("*?[")


class _Dnf:
    """The dnf program of a task, with the options from its arguments."""

    def __init__(self, args: dict[str, Any]) -> None:
        self.program = command_line.find_dnf(args["use_backend"])
        self.five = os.path.basename(os.path.realpath(self.program)) == "dnf5"
        self.options = command_line.common_options(args, five=self.five)
        self.change_options = command_line.transaction_options(args, five=self.five)

    def run(self, *words: str) -> tuple[int, str, str]:
        return run_program([self.program, *self.options, *words])


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Install, upgrade or remove packages; or list them."""
    state = {None: "installed", "present": "installed", "removed": "absent"}.get(args["state"], args["state"])
    if args["autoremove"] and args["state"] not in (None, "absent", "removed"):
        raise ModuleError("Autoremove should be used alone or with state=absent", results=[])
    if args["list"]:
        return _list_packages(args)
    names = [name.strip() for name in args["name"] if name.strip()]
    if not names and args["update_cache"]:
        code, _, err = _Dnf(args).run("makecache")
        if code:
            raise ModuleError(f"Failed to synchronize repodata: {err.strip()}", rc=code, results=[])
        return {"changed": False, "msg": "Cache updated", "results": [], "rc": 0}
    if not names and not args["autoremove"]:
        raise ModuleError("one of the following is required: name, list, update_cache")
    if not args["download_only"] and os.geteuid() != 0:
        raise ModuleError("This command has to be run under the root user.", results=[])
    if not names or state == "absent":
        return _remove(names, args, context)
    return _install(names, args, context, latest=state == "latest")


def _install(names: list[str], args: dict[str, Any], context: Context, *, latest: bool) -> dict[str, Any]:
    install, upgrade, messages = _plan_install(names, args, latest=latest)
    if not install and not upgrade:
        return {"changed": False, "msg": "Nothing to do", "results": messages, "rc": 0}
    dnf = _Dnf(args)
    result: dict[str, Any] = {"changed": False, "msg": "", "results": messages, "rc": 0}
    messages += [f"Installed {name}" for name in install if name.endswith(".rpm")]
    for verb, specs in (("install", install), ("upgrade", [] if upgrade == ["*"] else upgrade)):
        if specs:
            _change(dnf, [verb, *dnf.change_options, *specs], args, context, result)
    if upgrade == ["*"]:
        _change(dnf, ["upgrade", *dnf.change_options], args, context, result)
    return _finish(result, context)


def _plan_install(
    names: list[str], args: dict[str, Any], *, latest: bool
) -> tuple[list[str], list[str], list[str]]:
    """Return the packages to install, those to upgrade, and messages about packages that do not change."""
    root, messages = args["installroot"], []
    install, upgrade = [], []
    for name in names:
        if name == "*" and latest:
            upgrade.append("*")
        elif name.startswith("@") or name.endswith(".rpm"):
            install.append(name)
        elif rpm_database.is_newer_installed(name, root):
            install += [name] if args["allow_downgrade"] else []
        elif rpm_database.find_packages(name, root):
            upgrade += [name] if latest else []
            install += [name] if _GLOB & set(name) and not args["update_only"] else []
        elif args["update_only"]:
            messages.append(f"Packages providing {name} not installed due to update_only specified")
        else:
            install.append(name)
    return install, upgrade, messages


def _remove(names: list[str], args: dict[str, Any], context: Context) -> dict[str, Any]:
    if any(name.endswith(".rpm") for name in names):
        raise ModuleError("Cannot remove paths -- please specify package name.", results=[])
    installed, messages = [], []
    for name in names:
        if name.startswith("@") or rpm_database.find_packages(name, args["installroot"]):
            installed.append(name)
        else:
            messages.append(f"no package matched: {name}")
    result: dict[str, Any] = {"changed": False, "msg": "", "results": messages, "rc": 0}
    if installed:
        dnf = _Dnf(args)
        _change(dnf, ["remove", *installed], args, context, result)
    if args["autoremove"]:
        _change(_Dnf(args), ["autoremove"], args, context, result)
    return _finish(result, context)


def _finish(result: dict[str, Any], context: Context) -> dict[str, Any]:
    if not result["changed"]:
        result["msg"] = "Nothing to do"
    elif context.check:
        result["msg"] = "Check mode: No changes made, but would have if not in check mode"
    return result


def _change(
    dnf: _Dnf, words: list[str], args: dict[str, Any], context: Context, result: dict[str, Any]
) -> None:
    root = args["installroot"]
    before = set(rpm_database.list_installed(root))
    code, out, err = dnf.run(*(["--assumeno"] if context.check else []), *words)
    missing = command_line.find_missing(out + err)
    if words[0] in ("install", "upgrade") and missing and not args["skip_broken"]:
        failures = [f"No package {name} available." for name in missing]
        text = "Failed to install some of the specified packages"
        raise ModuleError(text, failures=failures, results=[], rc=1)
    if context.check:
        results = command_line.parse_plan(out)
        if code and not results and "Nothing to do" not in out + err and "Operation aborted" not in out + err:
            raise ModuleError(_explain_failure(err), failures=[], results=[], rc=code)
    else:
        if code:
            raise ModuleError(
                _explain_failure(err or out),
                failures=[],
                results=[],
                rc=code,
                **make_output_values(out, err),
            )
        after = set(rpm_database.list_installed(root))
        results = [f"Installed: {package.nevra}" for package in sorted(after - before, key=str)]
        results += [f"Removed: {package.nevra}" for package in sorted(before - after, key=str)]
        if args["download_only"]:
            results = [line.replace("Installed", "Downloaded", 1) for line in command_line.parse_plan(out)]
    result["results"] += results
    result["changed"] = result["changed"] or bool(results)


def _explain_failure(output: str) -> str:
    lock = command_line.find_lock_text(output)
    if lock:
        return f"another program holds dnf's lock: {lock}"
    if "GPG" in output:
        return f"Failed to validate GPG signatures: {output.strip()}"
    head = "Depsolve Error occurred" if re.search(r"Problem|conflict", output) else "Unknown Error occurred"
    return f"{head}: {output.strip()}"


_FORM = "%{name}\\t%{epoch}\\t%{version}\\t%{release}\\t%{arch}\\t%{repoid}\\n"


def _list_packages(args: dict[str, Any]) -> dict[str, Any]:
    query = args["list"]
    if query == "installed":
        packages = [
            (p.name, p.epoch, p.version, p.release, p.arch, "@System") for p in rpm_database.list_installed()
        ]
        return {
            "changed": False,
            "msg": "",
            "results": [_package_entry(*package) for package in packages],
            "rc": 0,
        }
    dnf = _Dnf(args)
    if query in ("repos", "repositories"):
        _, out, _ = dnf.run("-q", "repolist", "--enabled")
        lines = [line.split() for line in out.splitlines() if line.strip()]
        repositories = [
            {"repoid": words[0], "state": "enabled"} for words in lines if words[:2] != ["repo", "id"]
        ]
        return {"changed": False, "msg": "", "results": repositories, "rc": 0}
    query_options = {"updates": ["--upgrades"], "upgrades": ["--upgrades"], "available": ["--available"]}.get(
        query, [query]
    )
    code, out, err = dnf.run("-q", "repoquery", "--qf", _FORM, *query_options)
    if code:
        raise ModuleError(err.strip(), rc=code, results=[])
    lines = [
        line.split("\t") for line in dict.fromkeys(out.replace("\\t", "\t").replace("\\n", "\n").splitlines())
    ]
    results = [_package_entry(*words) for words in lines if len(words) == 6]
    if query not in ("updates", "upgrades", "available"):
        installed = rpm_database.find_packages(query)
        results = [
            _package_entry(p.name, p.epoch, p.version, p.release, p.arch, "@System") for p in installed
        ] + results
    return {"changed": False, "msg": "", "results": results, "rc": 0}


def _package_entry(name: str, epoch: str, version: str, release: str, arch: str, repo: str) -> dict[str, str]:
    nevra = f"{epoch}:{name}-{version}-{release}.{arch}"
    state = "installed" if repo == "@System" else "available"
    return {
        "arch": arch, "epoch": epoch, "name": name, "nevra": nevra, "envra": nevra, "release": release,
        "repo": repo, "version": version, "yumstate": state,
    }  # fmt: skip
