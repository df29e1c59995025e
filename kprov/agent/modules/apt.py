# Paths are used as the texts they arrive as.
# ruff: noqa: PTH101, PTH108, PTH110, PTH116
"""ansible.builtin.apt; dpkg's status file says what is installed: nothing to do costs no program."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError, truth, words

_STATUS = "/var/lib/dpkg/status"
_LISTS = "/var/lib/apt/lists"
_POLICY = "/usr/sbin/policy-rc.d"


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Install, upgrade or remove packages."""
    state = {"installed": "present", "removed": "absent"}.get(
        args.get("state") or "present", args.get("state") or "present"
    )
    names = [
        word
        for name in words(args.get("name") or args.get("package") or args.get("pkg"))
        for word in name.split()
    ]
    result: dict[str, Any] = {
        "changed": False,
        "cache_updated": False,
        "cache_update_time": int(_cache_time()),
    }
    valid = int(args.get("cache_valid_time") or 0)
    wanted = truth(args.get("update_cache")) or valid > 0
    if wanted and (valid <= 0 or time.time() - _cache_time() > valid) and not context.check:
        _update_cache(args)
        result.update(cache_updated=True, cache_update_time=int(_cache_time()), changed=not names)
    if args.get("upgrade") not in (None, "no", False):
        raise ModuleError("upgrade is not supported by kprov; use ansible.builtin.command with apt-get")
    if args.get("deb"):
        raise ModuleError("deb is not supported by kprov; copy the package and give its path to dpkg -i")
    if not names:
        if truth(args.get("autoremove")) or truth(args.get("autoclean")):
            _apt(["autoremove" if truth(args.get("autoremove")) else "autoclean"], args, context, result)
        return result
    installed = _installed()
    if state == "absent":
        gone = [name for name in names if _is_there(name, installed, residue=truth(args.get("purge")))]
        if gone:
            purge = ["--purge"] if truth(args.get("purge")) else []
            _apt(
                ["remove", *purge, *(["--auto-remove"] if truth(args.get("autoremove")) else []), *gone],
                args,
                context,
                result,
            )
        return result
    missing = [name for name in names if not _is_there(name, installed)]
    if state in ("latest", "build-dep", "fixed"):
        missing = names
    if missing:
        options = (
            []
            if args.get("install_recommends") is None
            else ["-o", f"APT::Install-Recommends={'yes' if truth(args['install_recommends']) else 'no'}"]
        )
        if truth(args.get("only_upgrade")):
            options.append("--only-upgrade")
        if truth(args.get("allow_downgrade")):
            options.append("--allow-downgrades")
        if truth(args.get("allow_unauthenticated")):
            options.append("--allow-unauthenticated")
        if args.get("default_release"):
            options += ["-t", args["default_release"]]
        _apt(["install", *options, *missing], args, context, result)
    return result


def _installed() -> dict[str, tuple[str, str]]:
    """Version and status of every package dpkg knows, with its provided names ("provided")."""
    found: dict[str, tuple[str, str]] = {}
    provided: list[str] = []
    with open(_STATUS, encoding="utf-8", errors="replace") as file:
        name = status = version = ""
        for line in file:
            if line.startswith("Package: "):
                name = line[9:].strip()
            elif line.startswith("Status: "):
                status = line[8:].strip().split()[-1]
            elif line.startswith("Version: "):
                version = line[9:].strip()
                found[name] = (version, status)
            elif line.startswith("Provides: ") and status == "installed":
                provided += [part.split()[0] for part in line[10:].split(",") if part.split()]
    for name in provided:
        found.setdefault(name, ("", "installed"))
    return found


def _is_there(name: str, installed: dict[str, tuple[str, str]], *, residue: bool = False) -> bool:
    wanted, _, version = name.partition("=")
    wanted = wanted.split(":")[0]
    hits = (
        fnmatch.filter(installed, wanted)
        if any(c in wanted for c in "*?[")
        else [wanted]
        if wanted in installed
        else []
    )
    for hit in hits:
        now, status = installed[hit]
        if status == "installed" and (not version or fnmatch.fnmatch(now, version)):
            return True
        if residue and status == "config-files":
            return True
    return False


