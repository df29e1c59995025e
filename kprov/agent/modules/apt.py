"""ansible.builtin.apt. It reads dpkg's files, so that it starts no program if there is nothing to do."""

from __future__ import annotations

import time
from typing import Any

from kprov.agent.apt import cache as apt_cache
from kprov.agent.apt import deb_files, package_changes
from kprov.agent.apt import install as apt_install
from kprov.agent.apt import upgrade as apt_upgrade
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import make_output_values, run_program
from kprov.agent.web import url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"default": "present", "choices": ["absent", "build-dep", "fixed", "latest", "present"]},
    "update_cache": {"type": "bool", "aliases": ["update-cache"]},
    "update_cache_retries": {"type": "int", "default": 5},
    "update_cache_retry_max_delay": {"type": "int", "default": 12},
    "cache_valid_time": {"type": "int", "default": 0},
    "purge": {"type": "bool", "default": False},
    "package": {"type": "list", "elements": "str", "aliases": ["pkg", "name"]},
    "deb": {"type": "path"},
    "default_release": {"aliases": ["default-release"]},
    "install_recommends": {"type": "bool", "aliases": ["install-recommends"]},
    "force": {"type": "bool", "default": False},
    "upgrade": {"choices": ["dist", "full", "no", "safe", "yes"], "default": "no"},
    "dpkg_options": {"default": "force-confdef,force-confold"},
    "autoremove": {"type": "bool", "default": False},
    "autoclean": {"type": "bool", "default": False},
    "fail_on_autoremove": {"type": "bool", "default": False},
    "policy_rc_d": {"type": "int"},
    "only_upgrade": {"type": "bool", "default": False},
    "force_apt_get": {"type": "bool", "default": False},
    "clean": {"type": "bool", "default": False},
    "allow_unauthenticated": {"type": "bool", "default": False, "aliases": ["allow-unauthenticated"]},
    "allow_downgrade": {
        "type": "bool",
        "default": False,
        "aliases": ["allow-downgrade", "allow_downgrades", "allow-downgrades"],
    },
    "allow_change_held_packages": {"type": "bool", "default": False},
    "lock_timeout": {"type": "int", "default": 60},
    # This installs python3-apt for Ansible's module. This module does not need it.
    "auto_install_module_deps": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {"diff": True, "mutually_exclusive": [["deb", "package", "upgrade"]]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Install, upgrade or remove packages."""
    warnings: list[str] = []
    result = _run(args, context, warnings)
    return {**result, "warnings": warnings} if warnings else result


def _run(args: dict[str, Any], context: Context, warnings: list[str]) -> dict[str, Any]:
    upgrade = None if args["upgrade"] == "no" else args["upgrade"]
    has_packages = bool(args["package"] or upgrade or args["deb"])
    if args["clean"]:
        cleaned = _clean_cache(context)
        if not has_packages:
            return cleaned
    cache = {"cache_updated": False, "cache_update_time": apt_cache.read_cache_time()}
    if args["update_cache"] or args["cache_valid_time"]:
        if apt_cache.is_update_due(args["cache_valid_time"], time.time()):
            if not context.check:
                apt_cache.update_lists(args, warnings)
            new_time = apt_cache.read_cache_time()
            cache = {
                "cache_updated": context.check or new_time != cache["cache_update_time"],
                "cache_update_time": new_time,
            }
        if not has_packages:
            return {"changed": cache["cache_updated"], **cache}
    if upgrade:
        return apt_upgrade.upgrade_packages(upgrade, args, context, warnings)
    if args["deb"]:
        return _install_deb(args, context)
    return _install_or_remove(args, context, warnings, cache)


def _install_or_remove(
    args: dict[str, Any], context: Context, warnings: list[str], cache: dict[str, Any]
) -> dict[str, Any]:
    package_args = args["package"] or []
    names = [name.strip() for name in package_args if name != "*"]
    if args["state"] == "latest" and "*" in package_args:
        if names:
            raise ModuleError("unable to install additional packages when upgrading all installed packages")
        return apt_upgrade.upgrade_packages("yes", args, context, warnings)
    for name in names:
        if name.count("=") > 1:
            raise ModuleError(f"invalid package spec: {name}")
    if not names and args["autoclean"]:
        return apt_install.clean_up("autoclean", "Del ", args, context)
    if not names and args["autoremove"]:
        change_marker = "The following packages will be REMOVED"
        return apt_install.clean_up("autoremove", change_marker, args, context)
    if args["state"] == "absent":
        return apt_install.remove_packages(names, args, context)
    try:
        return {**apt_install.install_packages(names, args, context), **cache}
    except ModuleError as error:
        error.result.update(cache)
        raise


def _install_deb(args: dict[str, Any], context: Context) -> dict[str, Any]:
    if args["state"] != "present":
        raise ModuleError("deb only supports state=present")
    if "://" not in args["deb"]:
        return deb_files.install_files(args["deb"].split(","), args, context)
    with url_requests.download_file(args["deb"], suffix=".deb") as path:
        return deb_files.install_files([path], args, context)


def _clean_cache(context: Context) -> dict[str, Any]:
    code, out, err = (0, "", "") if context.check else run_program(["apt-get", "clean"])
    if code or err:
        details = f": {err}" if err else ""
        raise ModuleError(
            f"apt-get clean failed{details}", rc=code, stdout=out, stdout_lines=out.splitlines()
        )
    diff = package_changes.make_diff(out) if context.diff else {}
    return {"changed": True, "msg": out, **make_output_values(out, err), "diff": diff}
