"""Ways in as users have them: locked keys, questions at a terminal, ~/.ssh/config, unknown host keys, doas."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault.hosts import Hosts
from tests.fault.playing import play
from tests.lab.conftest import KPROV
from tests.lab.ssh_agent import ssh_agent

SECRET = "correct horse"
PHRASE = "battery staple"
KINDS = ("ed25519", "rsa", "ecdsa")
#: `way` logs in by key or password and may be root by doas when asked; `free` without being asked.
PREPARE = f"""
set -e
apt-get update -qq && apt-get install -qq -y opendoas >/dev/null
for user in way free; do useradd -m -s /bin/bash $user; echo "$user:{SECRET}" | chpasswd; done
install -d -m 700 -o way -g way /home/way/.ssh; install -d -m 700 -o free -g free /home/free/.ssh
printf 'permit way as root\\npermit nopass free as root\\n' > /etc/doas.conf; chmod 600 /etc/doas.conf
cp -a /etc/ssh/sshd_config /root/fault-sshd
printf 'Port 22\\nPort 2222\\nMatch User way\\n  PasswordAuthentication yes\\n' >> /etc/ssh/sshd_config
sshd -t && systemctl restart ssh
"""
RESTORE = """
cp -a /root/fault-sshd /etc/ssh/sshd_config && rm /root/fault-sshd
for user in way free; do userdel -rf $user; done
rm -f /etc/doas.conf; systemctl restart ssh
"""


@dataclass
class Ways:
    """Hosts, keys with a passphrase, and a home folder whose ~/.ssh is a user's."""

    hosts: Hosts
    home: Path

    @property
    def lab(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.hosts.inventory / "hosts.yml").read_text())["all"][
            "vars"
        ]
        return found

    def inventory(self, **variables: Any) -> Path:
        """node1 with these variables and nothing else."""
        folder = self.home / "inventory"
        folder.mkdir(exist_ok=True)
        whole = {"all": {"hosts": {"node1": {"ansible_host": self.hosts.address("node1"), **variables}}}}
        (folder / "hosts.yml").write_text(yaml.safe_dump(whole))
        return folder

    def known(self, *, port: int | None = None) -> str:
        """A known_hosts line of node1."""
        kind, blob = self.hosts.inside("node1", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
        address = self.hosts.address("node1")
        return f"{address if port is None else f'[{address}]:{port}'} {kind} {blob}\n"

    def who(
        self, inventory: Path, *more: str, answers: dict[str, str] | None = None, **environment: str
    ) -> tuple[int, str]:
        """Exit code and output of `kprov run all -m command -a 'id -un'`; with `answers` at a terminal."""
        command = [
            str(KPROV),
            "run",
            "all",
            "-i",
            str(inventory),
            "-m",
            "command",
            "-a",
            "id -un",
            "-vv",
            *more,
        ]
        given = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
        given |= {"HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "200", **environment}
        if answers is not None:
            return at_a_terminal(command, given, answers)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=given,
            stdin=subprocess.DEVNULL,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def at_a_terminal(
    command: list[str], environment: dict[str, str], answers: dict[str, str]
) -> tuple[int, str]:
    """A program on a terminal of its own; each question (a part of it) gets its answer whenever it comes."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, environment)
    said, answered = "", 0
    until = time.monotonic() + 90
    try:
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            said += part.decode(errors="replace")
            asked = next((question for question in answers if question in said[answered:]), None)
            if asked is not None:
                answered = len(said)
                os.write(terminal, answers[asked].encode() + b"\n")
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


@pytest.fixture(scope="module")
def prepared(shared_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    home = tmp_path_factory.mktemp("home")
    (home / ".ssh").mkdir(mode=0o700)
    for kind in KINDS:
        key = home / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", PHRASE, "-f", key], check=True)
    shared_hosts.inside("node1", RESTORE, check=False)
    shared_hosts.inside("node1", PREPARE, timeout=180)
    lab_key = yaml.safe_load((shared_hosts.inventory / "hosts.yml").read_text())["all"]["vars"]
    public = "".join(path.read_text() for path in sorted(home.glob("*.pub")))
    public += Path(f"{lab_key['ansible_ssh_private_key_file']}.pub").read_text()
    (home / "authorized").write_text(public)
    for user in ("way", "free"):
        path = f"/home/{user}/.ssh/authorized_keys"
        shared_hosts.inside(
            "node1", f"cat > {path} <<'END'\n{public}END\nchown {user} {path}; chmod 600 {path}"
        )
    try:
        yield Ways(shared_hosts, home)
    finally:
        shared_hosts.inside("node1", RESTORE, check=False)


@pytest.fixture
def ways(prepared: Ways) -> Iterator[Ways]:
    """An empty ~/.ssh but for node1's host key."""
    (prepared.home / ".ssh" / "known_hosts").write_text(prepared.known())
    yield prepared
    for path in (prepared.home / ".ssh").iterdir():
        path.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_the_passphrase_of_a_key_is_asked_for_at_a_terminal(ways: Ways, kind: str) -> None:
    inventory = ways.inventory(ansible_user="way", ansible_ssh_private_key_file=str(ways.home / kind))
    code, said = ways.who(inventory, answers={"Passphrase for": PHRASE})
    assert (code, "way" in said, PHRASE in said) == (0, True, False), said
    assert said.count("Passphrase for") == 1


def test_a_wrong_passphrase_is_requested_three_times_and_then_reported(ways: Ways) -> None:
    inventory = ways.inventory(ansible_user="way", ansible_ssh_private_key_file=str(ways.home / "ecdsa"))
    code, said = ways.who(inventory, answers={"Passphrase for": "wrong"})
    assert (code, said.count("Passphrase for")) == (4, 3), said
    assert f"the passphrase of the private key {ways.home / 'ecdsa'} was wrong three times" in said
    code, said = ways.who(inventory)
    assert code == 4
    assert f"the private key {ways.home / 'ecdsa'} needs a passphrase: load it in the ssh agent" in said


@pytest.mark.parametrize("kind", KINDS)
def test_the_ssh_agent_has_the_key(ways: Ways, tmp_path: Path, kind: str) -> None:
    with ssh_agent(tmp_path, PHRASE, ways.home / kind) as socket:
        code, said = ways.who(ways.inventory(ansible_user="way"), SSH_AUTH_SOCK=str(socket))
    assert (code, "way" in said) == (0, True), said


def test_the_logins_password_is_asked_for(ways: Ways) -> None:
    inventory = ways.inventory(ansible_user="way")
    code, said = ways.who(inventory, "--ask-pass", answers={"SSH password": SECRET})
    assert (code, SECRET in said) == (0, False), said
    code, said = ways.who(inventory, "--ask-pass", answers={"SSH password": "wrong"})
    assert code == 4, said
    assert "password refused" in said


def test_the_users_own_configuration(ways: Ways) -> None:
    ssh, key = ways.home / ".ssh", ways.lab["ansible_ssh_private_key_file"]
    (ssh / "known_hosts").write_text(ways.known(port=2222))
    (ssh / "config").write_text(
        f"Host far\n  HostName {ways.hosts.address('node1')}\n  Port 2222\n  User way\n  IdentityFile {key}\n"
        f"  ProxyJump near\n"
        f"Host near\n  HostName {ways.hosts.address('node2')}\n  User kprov\n  IdentityFile {key}\n"
        f"  UserKnownHostsFile {ssh}/none {ssh}/near\n"
        "  StrictHostKeyChecking accept-new\n"
    )
    look = ["-m", "shell", "-a", "echo from $SSH_CONNECTION; id -un"]
    code, said = ways.who(ways.inventory(ansible_host="far"), *look)
    assert code == 0, said
    assert f"from {ways.hosts.address('node2')} " in said
    assert f" {ways.hosts.address('node1')} 2222" in said
    # What the inventory says wins over the file.
    (ssh / "known_hosts").write_text(ways.known(port=2222) + ways.known())
    code, said = ways.who(ways.inventory(ansible_host="far", ansible_port=22, ansible_user="free"), *look)
    assert (code, "free" in said) == (0, True), said
    assert f" {ways.hosts.address('node1')} 22" in said


def test_unknown_host_keys_are_taken_as_the_inventory_says(ways: Ways) -> None:
    known = ways.home / ".ssh" / "known_hosts"
    key = {"ansible_user": "way", "ansible_ssh_private_key_file": ways.lab["ansible_ssh_private_key_file"]}

    def log_in(mode: str, **answers: str) -> tuple[int, str]:
        inventory = ways.inventory(**key, kprov_host_key_checking=mode)
        return ways.who(inventory, answers=answers or None)

    known.unlink()
    code, said = log_in("yes")
    assert (code, "is not known" in said, known.exists()) == (4, True, False), said
    code, said = log_in("ask")
    assert (code, "was not accepted" in said, known.exists()) == (4, True, False), said
    code, said = log_in("ask", **{"(yes/no)": "no"})
    assert (code, "was not accepted" in said, known.exists()) == (4, True, False), said
    code, said = log_in("ask", **{"(yes/no)": "yes"})
    assert (code, known.read_text().split()[1:]) == (0, ways.known().split()[1:]), said
    assert log_in("yes")[0] == 0
    known.unlink()
    code, said = log_in("accept-new")
    assert (code, known.read_text().split()[1:]) == (0, ways.known().split()[1:]), said


def test_doas(ways: Ways, tmp_path: Path) -> None:
    common = {
        "ansible_ssh_private_key_file": ways.lab["ansible_ssh_private_key_file"],
        "ansible_become_method": "community.general.doas",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={ways.home}/.ssh/known_hosts",
    }
    tasks: list[dict[str, Any]] = [
        {"name": "Who", "command": "id -un", "become": True, "register": "who"},
        {
            "name": "Whole",
            "copy": {"dest": "/root/fault-doas", "content": "{{ 'x' * 200000 }}"},
            "become": True,
        },
        {"name": "Root", "assert": {"that": "who.stdout == 'root'"}},
        {"name": "Gone", "file": {"path": "/root/fault-doas", "state": "absent"}, "become": True},
    ]
    hosts = ways.hosts
    without = play(hosts, tmp_path, tasks, inventory=ways.inventory(ansible_user="free", **common))
    assert without.code == 0, without.text
    asked = {"ansible_user": "way", "ansible_become_password": SECRET}
    said = play(hosts, tmp_path, tasks, inventory=ways.inventory(**asked, **common))
    assert said.code == 0, said.text
    wrong = {"ansible_user": "way", "ansible_become_password": "wrong"}
    said = play(hosts, tmp_path, tasks, inventory=ways.inventory(**wrong, **common))
    assert (said.code, "password" in said.error("node1")["message"]) == (4, True), said.text
    said = play(hosts, tmp_path, tasks, inventory=ways.inventory(ansible_user="way", **common))
    assert "ansible_become_password" in said.error("node1")["message"], said.text
    other = {"ansible_user": "kprov", "ansible_become_password": SECRET}
    said = play(hosts, tmp_path, tasks, inventory=ways.inventory(**other, **common))
    assert "doas" in said.error("node1")["message"], said.text
