"""Secrets of a run that fails in many ways: in no output, journal, report or traceback file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.lab.conftest import KPROV

#: What may be seen nowhere; each reaches the run in another way.
TEXTS = {
    "inline": "vaulted-inline-8c1f",
    "in_file": "vaulted-file-2b7e",
    "become": "sudo-password-5d90",
    "no_log": "no-log-argument-77aa",
    "printed": "no-log-output-e3b1",
    "several": "first-line-of-a-key-40c2\nsecond-line-of-a-key-9f6d",
}
VAULT = "vault-password-6e25"
USER = f"""
useradd -m -s /bin/bash fsecret; echo 'fsecret:{TEXTS["become"]}' | chpasswd
echo 'fsecret ALL=(ALL) ALL' > /etc/sudoers.d/fault-secret
install -d -m 700 -o fsecret -g fsecret /home/fsecret/.ssh
install -m 600 -o fsecret -g fsecret /home/kprov/.ssh/authorized_keys /home/fsecret/.ssh/authorized_keys
"""
AWAY = "pkill -KILL -u fsecret; userdel -rf fsecret; rm -f /etc/sudoers.d/fault-secret /root/fault-secret*"

TASKS: list[dict[str, Any]] = [
    {"name": "Shown", "debug": {"msg": "{{ inline }} {{ in_file }} {{ several }}"}},
    {"name": "Diff", "copy": {"content": "{{ in_file }}\n{{ several }}\n", "dest": "/root/fault-secret"}},
    {"name": "Kept", "command": "echo {{ inline }}", "register": "kept"},
    {"name": "Encoded", "debug": {"msg": "{{ kept | to_json }} {{ inline | quote }}"}},
    {"name": "Argument", "command": f"echo {TEXTS['no_log']}", "no_log": True},
    {"name": "Output", "shell": "cat /root/fault-secret-printed", "no_log": True, "register": "printed"},
    {
        "name": "Fails in secret",
        "shell": f"cat /root/fault-secret-printed >&2; echo {TEXTS['no_log']}; exit 3",
        "no_log": True,
        "ignore_errors": True,
    },
    {
        "name": "Loop in secret",
        "shell": "echo {{ item }}; false",
        "loop": ["{{ inline }}", TEXTS["no_log"]],
        "no_log": True,
        "ignore_errors": True,
    },
    {"name": "Not a template {{ inline }}", "debug": {"msg": "{{ in_file.nothing }}"}, "ignore_errors": True},
    {"name": "Wrong", "file": {"path": "/{{ inline }}", "state": "file"}, "ignore_errors": True},
    {"name": "Bad mode", "file": {"path": "/root", "mode": "{{ in_file }}"}, "ignore_errors": True},
    {"name": "Fails", "shell": "echo {{ inline }} {{ in_file }}; echo '{{ several }}' >&2; exit 1"},
]


def vaulted(folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [KPROV, "vault", *arguments, "--vault-password-file", folder / "password"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("more", [[], ["--diff", "-vvv"], ["--check", "--diff", "-vvv"]])
def test_secrets_are_seen_nowhere(
    hosts: Hosts, broken: Break, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    broken("node1", f"{USER} echo {TEXTS['printed']} > /root/fault-secret-printed", AWAY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    inventory = tmp_path / "inventory"
    (inventory / "group_vars" / "all").mkdir(parents=True)
    shutil.copy(hosts.inventory / "hosts.yml", inventory)
    (tmp_path / "password").write_text(VAULT + "\n")
    names = inventory / "group_vars" / "all"
    (names / "vault.yml").write_text(
        yaml.safe_dump({"in_file": TEXTS["in_file"], "several": TEXTS["several"]})
    )
    vaulted(tmp_path, "encrypt", names / "vault.yml")
    inline = vaulted(tmp_path, "encrypt-string", TEXTS["inline"], "--name", "inline")
    password = vaulted(tmp_path, "encrypt-string", TEXTS["become"], "--name", "ansible_become_password")
    (names / "plain.yml").write_text(f"ansible_user: fsecret\n{inline}\n{password}\n")
    whole = yaml.safe_load((inventory / "hosts.yml").read_text())
    del whole["all"]["vars"]["ansible_user"]
    (inventory / "hosts.yml").write_text(yaml.safe_dump(whole))
    playbook = tmp_path / "play.yml"
    play = {"name": "Secrets", "hosts": "node1", "gather_facts": False, "tasks": TASKS}
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))

    where = (
        "-i",
        inventory,
        "--vault-password-file",
        tmp_path / "password",
        "--report",
        tmp_path / "report.json",
    )
    said = hosts.kprov("play", playbook, *where, *more)
    again = hosts.kprov("resume", *where, *more[1:])

    assert said.returncode == (0 if "--check" in more else 1), said.stdout + said.stderr
    assert "Fails" in said.stdout
    texts = {"output": said.stdout + said.stderr, "resumed": again.stdout + again.stderr}
    for path in [
        *(inventory / "artifacts").rglob("*"),
        *tmp_path.glob("state/**/*"),
        tmp_path / "report.json",
    ]:
        if path.is_file():
            texts[str(path)] = path.read_text()
    assert len(texts) >= (3 if "--check" in more else 4), "journals and the report"
    secret = [line for text in [*TEXTS.values(), VAULT] for line in text.splitlines()]
    seen = [(where, one) for where, text in texts.items() for one in secret if one in text]
    assert not seen, "\n".join(f"{where}: {_around(texts[where], one)}" for where, one in seen)


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return repr(text[max(0, at - 100) : at + len(secret) + 20])
