"""Ways to a host and to another user on it, tried against real sshd, sudo, su and doas; and lost connections."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import PreflightError, UnreachableError
from kprov.transport.connection import Connections
from kprov.transport.options import Become, from_variables
from kprov.transport.sshconfig import load

from .conftest import ROOT, Lab
from .ssh_agent import ssh_agent

SECRET = "correct horse"
ROOT_SECRET = "battery staple"
SSHD = """
Match User kpw
  PasswordAuthentication yes
  KbdInteractiveAuthentication no
Match User kkbd
  PasswordAuthentication no
  KbdInteractiveAuthentication yes
Match User kboth
  AuthenticationMethods publickey,password publickey,keyboard-interactive
  PasswordAuthentication yes
"""
#: What node1 gets: users, how each may log in and become root. Taken back by _RESTORE.
PREPARE = f"""
set -e
cp -a /etc/ssh/sshd_config /root/kprov-sshd
for user in kpw kkbd kboth kplain; do
  useradd -m -s /bin/bash $user; echo "$user:{SECRET}" | chpasswd
  install -d -m 700 -o $user -g $user /home/$user/.ssh
done
cp /etc/shadow /root/kprov-shadow
echo "root:{ROOT_SECRET}" | chpasswd
echo 'kpw ALL=(ALL) ALL' > /etc/sudoers.d/kprov-t
printf 'Defaults:kkbd requiretty\\nkkbd ALL=(ALL) NOPASSWD: ALL\\n' >> /etc/sudoers.d/kprov-t
printf 'Defaults:kboth requiretty\\nkboth ALL=(ALL) ALL\\n' >> /etc/sudoers.d/kprov-t
sed -i 's/^KbdInteractiveAuthentication.*//' /etc/ssh/sshd_config
cat >> /etc/ssh/sshd_config <<'END'
{SSHD}END
sshd -t
systemctl reload ssh
"""
RESTORE = """
for user in kpw kkbd kboth kplain; do userdel -rf $user; done
cp -a /root/kprov-sshd /etc/ssh/sshd_config; rm -f /root/kprov-sshd /etc/sudoers.d/kprov-t
cp /root/kprov-shadow /tmp/s; grep '^root:' /root/kprov-shadow > /tmp/r; grep -v '^root:' /etc/shadow > /tmp/o
cat /tmp/r /tmp/o > /etc/shadow; rm -f /tmp/[sro] /root/kprov-shadow
systemctl reload ssh
"""


@pytest.fixture(scope="module")
def accounts(lab: Lab) -> Iterator[Lab]:
    """Users on node1 for each way in."""
    lab.ssh("node1", PREPARE)
    try:
        yield lab
    finally:
        lab.ssh("node1", RESTORE)


@pytest.fixture(scope="module")
def keys(accounts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key of each kind, two of them with a passphrase; kplain and kboth on node1 take them all."""
    folder = tmp_path_factory.mktemp("keys")
    kinds = {"ed25519": "", "rsa": "", "ecdsa": "", "locked": SECRET, "pem": SECRET}
    for name, phrase in kinds.items():
        kind = {"locked": "ed25519", "pem": "rsa"}.get(name, name)
        form = ["-m", "PEM"] if name == "pem" else []
        make = ["ssh-keygen", "-q", "-t", kind, *form, "-N", phrase, "-f", str(folder / name)]
        subprocess.run(make, check=True)
    public = "".join(path.read_text() for path in folder.glob("*.pub"))
    for user in ("kplain", "kboth"):
        path = f"/home/{user}/.ssh/authorized_keys"
        accounts.ssh("node1", f"echo {shlex.quote(public)} > {path}; chown {user} {path}; chmod 600 {path}")
    return folder


def variables(lab: Lab, host: str = "node1", **more: Any) -> dict[str, Any]:
    known = next(
        word.partition("=")[2]
        for word in shlex.split(_all(lab)["ansible_ssh_common_args"])
        if word.startswith("UserKnownHostsFile")
    )
    args = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes {more.pop('args', '')}"
    return {
        "ansible_host": lab.address(host),
        "ansible_user": "kprov",
        "ansible_ssh_common_args": args,
        **more,
    }


