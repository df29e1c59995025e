"""ansible.posix.mount: entries of fstab and mounted file systems."""

from __future__ import annotations

import os
import time
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths
from kprov.agent.system import fstab

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["name"]},
    "state": {
        "required": True,
        "choices": [
            *("absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral")
        ],
    },
    "src": {"type": "path"},
    "fstype": {},
    "opts": {},
    "opts_no_log": {"type": "bool", "default": False},
    "dump": {"default": "0"},
    "passno": {"default": "0"},
    "fstab": {},
    "boot": {"type": "bool", "default": True},
    "backup": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {
    "diff": True,
    "required_if": [["state", state, ["src", "fstype"]] for state in ("mounted", "present", "ephemeral")],
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring a file system to a state: in fstab or not, mounted or not."""
    task = _Mount(args, context)
    changed = getattr(task, args["state"])()
    result = {**task.entry, "changed": changed, "backup_file": task.backup}
    if args["opts_no_log"] and args["opts"] is not None:
        result["opts"] = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    for name in ("src", "fstype"):
        if args[name] is None:
            del result[name]
    if task.differences and context.diff:
        result["diff"] = task.differences
    if task.warnings:
        result["warnings"] = task.warnings
    return result


class _Mount:
    """A task. Each state has a method of its name, which returns whether something changed."""

    def __init__(self, args: dict[str, Any], context: Context) -> None:
        self.args, self.context = args, context
        self.path, self.backup = args["path"], ""
        self.warnings: list[str] = []
        self.differences: list[dict[str, Any]] = []
        self.mounts = fstab.read_mounts()
        opts = args["opts"] if args["opts"] is not None else "defaults"
        boot = "yes" if args["boot"] else "no"
        if args["boot"] and "noauto" in opts.split(","):
            self.warnings.append("Ignore the 'boot' due to 'opts' contains 'noauto'.")
        elif not args["boot"]:
            opts += ",noauto"
        self.entry = {
            "name": self.path,
            "src": args["src"],
            "fstype": args["fstype"],
            "opts": opts,
            "dump": args["dump"],
            "passno": args["passno"],
            "boot": boot,
            "fstab": args["fstab"] or "/etc/fstab",
        }
        self.fstab: str = self.entry["fstab"]
        if args["state"] != "ephemeral" and not os.path.exists(self.fstab) and not context.check:
            os.makedirs(os.path.dirname(self.fstab) or ".", exist_ok=True)
            paths.write_file(self.fstab, b"", {})

    # The methods of the states; `run` calls them by name.

    def absent_from_fstab(self) -> bool:
        before = self._read_lines()
        return self._write_fstab(before, fstab.remove_entry(before, self.entry))

    def absent(self) -> bool:
        changed = self.absent_from_fstab()
        if changed and not self.context.check:
            if self._is_mounted():
                self._unmount()
            if os.path.exists(self.path):
                try:
                    os.rmdir(self.path)
                except OSError as error:
                    raise ModuleError(f"Error rmdir {self.path}: {error}") from None
        return changed

    def present(self) -> bool:
        before = self._read_lines()
        return self._write_fstab(before, fstab.set_entry(before, self.entry))

    def unmounted(self) -> bool:
        mounted = self._is_mounted()
        if mounted and not self.context.check:
            self._unmount()
        return mounted

    def remounted(self) -> bool:
        if not self.context.check:
            problem = self._run_remount()
            if problem:
                raise ModuleError(f"Error remounting {self.path}: {problem}")
        return True

    def mounted(self) -> bool:
        created = self._make_folders()
        before = self._read_lines()
        changed = self._write_fstab(before, fstab.set_entry(before, self.entry))
        problem = ""
        if os.path.ismount(self.path) or self._is_in_mounts(self.args["src"]):
            if changed and not self.context.check:
                problem = self._run_remount()
        else:
            changed = True
            if not self.context.check:
                problem = self._run_mount()
        if problem:
            self._write_fstab(self._read_lines(), before)
            self._fail(problem, created)
        return changed

    def ephemeral(self) -> bool:
        created = self._make_folders()
        if not (os.path.ismount(self.path) or self._is_in_mounts(self.args["src"])):
            problem = "" if self.context.check else self._run_mount()
        elif not self._has_same_source():
            raise ModuleError(
                "Ephemeral mount point is already mounted with a different source than the specified one. "
                "Failing in order to prevent an unwanted unmount or override operation. Try replacing this "
                'command with a "state: unmounted" followed by a "state: ephemeral", or use a different '
                "destination path."
            )
        else:
            problem = "" if self.context.check else self._run_remount()
        if problem:
            self._fail(problem, created)
        return True

    # Their steps.

    def _fail(self, problem: str, created: list[str]) -> None:
        for folder in reversed(created):
            os.rmdir(folder)
        raise ModuleError(f"Error mounting {self.path}: {problem}")

    def _read_lines(self) -> list[str]:
        if not os.path.exists(self.fstab):
            return []
        return paths.read_text(self.fstab).splitlines(keepends=True)

    def _write_fstab(self, before: list[str], after: list[str]) -> bool:
        if before == after:
            return False
        old, new = ("".join(lines).encode("utf-8", "surrogateescape") for lines in (before, after))
        self.differences = [paths.content_difference(self.fstab, old, new)]
        if not self.context.check:
            if self.args["backup"]:
                self.backup = paths.make_backup(self.fstab)
            paths.write_file(self.fstab, new, {})
        return True

    def _make_folders(self) -> list[str]:
        created: list[str] = []
        if self.context.check or os.path.exists(self.path):
            return created
        folder = self.path
        missing = []
        while folder and not os.path.exists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        try:
            for path in reversed(missing):
                os.mkdir(path)
                created.append(path)
        except OSError as error:
            raise ModuleError(f"Error making dir {self.path}: {error}") from None
        return created

    def _is_mounted(self) -> bool:
        return os.path.ismount(self.path) or self._is_in_mounts(None)

    def _is_in_mounts(self, source: str | None) -> bool:
        """Whether the kernel has a mount at the path (from `source`). ismount misses some bind mounts."""
        return self.path in self.mounts and (source is None or self.mounts[self.path][0] == source)

    def _has_same_source(self) -> bool:
        """Whether `src` is the source of the mounted file system or its device."""
        return self._is_in_mounts(self.args["src"]) or self.args["src"] in self.mounts.get(self.path, ())

    def _run_program(self, *command: str) -> str:
        """Run a program; return its output if it failed, else ""."""
        code, out, err = process.run_program(command)
        return (out + err or f"exit code {code}") if code else ""

    def _unmount(self) -> None:
        problem = self._run_umount()
        if problem:
            raise ModuleError(f"Error unmounting {self.path}: {problem}")

    def _run_umount(self) -> str:
        # systemd may keep the file system busy for a moment after its entry was removed.
        problem = self._run_program("umount", self.path)
        if problem and "busy" in problem:
            time.sleep(0.1)
            problem = self._run_program("umount", self.path)
        return problem

    def _source_options(self) -> list[str]:
        """Return mount's options for the source: the task's source, or an fstab that is not /etc/fstab."""
        if self.args["state"] != "ephemeral":
            return [] if self.fstab == "/etc/fstab" else ["-T", self.fstab]
        opts = self.entry["opts"]
        return [
            *("-t", self.args["fstype"]),
            *([] if opts == "defaults" else ["-o", opts]),
            self.args["src"],
        ]

    def _run_mount(self) -> str:
        return self._run_program("mount", *self._source_options(), self.path)

    def _run_remount(self) -> str:
        opts = self.entry["opts"]
        has_options = self.args["state"] == "remounted" and opts != "defaults"
        options = f"remount,{opts}" if has_options else "remount"
        problem = self._run_program("mount", "-o", options, *self._source_options(), self.path)
        if not problem:
            return ""
        if has_options:
            raise ModuleError(
                "Options were specified with remounted, but the remount command failed. Failing in order to "
                "prevent an unexpected mount result. Try replacing this command with a "
                '"state: unmounted" followed by a "state: mounted" using the full desired mount options '
                "instead."
            )
        return self._run_umount() or self._run_mount()
