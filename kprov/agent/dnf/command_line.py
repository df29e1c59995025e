"""Builds dnf's command line from the arguments of Ansible's module, and parses its output (dnf 4 and 5)."""

from __future__ import annotations

import re
import shutil
from typing import Any

from kprov.agent.context import ModuleError


def find_dnf(backend: str) -> str:
    """Return the path of dnf5 or dnf 4 (on old systems named yum). Raises ModuleError."""
    names = {"auto": ("dnf5", "dnf", "yum"), "dnf5": ("dnf5",)}.get(backend, ("dnf", "dnf-3", "yum"))
    program = next((path for path in map(shutil.which, names) if path), None)
    if program is None:
        raise ModuleError(
            f"Could not detect which major revision of dnf is in use: no {' or '.join(names)} here"
        )
    return program


def common_options(args: dict[str, Any], *, five: bool) -> list[str]:
    """Return the options that every command takes."""
    options = ["-y"]
    settings = {"clean_requirements_on_remove": int(args["autoremove"])}
    if args["best"] is not None or args["nobest"] is not None:
        settings["best"] = int(args["best"] if args["best"] is not None else not args["nobest"])
    if not args["install_weak_deps"]:
        settings["install_weak_deps"] = 0
    if not (args["sslverify"] and args["validate_certs"]):
        settings["sslverify"] = 0
    if args["skip_broken"]:
        settings["strict" if not five else "skip_broken"] = int(five)
    options += [f"--setopt={name}={value}" for name, value in settings.items()]
    if args["disable_gpg_check"]:
        options.append("--no-gpgchecks" if five else "--nogpgcheck")
    if args["conf_file"]:
        options.append(f"--config={args['conf_file']}")
    if args["installroot"] != "/":
        options.append(f"--installroot={args['installroot']}")
    if args["releasever"] is not None:
        options.append(f"--releasever={args['releasever']}")
    if args["disable_excludes"]:
        excludes = "*" if args["disable_excludes"] == "all" else args["disable_excludes"]
        options.append(
            f"--setopt=disable_excludes={excludes}"
            if five
            else f"--disableexcludes={args['disable_excludes']}"
        )
    options += [f"--exclude={name}" for name in args["exclude"]]
    options += [f"--disablerepo={name}" for name in args["disablerepo"]]
    options += [f"--enablerepo={name}" for name in args["enablerepo"]]
    plugin = "-" if five else ""
    options += [f"--disable{plugin}plugin={name}" for name in args["disable_plugin"]]
    options += [f"--enable{plugin}plugin={name}" for name in args["enable_plugin"]]
    options += ["-C"] if args["cacheonly"] else []
    options += ["--refresh"] if args["update_cache"] else []
    return options


def transaction_options(args: dict[str, Any], *, five: bool) -> list[str]:
    """Return the options of the commands that change packages."""
    options = [f"--{name}" for name in ("allowerasing", "bugfix", "security") if args[name]]
    if args["download_only"]:
        options.append("--downloadonly")
    if args["download_dir"]:
        options.append(f"--{'destdir' if five else 'downloaddir'}={args['download_dir']}")
    return options


_PLANNED = re.compile(r"^ (\S+)\s+(\S+)\s+(\S+)\s+\S+(\s+\S+)*\s*$")


def parse_plan(out: str) -> list[str]:
    """Return Ansible's results from the table that dnf prints before it asks for confirmation."""
    results: list[str] = []
    action = None
    for line in out.splitlines():
        text = line.strip().lower()
        if text.startswith(("transaction summary", "is this ok", "total ")):
            action = None
        elif text.endswith(":") and not line.startswith(" "):
            result_names = {
                "removing": "Removed",
                "install": "Installed",
                "upgrad": "Installed",
                "downgrad": "Installed",
            }
            action = next(
                (result for heading, result in result_names.items() if text.startswith(heading)), action
            )
            action = "Installed" if text.startswith("reinstall") else action
        elif action and _PLANNED.match(line) and not text.startswith(("replacing", "package ")):
            name, arch, version = line.split()[:3]
            results.append(f"{action}: {name}-{_strip_name(version)}.{arch}")
    return results


def _strip_name(version: str) -> str:
    return version.removeprefix("0:")


def find_missing(output: str) -> list[str]:
    """Return the package specs for which dnf found no package."""
    return re.findall(r"^No match for argument: (.+?)\s*$", output, re.MULTILINE)


def find_lock_text(output: str) -> str | None:
    """Return dnf's message about the process that holds its lock; None without such a message."""
    match = re.search(
        r"(?:Waiting for process with pid|Failed to obtain .*lock|already locked by) ?(.*)", output
    )
    return match.group(0).strip() if match else None
