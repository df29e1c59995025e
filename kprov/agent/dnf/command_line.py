"""dnf's command line from the arguments of Ansible's module, for dnf 4 and dnf 5; and what it says."""

from __future__ import annotations

import re
import shutil
from typing import Any

from kprov.agent.context import ModuleError


def find_dnf(backend: str) -> str:
    """The program: dnf5 or dnf (4); yum where that is dnf's old name. Raises ModuleError."""
    wanted = {"auto": ("dnf5", "dnf", "yum"), "dnf5": ("dnf5",)}.get(backend, ("dnf", "dnf-3", "yum"))
    found = next((path for path in map(shutil.which, wanted) if path), None)
    if found is None:
        raise ModuleError(
            f"Could not detect which major revision of dnf is in use: no {' or '.join(wanted)} here"
        )
    return found


def common_options(args: dict[str, Any], *, five: bool) -> list[str]:
    """Options that every command takes."""
    found = ["-y"]
    settings = {"clean_requirements_on_remove": int(args["autoremove"])}
    if args["best"] is not None or args["nobest"] is not None:
        settings["best"] = int(args["best"] if args["best"] is not None else not args["nobest"])
    if not args["install_weak_deps"]:
        settings["install_weak_deps"] = 0
    if not (args["sslverify"] and args["validate_certs"]):
        settings["sslverify"] = 0
    if args["skip_broken"]:
        settings["strict" if not five else "skip_broken"] = int(five)
    found += [f"--setopt={name}={value}" for name, value in settings.items()]
    if args["disable_gpg_check"]:
        found.append("--no-gpgchecks" if five else "--nogpgcheck")
    if args["conf_file"]:
        found.append(f"--config={args['conf_file']}")
    if args["installroot"] != "/":
        found.append(f"--installroot={args['installroot']}")
    if args["releasever"] is not None:
        found.append(f"--releasever={args['releasever']}")
    if args["disable_excludes"]:
        what = "*" if args["disable_excludes"] == "all" else args["disable_excludes"]
        found.append(
            f"--setopt=disable_excludes={what}" if five else f"--disableexcludes={args['disable_excludes']}"
        )
    found += [f"--exclude={name}" for name in args["exclude"]]
    found += [f"--disablerepo={name}" for name in args["disablerepo"]]
    found += [f"--enablerepo={name}" for name in args["enablerepo"]]
    plugin = "-" if five else ""
    found += [f"--disable{plugin}plugin={name}" for name in args["disable_plugin"]]
    found += [f"--enable{plugin}plugin={name}" for name in args["enable_plugin"]]
    found += ["-C"] if args["cacheonly"] else []
    found += ["--refresh"] if args["update_cache"] else []
    return found


def transaction_options(args: dict[str, Any], *, five: bool) -> list[str]:
    """Options of the commands that change something."""
    found = [f"--{name}" for name in ("allowerasing", "bugfix", "security") if args[name]]
    if args["download_only"]:
        found.append("--downloadonly")
    if args["download_dir"]:
        found.append(f"--{'destdir' if five else 'downloaddir'}={args['download_dir']}")
    return found


_PLANNED = re.compile(r"^ (\S+)\s+(\S+)\s+(\S+)\s+\S+(\s+\S+)*\s*$")


def parse_plan(out: str) -> list[str]:
    """Ansible's results from the table that dnf shows before it asks."""
    found: list[str] = []
    action = None
    for line in out.splitlines():
        words = line.strip().lower()
        if words.startswith(("transaction summary", "is this ok", "total ")):
            action = None
        elif words.endswith(":") and not line.startswith(" "):
            heads = {
                "removing": "Removed",
                "install": "Installed",
                "upgrad": "Installed",
                "downgrad": "Installed",
            }
            action = next((said for head, said in heads.items() if words.startswith(head)), action)
            action = "Installed" if words.startswith("reinstall") else action
        elif action and _PLANNED.match(line) and not words.startswith(("replacing", "package ")):
            name, arch, version = line.split()[:3]
            found.append(f"{action}: {name}-{_strip_name(version)}.{arch}")
    return found


def _strip_name(version: str) -> str:
    return version.removeprefix("0:")


def find_missing(said: str) -> list[str]:
    """Specs that dnf knows nothing of."""
    return re.findall(r"^No match for argument: (.+?)\s*$", said, re.MULTILINE)


def find_lock_text(said: str) -> str | None:
    """Who holds dnf's lock, where that is why it failed."""
    found = re.search(
        r"(?:Waiting for process with pid|Failed to obtain .*lock|already locked by) ?(.*)", said
    )
    return found.group(0).strip() if found else None
