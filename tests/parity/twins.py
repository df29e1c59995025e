"""Two hosts that were made alike, and an engine for each."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.parity import collection_path, corpus
from tests.parity.engines.request import Request

ROOT = Path(__file__).resolve().parents[2]
#: Given, so that Ansible need not look for it and tell.
_COMMON = {"ansible_python_interpreter": "/usr/bin/python3"}
ENGINES = ("kprov", "ansible")
#: From a host's address to its cluster's.
_TO_VIP = 100
#: One connection for all looks at a host; its own, neither engine's.
_CONTROL = f"ControlPath={tempfile.gettempdir()}/parity-{os.getpid()}-%C"


@dataclass(frozen=True)
class Host:
    """How a real host is reached: Ansible's connection variables."""

    variables: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.variables["ansible_host"])

    @property
    def vip(self) -> str:
        """An address of its own for the API: with one for both, either cluster would answer for the other."""
        return str(ipaddress.ip_address(self.address) + _TO_VIP)

    def ssh(self, command: str) -> list[str]:
        """A program that runs a command there as root."""
        key = self.variables.get("ansible_ssh_private_key_file")
        return [
            "ssh", "-o", "BatchMode=yes", "-o", "ControlMaster=auto", "-o", "ControlPersist=20", "-o", _CONTROL,
            *shlex.split(self.variables.get("ansible_ssh_common_args", "")),
            *(["-i", key] if key else []), "-l", str(self.variables.get("ansible_user", "root")), self.address,
            f"sudo sh -c {shlex.quote(command)}",
        ]  # fmt: skip

    def look(self) -> list[str]:
        """The program that takes on_host.py and says what the host is like."""
        return self.ssh(f"python3 - {self.address} {self.vip}")


def hosts_of(inventory: Path) -> list[Host]:
    """The hosts of an inventory as `kprov lab up` writes it."""
    document = yaml.safe_load((inventory / "hosts.yml").read_text())["all"]
    return [Host({**document["vars"], **variables}) for variables in document["hosts"].values()]


@dataclass(frozen=True)
class Run:
    """One run of a case on one twin: the host's state, the engine's record, the host's state."""

    name: str
    before: dict[str, Any]
    events: list[dict[str, Any]]
    after: dict[str, Any]


@dataclass
class Twin:
    """One engine with its host and its own copy of the corpus, so that the two never meet on this machine either."""

    engine: str
    host: Host
    folder: Path
    #: Take from `folder` what an earlier run remembers of a playbook that is the same since.
    replay: bool = False
    #: What the host was like when it was last looked at.
    last_state: dict[str, Any] | None = None
    _server: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Copy the corpus, write the inventories, name the host."""
        shutil.copytree(corpus.FOLDER, self.folder / "corpus", dirs_exist_ok=True)
        for inventory in (self.folder / "corpus" / "inventories").iterdir():
            everyone = inventory / "group_vars" / "all"
            everyone.mkdir(parents=True, exist_ok=True)
            own = {"kube_vip_address": self.host.vip}
            (everyone / "parity.yml").write_text(yaml.safe_dump(self.host.variables | _COMMON | own))
        (self.folder / "ansible.cfg").write_text("[defaults]\n")
        subprocess.run(
            self.host.ssh(
                "hostname twin; echo twin >/etc/hostname; sed -i 's/ node[0-9]*$/ twin/' /etc/hosts"
            ),
            check=True,
        )

    def _started(self) -> subprocess.Popen[str]:
        """The engine's server; it is started when there is something to play."""
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.parity.server", self.engine], cwd=ROOT,
                env=os.environ | self._environment(), text=True, bufsize=1,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        return self._server

    def _environment(self) -> dict[str, str]:
        here = Path(__file__).parent
        return {
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_CALLBACK_PLUGINS": str(here / "ansible_callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "parity",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FORKS": "20",
            "ANSIBLE_TIMEOUT": "60",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_INTERPRETER_PYTHON": "auto_silent",
            "ANSIBLE_COLLECTIONS_PATH": str(collection_path.path()),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.folder / "corpus" / "vault_data" / "password"),
            "PYTHONPATH": str(ROOT),
        }

    def play(self, case: corpus.Case) -> list[Run]:
        """Every run of a case, one after the other; or what is remembered of them."""
        kept = self.folder / f"{case.name}.runs.json"
        key = hashlib.sha256(f"{case}{self._playbook(case).read_text()}".encode()).hexdigest()
        if self.replay and kept.exists():
            remembered = json.loads(kept.read_text())
            if remembered["key"] == key:
                return [Run(**run) for run in remembered["runs"]]
        runs = []
        for name in case.runs:
            before = self.last_state or self.state()
            runs.append(Run(name, before, self._run(case, name), self.state()))
        kept.write_text(json.dumps({"key": key, "runs": [asdict(run) for run in runs]}))
        return runs

    def _playbook(self, case: corpus.Case) -> Path:
        return self.folder / "corpus" / case.playbook

    def _run(self, case: corpus.Case, run: str) -> list[dict[str, Any]]:
        output, log = (self.folder / f"{case.name}.{run}.{kind}" for kind in ("jsonl", "log"))
        for path in (output, log):
            path.unlink(missing_ok=True)
        request = Request(
            playbook=str(self._playbook(case)),
            inventory=str(self.folder / "corpus" / "inventories" / case.inventory),
            options=[*corpus.RUNS[run], *case.options],
            output=str(output),
            log=str(log),
            snapshot=self.host.look(),
        )
        server = self._started()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asdict(request)) + "\n")
        code = int(server.stdout.readline())
        events = [json.loads(line) for line in output.read_text().splitlines()] if output.exists() else []
        return [*events, {"event": "end", "code": code, "log": log.read_text()[-3000:]}]

    def state(self) -> dict[str, Any]:
        """What the host is like now: on_host.py."""
        script = Path(__file__).parent / "on_host.py"
        with script.open("rb") as file:
            done = subprocess.run(self.host.look(), stdin=file, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        self.last_state = found
        return found

    def close(self) -> None:
        """End the engine."""
        if self._server is not None:
            with self._server as server:  # closes its pipes and waits
                assert server.stdin is not None
                server.stdin.close()
            self._server = None


def twins(inventory: Path, folder: Path, *, first: int = 0, replay: bool = False) -> tuple[Twin, Twin]:
    """kprov's and Ansible's, on an inventory's hosts `first` and the next. `replay` is for Ansible's."""
    hosts = hosts_of(inventory)[first : first + 2]
    pair = tuple(Twin(engine, host, folder / engine) for engine, host in zip(ENGINES, hosts, strict=True))
    pair[1].replay = replay
    for twin in pair:
        twin.start()
    return pair[0], pair[1]
