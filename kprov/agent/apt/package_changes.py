"""Runs apt and dpkg to install or remove packages: their options, repairs, and what they changed."""

from __future__ import annotations

import contextlib
import re
import shlex
from typing import Any

from kprov.agent.apt import service_policy
from kprov.agent.context import Context
from kprov.agent.package_programs import find_program, run_program


def run_package_change(command: str, args: dict[str, Any], context: Context) -> tuple[int, str, str]:
    """Run a command that installs or removes packages; repair an interrupted installation if it fails.

    After a power cut in an installation, every later apt-get would fail. The repair removes no package.
    """
    words = shlex.split(command)
    with hold_service_policy(args, context):
        code, out, err = run_program(words)
        repairs = [] if context.check or not code else _find_repairs(args)
        repair_problem = ""
        for message, repair in repairs:
            if code and message in err:
                repair_code, _, repair_err = run_program(repair)
                if repair_code:
                    repair_problem += (
                        f"An installation was interrupted, and '{shlex.join(repair)}' failed: {repair_err}"
                    )
                code, out, err = run_program(words)
        err += repair_problem if code else ""
    return code, out, err


def hold_service_policy(args: dict[str, Any], context: Context) -> contextlib.AbstractContextManager[None]:
    """Return the context that applies `policy_rc_d` while packages are installed."""
    return service_policy.hold_policy(
        None if context.check else args.get("policy_rc_d"), args["lock_timeout"]
    )


def render_dpkg_options(args: dict[str, Any]) -> str:
    """Return the command line options for dpkg and for the wait for its lock."""
    parts = [f'-o "Dpkg::Options::=--{option}"' for option in args["dpkg_options"].split(",")]
    return " ".join([*parts, f"-o DPkg::Lock::Timeout={args['lock_timeout']}"])


def make_diff(out: str) -> dict[str, Any]:
    """Return Ansible's diff: apt-get's output from the state it read to the line with its totals."""
    lines = out.splitlines()
    starts = [
        lines.index(s) for s in ("Resolving dependencies...", "Reading state information...") if s in lines
    ]
    start = starts[0] + 1 if starts else 0
    sums = (n for n, line in enumerate(lines) if re.match(r"[0-9]+ (packages )?upgraded", line))
    return {"prepared": "\n".join(lines[start : next(sums, len(lines)) + 1])}


def _find_repairs(args: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return apt-get's advice in its error message, with the command that follows this advice."""
    options = [f"--{option}" for option in args["dpkg_options"].split(",")]
    fix_broken = [
        find_program("apt-get"),
        "-y",
        *shlex.split(render_dpkg_options(args)),
        "--no-remove",
        "--fix-broken",
        "install",
    ]
    return [
        ("dpkg --configure -a", ["dpkg", *options, "--configure", "-a"]),
        ("--fix-broken install", fix_broken),
    ]