def _all(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((lab.inventory / "hosts.yml").read_text())["all"]["vars"]
    return found


def lab_key(lab: Lab) -> str:
    return str(_all(lab)["ansible_ssh_private_key_file"])


def connections(
    values: dict[str, Any], config: Path | None = None, notices: list[str] | None = None
) -> Connections:
    heard = notices if notices is not None else []
    parsed = load(str(config) if config else "none")
    return Connections(
        lambda host: from_variables(host, values, config=parsed), lambda _, text: heard.append(text)
    )


def who(values: dict[str, Any], become: Become | None = None, config: Path | None = None) -> str:
    """The user that a task runs as, said by a task that also sends every byte there is."""
    with connections(values, config) as made:
        agent = made.get("node1").agent(become)
        text = "".join(map(chr, range(1, 256))) * 300
        items = [{"args": {"cmd": "cat >/dev/null; id -un", "_shell": True, "stdin": text}}]
        result = agent.run("command", items)[0]
        assert not result.get("failed"), result
        return str(result["stdout"])


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_keys(accounts: Lab, keys: Path, kind: str) -> None:
    values = variables(accounts, ansible_user="kplain", ansible_ssh_private_key_file=str(keys / kind))
    assert who(values) == "kplain"


@pytest.mark.parametrize("kind", ["locked", "pem"])
def test_keys_with_a_passphrase(accounts: Lab, keys: Path, kind: str) -> None:
    values = variables(accounts, ansible_user="kplain", ansible_ssh_private_key_file=str(keys / kind))
    assert who({**values, "ansible_ssh_private_key_passphrase": SECRET}) == "kplain"
    with pytest.raises(PreflightError, match="needs a passphrase"):
        who(values)
    with pytest.raises(PreflightError, match="is not its passphrase"):
        who({**values, "ansible_ssh_private_key_passphrase": "wrong"})


def test_the_agent_has_the_key_of_a_locked_file(accounts: Lab, keys: Path, tmp_path: Path) -> None:
    with ssh_agent(tmp_path, SECRET, keys / "rsa", keys / "locked") as socket:
        config = tmp_path / "config"
        config.write_text(f"Match host 10.*\n  IdentityAgent {socket}\n  IdentitiesOnly yes\n")
        values = variables(accounts, ansible_user="kplain", ansible_ssh_private_key_file=str(keys / "locked"))
        assert who(values, config=config) == "kplain"
        # With IdentitiesOnly the agent's other key is not offered.
        values = variables(accounts, ansible_user="kplain", args=f"-i {keys / 'pem'}")
        with pytest.raises(PreflightError, match="needs a passphrase"):
            who(values, config=config)


@pytest.mark.parametrize("user", ["kpw", "kkbd"])
def test_passwords_and_questions(accounts: Lab, user: str) -> None:
    values = variables(accounts, ansible_user=user, args="-o PubkeyAuthentication=no")
    assert who({**values, "ansible_password": SECRET}) == user
    with pytest.raises(PreflightError, match="password"):
        who({**values, "ansible_password": "wrong"})


def test_a_key_and_then_a_password(accounts: Lab, keys: Path) -> None:
    values = variables(accounts, ansible_user="kboth", ansible_ssh_private_key_file=str(keys / "ed25519"))
    assert who({**values, "ansible_password": SECRET}) == "kboth"
    with pytest.raises(PreflightError, match="more is asked for"):
        who(values)


BECOME = {
    "sudo with a password": ("kpw", Become(password=SECRET)),
    "sudo that wants a terminal": ("kkbd", Become()),
    "sudo that wants a terminal and a password": ("kboth", Become(password=SECRET)),
    "sudo with flags": ("kpw", Become(password=SECRET, flags="-H -S -n")),
    "su": ("kplain", Become(method="su", exe="su", password=ROOT_SECRET)),
    "su to another user": ("kplain", Become(user="kpw", method="su", exe="su", password=SECRET)),
}


@pytest.mark.parametrize("name", BECOME)
def test_becoming_another_user(accounts: Lab, keys: Path, name: str) -> None:
    user, become = BECOME[name]
    values = variables(
        accounts,
        ansible_user=user,
        ansible_password=SECRET,
        **({"ansible_ssh_private_key_file": str(keys / "rsa")} if user in ("kplain", "kboth") else {}),
    )
    assert who(values, become) == become.user


REFUSED = {
    "sudo, wrong password": ("kpw", Become(password="wrong"), "refused"),
    "sudo, no password": ("kpw", Become(), "ansible_become_password"),
    "sudo, not allowed": ("kplain", Become(password=SECRET), "sudo"),
    "su, no password": ("kplain", Become(method="su", exe="su"), "ansible_become_password"),
    "su, wrong password": ("kplain", Become(method="su", exe="su", password="wrong"), "refused"),
    "no such program": ("kplain", Become(method="doas", exe="doas-none"), "not installed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_becoming_is_refused_in_words(accounts: Lab, keys: Path, name: str) -> None:
    user, become, text = REFUSED[name]
    values = variables(accounts, ansible_user=user, ansible_password=SECRET)
    if user == "kplain":
        values["ansible_ssh_private_key_file"] = str(keys / "ecdsa")
    with pytest.raises(PreflightError, match=text):
        who(values, become)


WAYS = {
    "a jump host in the arguments": "-J kprov@{jump}",
    "a chain": "-J kprov@{jump},kprov@{last}",
    "ssh -W": "-o ProxyCommand='ssh -o UserKnownHostsFile={known} -W %h:%p -i {key} -p 22 kprov@{jump}'",
    "ssh -W, options after the host": "-o ProxyCommand='ssh -F /dev/null -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null -W %h:%p -p 22 kprov@{jump} -i {key}'",
    "a program": "-o ProxyCommand='python3 {relay} %h %p'",
}
RELAY = (
    "import sys,socket,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
    "f=s.fileno();g=lambda a,b:[os.write(b,d) for d in iter(lambda:os.read(a,65536),bytes())];"
    "threading.Thread(target=g,args=(0,f),daemon=True).start();g(f,1)"
)


@pytest.mark.parametrize("name", WAYS)
def test_ways_over_other_hosts(lab: Lab, tmp_path: Path, name: str) -> None:
    key, relay = lab_key(lab), tmp_path / "relay.py"
    relay.write_text(RELAY)
    known = variables(lab)["ansible_ssh_common_args"].split("=")[1].split()[0]
    jump = lab.address("node2")
    args = WAYS[name].format(jump=jump, last=jump, key=key, known=known, relay=relay)
    values = variables(lab, ansible_ssh_private_key_file=key, args=args)
    with connections(values) as made:
        agent = made.get("node1").agent()
        found = agent.run("command", [{"args": {"cmd": "echo $SSH_CONNECTION; hostname", "_shell": True}}])[0]
    client, _, _, port, host = found["stdout"].split()
    assert (port, host) == ("22", "node1")
    assert (client == jump) == (name != "a program")


def test_the_users_configuration(lab: Lab, tmp_path: Path) -> None:
    known = variables(lab)["ansible_ssh_common_args"].split("=")[1].split()[0]
    (tmp_path / "more").write_text(f"Host target\n  HostName {lab.address('node1')}\n  ProxyJump inner\n")
    (tmp_path / "config").write_text(
        f"Include {tmp_path}/mor*\n"
        f"Host *\n  User kprov\n  IdentityFile {lab_key(lab)}\n  UserKnownHostsFile {known}\n"
        f"  StrictHostKeyChecking yes\n  ConnectTimeout 5\n  ServerAliveInterval 3\n"
        f"Host inner\n  HostName {lab.address('node2')}\n"
    )
    values = {"ansible_host": "target"}
    with connections(values, tmp_path / "config") as made:
        assert made.get("node1").options.alive_interval == 3
        found = made.get("node1").agent().run("command", [{"args": {"cmd": "hostname"}}])[0]
    assert found["stdout"] == "node1"


def test_host_keys(lab: Lab, tmp_path: Path) -> None:
    """Unknown, hashed, changed, revoked, of an authority."""
    address, key = lab.address("node1"), lab_key(lab)
    known = tmp_path / "known_hosts"
    shown = lab.ssh("node1", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    other = lab.ssh(
        "node1", "ssh-keygen -q -t ed25519 -N ''  -f /tmp/k <&- && cat /tmp/k.pub; rm /tmp/k*"
    ).split()[:2]
    values = {
        "ansible_host": address,
        "ansible_user": "kprov",
        "ansible_ssh_private_key_file": key,
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} -o GlobalKnownHostsFile=none",
    }

    def log_in(text: str | None, mode: str) -> str:
        if text is not None:
            known.write_text(text)
        return who({**values, "kprov_host_key_checking": mode})

    with pytest.raises(PreflightError, match="not known"):
        log_in("", "yes")
    with pytest.raises(PreflightError, match="was not accepted"):
        log_in(None, "ask")
    assert log_in("# no end of line", "accept-new") == "kprov"
    assert log_in(None, "yes") == "kprov"
    known.write_text(f"{address} {' '.join(shown)}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert address not in known.read_text()
    assert log_in(None, "yes") == "kprov"
    for mode in ("yes", "accept-new", "ask"):
        with pytest.raises(PreflightError, match=rf"(?s)node1.*has changed: {known}:2"):
            log_in(f"# mine\n{address} {' '.join(other)}\n", mode)
    with pytest.raises(PreflightError, match="revoked"):
        log_in(f"@revoked * {' '.join(shown)}\n{address} {' '.join(shown)}\n", "yes")
    with pytest.raises(PreflightError, match=rf"authority in {known}:1"):
        log_in(f"@cert-authority * {' '.join(other)}\n", "yes")
    assert log_in(f"@cert-authority * {' '.join(other)}\n", "accept-new") == "kprov"


# Connections that outlive a run


def login(values: dict[str, Any]) -> str:
    """The connection that a run comes over: its port on this side."""
    with connections(values) as made:
        found = made.get("node1").agent().run("command", [line("echo $SSH_CONNECTION")])[0]
        # More than a window of sshd's, so that what it grants is counted on from run to run.
        large = os.urandom(3 << 20)
        sha = hashlib.sha256(large).hexdigest()
        item = {"args": {"dest": "/tmp/kprov-kept", "_sha256": sha}}
        assert made.get("node1").agent().run("copy", [item], {sha: large})[0]["changed"]
    return str(found["stdout"].split()[1])


def test_later_runs_go_on_with_the_connection(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    first = login(values)
    assert {login(values) for _ in range(5)} == {first}
    assert login({**values, "ansible_ssh_extra_args": "-o ControlPersist=no"}) != first
    assert login(values) == first
    lab.ssh("node1", kill(SSHD_OF_USER), check=False)
    assert login(values) != first
    lab.ssh("node1", "rm /tmp/kprov-kept")


# Lost connections

SSHD_OF_USER = "sshd-session: kprov@notty"


def line(text: str) -> dict[str, Any]:
    return {"args": {"cmd": text, "_shell": True}}


def soon(lab: Lab, command: str, delay: float = 0.7) -> threading.Timer:
    """A command on node1 a little later, while a task runs there; over a connection of its own user."""
    timer = threading.Timer(delay, lambda: lab.ssh("node1", command, check=False))
    timer.start()
    return timer


def agents(lab: Lab) -> str:
    return lab.ssh("node1", "pgrep -f '[K]PROV1' || true; ls /run/kprov | grep session || true").strip()


@pytest.fixture
def fresh(lab: Lab) -> Lab:
    """Nothing of earlier agents on node1."""
    lab.ssh("node1", "rm -f /run/kprov/session-*")
    return lab


def kill(pattern: str) -> str:
    # Not the connection over which this command comes.
    return f"for p in $(pgrep -f {shlex.quote(pattern)} | head -1); do kill -9 $p; done"


def test_a_task_goes_on_when_its_connection_is_cut(fresh: Lab) -> None:
    notices: list[str] = []
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values, notices=notices) as made:
        agent = made.get("node1").agent(Become())
        soon(fresh, kill(SSHD_OF_USER))
        items = [
            line("rm -f /tmp/t; echo a >> /tmp/t"),
            line("sleep 2; echo b >> /tmp/t"),
            line("cat /tmp/t"),
        ]
        results = agent.run("command", items)
        assert results[2]["stdout"] == "a\nb"
        assert "connecting again" in notices[0]
    assert agents(fresh) == ""


def test_an_agent_that_is_killed_fails_its_item(fresh: Lab) -> None:
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values) as made:
        agent = made.get("node1").agent(Become())
        results = agent.run("command", [line("echo 0"), line("kill -9 $PPID"), line("echo 2")])
        assert [result.get("stdout") for result in results] == ["0", None, "2"]
        assert "died while it did command in item 2 of 3" in results[1]["msg"]
    assert agents(fresh) == ""


def test_a_connection_that_falls_silent_is_lost(fresh: Lab) -> None:
    """As behind a jump host whose plug was pulled: nothing is closed, and the old agent notices nothing."""
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    values["ansible_ssh_extra_args"] = "-o ServerAliveInterval=1 -o ServerAliveCountMax=2"
    notices: list[str] = []
    stopped = "$(pgrep -f '^sshd-session: kprov@notty' | head -1)"
    with connections(values, notices=notices) as made:
        agent = made.get("node1").agent(Become())
        stop = f"(sleep 0.5; kill -STOP {stopped}; sleep 6; kill -KILL {stopped}) >/dev/null 2>&1 &"
        lines = [
            stop + " sleep 4; echo a > /tmp/kprov-silent",
            "echo b >> /tmp/kprov-silent; cat /tmp/kprov-silent",
        ]
        results = agent.run("command", [line(text) for text in lines])
        assert results[1]["stdout"] == "a\nb"
        assert "no sign of life" in notices[0]
        agent.run("command", [line("rm /tmp/kprov-silent")])
    assert agents(fresh) == ""


def test_a_content_on_its_way_is_sent_again(fresh: Lab, tmp_path: Path) -> None:
    data = os.urandom(160 << 20)
    (tmp_path / "data").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    values = variables(fresh, ansible_ssh_private_key_file=lab_key(fresh))
    with connections(values) as made:
        agent = made.get("node1").agent(Become())
        soon(fresh, kill(SSHD_OF_USER), 0.2)
        item = {"args": {"dest": "/tmp/kprov-big", "_sha256": sha256}}
        result = agent.run("copy", [item], {sha256: tmp_path / "data"})[0]
        assert result["changed"], result
        assert fresh.ssh(
            "node1", "sha256sum </tmp/kprov-big; ls -a /tmp | grep '^.kprov-' || true; rm /tmp/kprov-big"
        ).split() == [
            sha256,
            "-",
        ]
    # The record may stay: on a fast line the connection is cut when the answer is there already.
    assert not [word for word in agents(fresh).split() if word.isdigit()]


#: A kprov of its own: variables, then lines to run in one message.
PROGRAM = """
import sys
from kprov.transport.connection import Connections
from kprov.transport.options import Become, from_variables
with Connections(lambda host: from_variables(host, eval(sys.argv[1]))) as made:
    agent = made.get("node1").agent(Become())
    print("up", flush=True)
    agent.run("command", [{"args": {"cmd": text, "_shell": True}} for text in sys.argv[2:]])
"""


def other_kprov(lab: Lab, *lines: str) -> subprocess.Popen[bytes]:
    """Started, and its agent at work since a moment."""
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, repr(values), *lines], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    return process


def test_kprov_that_is_killed_leaves_no_agent(fresh: Lab) -> None:
    with other_kprov(fresh, "sleep 1; echo whole > /tmp/kprov-whole", "touch /tmp/kprov-next") as process:
        process.kill()
    look = "cat /tmp/kprov-whole; ls /tmp/kprov-next; pgrep -f '[K]PROV1'; rm -f /tmp/kprov-whole"
    time.sleep(1.5)
    assert fresh.ssh("node1", look) == "whole\n"


def test_two_runs_take_turns(lab: Lab) -> None:
    values, notices = variables(lab, ansible_ssh_private_key_file=lab_key(lab)), list[str]()
    with (
        other_kprov(lab, "echo 1 > /tmp/turn; sleep 6; echo 2 >> /tmp/turn"),
        connections(values, notices=notices) as made,
    ):
        result = made.get("node1").agent(Become()).run("command", [line("cat /tmp/turn; rm /tmp/turn")])[0]
    assert result["stdout"] == "1\n2"
    assert "another kprov is at work" in notices[0]


def test_a_host_without_space_or_with_read_only_disks_takes_the_agent(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    full = "mount -t tmpfs -o size=4k,mode=755 t /root/.cache; "
    hidden = "mkdir -p /root/.cache /var/tmp; for d in /var/tmp /dev/shm /run/kprov; do mkdir -p $d; mount -t tmpfs -o ro t $d; done"
    lab.ssh("node1", "mkdir -p /root/.cache; " + full + hidden)
    try:
        with connections(values) as made:
            result = made.get("node1").agent(Become()).run("command", [{"args": {"cmd": "id -un"}}])[0]
            assert result["stdout"] == "root"
    finally:
        lab.ssh("node1", "umount /root/.cache /var/tmp /dev/shm /run/kprov")


def test_hosts_that_do_not_answer(lab: Lab) -> None:
    values = variables(lab, ansible_ssh_private_key_file=lab_key(lab))
    with (
        connections({**values, "ansible_port": 1}) as made,
        pytest.raises(UnreachableError, match=r"port 1.*refused"),
    ):
        made.get("node1").agent()
    with pytest.raises(UnreachableError, match="does not resolve"):
        who({**values, "ansible_host": "no.such.host.invalid"})