def _cache_time() -> float:
    for path in ("/var/lib/apt/periodic/update-success-stamp", _LISTS):
        try:
            return os.stat(path).st_mtime
        except OSError:
            continue
    return 0.0


def _update_cache(args: dict[str, Any]) -> None:
    retries = int(args.get("update_cache_retries") or 5)
    for attempt in range(retries):
        code, out, err = process.run(
            ["apt-get", "-q", *_lock_wait(args), "update"], environment=_environment()
        )
        if code == 0 and "Failed to fetch" not in err:
            if not os.path.exists("/var/lib/apt/periodic/update-success-stamp"):
                os.utime(_LISTS)
            return
        time.sleep(min(2**attempt, int(args.get("update_cache_retry_max_delay") or 12)))
    raise ModuleError(f"Failed to update apt cache: {(err or out).strip()}", rc=code)


def _lock_wait(args: dict[str, Any]) -> list[str]:
    return ["-o", f"DPkg::Lock::Timeout={args.get('lock_timeout') or 60}"]


def _environment() -> dict[str, str]:
    return {
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBIAN_PRIORITY": "critical",
        "LC_ALL": "C",
        "NEEDRESTART_SUSPEND": "1",
    }


def _apt(words_: list[str], args: dict[str, Any], context: Context, result: dict[str, Any]) -> None:
    options: list[str] = []
    for option in str(args.get("dpkg_options") or "force-confdef,force-confold").split(","):
        options += ["-o", f"Dpkg::Options::=--{option}"]
    command = [
        "apt-get",
        "-y",
        "-q",
        *options,
        *_lock_wait(args),
        *(["-s"] if context.check else []),
        *words_,
    ]
    policy = args.get("policy_rc_d") if not context.check else None
    saved = _write_policy(int(policy)) if policy is not None else None
    try:
        code, out, err = process.run(command, environment=_environment())
        if code and "dpkg --configure -a" in err:
            process.run(
                ["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"],
                environment=_environment(),
            )
            code, out, err = process.run(command, environment=_environment())
    finally:
        if policy is not None:
            _restore_policy(saved)
    if code:
        said = (err or out).strip()
        reason = f"another program holds the package lock: {said}" if "Could not get lock" in said else said
        raise ModuleError(f"'{' '.join(command)}' failed: {reason}", rc=code, stdout=out, stderr=err)
    changes = re.search(
        r"(\d+) upgraded, (\d+) newly installed, (?:(\d+) reinstalled, )?"
        r"(?:(\d+) downgraded, )?(\d+) to remove",
        out,
    )
    result["changed"] = result["changed"] or not changes or any(int(n or 0) for n in changes.groups())
    result.update(stdout=out, stderr=err, stdout_lines=out.splitlines(), stderr_lines=err.splitlines())
    if context.diff:
        lines = [
            line for line in out.splitlines() if re.match(r"(Inst|Remv|Purg|Setting up|Removing) ", line)
        ]
        result["diff"] = {"prepared": "\n".join(lines)}


def _write_policy(code: int) -> tuple[bytes, int] | None:
    """Let services not be started by their packages; what was there is put back afterwards."""
    saved = None
    if os.path.exists(_POLICY):
        with open(_POLICY, "rb") as file:
            saved = (file.read(), stat.S_IMODE(os.stat(_POLICY).st_mode))
    with open(_POLICY, "w") as new:
        new.write(f"#!/bin/sh\nexit {code}\n")
    os.chmod(_POLICY, 0o755)
    return saved


def _restore_policy(saved: tuple[bytes, int] | None) -> None:
    if saved is None:
        os.unlink(_POLICY)
        return
    with open(_POLICY, "wb") as file:
        file.write(saved[0])
    os.chmod(_POLICY, saved[1])
