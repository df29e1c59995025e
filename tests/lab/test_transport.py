"""Ways to a host and to another user on it, tried against real sshd, sudo, su and doas."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.errors import PreflightError
from kprov.transport.options.host_options import Become

from .conftest import Lab
from .ssh_agent import ssh_agent
from .ways import connections, lab_key, variables, who

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
# Without this sshd refuses a client for 15 s after a few failed logins, which these tests make on purpose.
sed -i '1i PerSourcePenalties no' /etc/ssh/sshd_config
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
    with pytest.raises(PreflightError, match="is not the passphrase of the private key"):
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


def test_a_key_file_open_to_others_is_ignored_as_by_ssh(accounts: Lab, keys: Path) -> None:
    """The same sshd, key and mode: ssh does not log in, and neither does kprov."""
    key = keys / "ecdsa"
    fields = {"ansible_user": "kplain", "ansible_ssh_private_key_file": str(key)}
    values = variables(accounts, **fields)
    known = [word for word in shlex.split(values["ansible_ssh_common_args"]) if word != "-o"]
    options = [f"-o{word}" for word in [*known, "BatchMode=yes", "IdentitiesOnly=yes"]]
    ssh = ["ssh", "-F", "none", *options, "-i", str(key), f"kplain@{values['ansible_host']}", "id", "-un"]
    for mode in (0o600, 0o400, 0o640, 0o644):
        key.chmod(mode)
        done = subprocess.run(ssh, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            assert (mode & 0o077, done.stdout) == (0, "kplain\n")
            assert who(values) == "kplain"
            continue
        assert "UNPROTECTED PRIVATE KEY FILE" in done.stderr
        with pytest.raises(PreflightError, match=rf"{key} is ignored: its mode {mode:04o}.*chmod 600 {key}"):
            who(values)
    # With another way in, ssh only warns.
    warnings: list[str] = []
    with connections({**values, "ansible_user": "kpw", "ansible_password": SECRET}, notices=warnings) as made:
        made.get("node1").agent()
    assert [str(key) in text for text in warnings] == [True]
    key.chmod(0o600)


@pytest.mark.parametrize("user", ["kpw", "kkbd"])
def test_passwords_and_questions(accounts: Lab, user: str) -> None:
    values = variables(accounts, ansible_user=user, args="-o PubkeyAuthentication=no")
    assert who({**values, "ansible_password": SECRET}) == user
    with pytest.raises(PreflightError, match="password"):
        who({**values, "ansible_password": "wrong"})


def test_a_key_and_then_a_password(accounts: Lab, keys: Path) -> None:
    values = variables(accounts, ansible_user="kboth", ansible_ssh_private_key_file=str(keys / "ed25519"))
    assert who({**values, "ansible_password": SECRET}) == "kboth"
    with pytest.raises(PreflightError, match="the host also requires"):
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
    "sudo, wrong password": ("kpw", Become(password="wrong"), "wrong password"),
    "sudo, no password": ("kpw", Become(), "ansible_become_password"),
    "sudo, not allowed": ("kplain", Become(password=SECRET), "sudo"),
    "su, no password": ("kplain", Become(method="su", exe="su"), "ansible_become_password"),
    "su, wrong password": ("kplain", Become(method="su", exe="su", password="wrong"), "wrong password"),
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
    # With "no", ssh warns, logs in with a key, and sends no password; it adds keys that it does not know.
    warnings: list[str] = []
    with connections({**values, "kprov_host_key_checking": "no"}, notices=warnings) as made:
        made.get("node1").agent()
    assert ["has changed" in text and f"{known}:2" in text for text in warnings] == [True]
    ssh = ["ssh", "-F", "none", "-i", key, f"-oUserKnownHostsFile={known}", "-oGlobalKnownHostsFile=none"]
    ssh += ["-oStrictHostKeyChecking=no", "-oBatchMode=yes", f"kprov@{address}", "true"]
    said = subprocess.run(ssh, capture_output=True, text=True, check=True).stderr
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said
    assert f"Offending ED25519 key in {known}:2" in said
    assert log_in("", "no") == "kprov"
    assert known.read_text().split() == [address, *shown]
    with pytest.raises(PreflightError, match="revoked"):
        log_in(f"@revoked * {' '.join(shown)}\n{address} {' '.join(shown)}\n", "yes")
    with pytest.raises(PreflightError, match=rf"authority in {known}:1"):
        log_in(f"@cert-authority * {' '.join(other)}\n", "yes")
    assert log_in(f"@cert-authority * {' '.join(other)}\n", "accept-new") == "kprov"
