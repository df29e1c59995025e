"""ansible.posix.mount."""

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
    """Have a file system in fstab and mounted, as the state says."""
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
    """One task; its methods are the states, each tells whether something changed."""

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

    # The states.

    def absent_from_fstab(self) -> bool:
        before = self._lines()
        return self._write(before, fstab.remove_entry(before, self.entry))

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
        before = self._lines()
        return self._write(before, fstab.set_entry(before, self.entry))

    def unmounted(self) -> bool:
        mounted = self._is_mounted()
        if mounted and not self.context.check:
            self._unmount()
        return mounted

    def remounted(self) -> bool:
        if not self.context.check:
            failed = self._remount()
            if failed:
                raise ModuleError(f"Error remounting {self.path}: {failed}")
        return True

    def mounted(self) -> bool:
        made = self._make_folders()
        before = self._lines()
        changed = self._write(before, fstab.set_entry(before, self.entry))
        failed = ""
        if os.path.ismount(self.path) or self._is_bound(self.args["src"]):
            if changed and not self.context.check:
                failed = self._remount()
        else:
            changed = True
            if not self.context.check:
                failed = self._mount()
        if failed:
            self._write(self._lines(), before)
            self._fail(failed, made)
        return changed

    def ephemeral(self) -> bool:
        made = self._make_folders()
        if not (os.path.ismount(self.path) or self._is_bound(self.args["src"])):
            failed = "" if self.context.check else self._mount()
        elif not self._same_source():
            raise ModuleError(
                "Ephemeral mount point is already mounted with a different source than the specified one. "
                "Failing in order to prevent an unwanted unmount or override operation. Try replacing this "
                'command with a "state: unmounted" followed by a "state: ephemeral", or use a different '
                "destination path."
            )
        else:
            failed = "" if self.context.check else self._remount()
        if failed:
            self._fail(failed, made)
        return True

    # What they do.

    def _fail(self, failed: str, made: list[str]) -> None:
        for folder in reversed(made):
            os.rmdir(folder)
        raise ModuleError(f"Error mounting {self.path}: {failed}")

    def _lines(self) -> list[str]:
        if not os.path.exists(self.fstab):
            return []
        return paths.read_text(self.fstab).splitlines(keepends=True)

    def _write(self, before: list[str], after: list[str]) -> bool:
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
        made: list[str] = []
        if self.context.check or os.path.exists(self.path):
            return made
        folder = self.path
        missing = []
        while folder and not os.path.exists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        try:
            for one in reversed(missing):
                os.mkdir(one)
                made.append(one)
        except OSError as error:
            raise ModuleError(f"Error making dir {self.path}: {error}") from None
        return made

    def _is_mounted(self) -> bool:
        return os.path.ismount(self.path) or self._is_bound(None)

    def _is_bound(self, source: str | None) -> bool:
        """Whether it is mounted (from the source), also where it is the same file system bound elsewhere."""
        return self.path in self.mounts and (source is None or self.mounts[self.path][0] == source)

    def _same_source(self) -> bool:
        """Whether what is mounted comes from `src`, as the kernel or `mount -v` tells it."""
        return self._is_bound(self.args["src"]) or self.args["src"] in self.mounts.get(self.path, ())

    def _program(self, *command: str) -> str:
        """What a program had to say when it failed."""
        code, out, err = process.run_program(command)
        return (out + err or f"exit code {code}") if code else ""

    def _unmount(self) -> None:
        failed = self._umount()
        if failed:
            raise ModuleError(f"Error unmounting {self.path}: {failed}")

    def _umount(self) -> str:
        # systemd may hold it for a moment after the entry is gone.
        failed = self._program("umount", self.path)
        if failed and "busy" in failed:
            time.sleep(0.1)
            failed = self._program("umount", self.path)
        return failed

    def _source(self) -> list[str]:
        """Options that say where it comes from: the task, or another fstab than the system's."""
        if self.args["state"] != "ephemeral":
            return [] if self.fstab == "/etc/fstab" else ["-T", self.fstab]
        opts = self.entry["opts"]
        return [
            *("-t", self.args["fstype"]),
            *([] if opts == "defaults" else ["-o", opts]),
            self.args["src"],
        ]

    def _mount(self) -> str:
        return self._program("mount", *self._source(), self.path)

    def _remount(self) -> str:
        opts = self.entry["opts"]
        asked = self.args["state"] == "remounted" and opts != "defaults"
        options = f"remount,{opts}" if asked else "remount"
        failed = self._program("mount", "-o", options, *self._source(), self.path)
        if not failed:
            return ""
        if asked:
            raise ModuleError(
                "Options were specified with remounted, but the remount command failed. Failing in order to "
                "prevent an unexpected mount result. Try replacing this command with a "
                '"state: unmounted" followed by a "state: mounted" using the full desired mount options '
                "instead."
            )
        return self._umount() or self._mount()
