"""`kprov init --vagrant`: what becomes of Vagrant's machines. `make vagrant` runs it on real ones."""

from pathlib import Path

import pytest
import yaml

from kprov.cli.commands.new_inventory import Answers, render_files
from kprov.cli.commands.vagrant_machines import (
    Machine,
    choose_addresses,
    parse_addresses,
    parse_ssh_config,
    read_machines,
)
from kprov.errors import InputError

SSH_CONFIG = """
Host worker1
  HostName 127.0.0.1
  User vagrant
  Port 2201
  UserKnownHostsFile /dev/null
  IdentityFile "/home/me/my lab/worker1/private_key"
  LogLevel FATAL

Host control1
  HostName 192.168.121.7
  User vagrant
  Port 22
  IdentityFile /home/me/control1/private_key
  IdentityFile /home/me/second_key
"""


def machine(name: str, host: str, *addresses: str) -> Machine:
    return Machine(name=name, host=host, port=22, user="vagrant", key="/key", addresses=addresses)


def test_ssh_config_gives_each_machine_its_login_sorted_by_name() -> None:
    control, worker = parse_ssh_config(SSH_CONFIG)
    assert (control.name, control.host, control.port) == ("control1", "192.168.121.7", 22)
    assert control.key == "/home/me/control1/private_key"
    assert (worker.name, worker.port, worker.key) == ("worker1", 2201, "/home/me/my lab/worker1/private_key")


def test_addresses_that_a_cluster_added_do_not_count() -> None:
    output = """[
      {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8, "scope": "host"},
                                     {"local": "169.254.25.10", "prefixlen": 32, "scope": "global"}]},
      {"ifname": "eth0", "addr_info": [{"local": "192.168.121.7", "prefixlen": 24, "scope": "global"}]},
      {"ifname": "eth1", "addr_info": [{}, {"local": "192.168.56.11", "prefixlen": 24, "scope": "global"}]},
      {"ifname": "cni0", "addr_info": [{"local": "10.233.64.1", "prefixlen": 24, "scope": "global"}]},
      {}]"""
    assert parse_addresses(output) == ("192.168.121.7/24", "192.168.56.11/24")


def test_libvirt_machines_use_the_private_network_and_not_the_one_of_the_login() -> None:
    machines = [
        machine("a", "192.168.121.7", "192.168.121.7/24", "192.168.56.11/24"),
        machine("b", "192.168.121.8", "192.168.121.8/24", "192.168.56.12/24"),
    ]
    assert choose_addresses(machines) == {"a": "192.168.56.11", "b": "192.168.56.12"}


def test_the_same_address_on_each_machine_is_no_shared_network() -> None:
    machines = [
        machine("a", "127.0.0.1", "10.0.2.15/24", "192.168.56.11/24"),
        machine("b", "127.0.0.1", "10.0.2.15/24", "192.168.56.12/24"),
    ]
    assert choose_addresses(machines) == {"a": "192.168.56.11", "b": "192.168.56.12"}


def test_machines_without_a_private_network_use_the_network_of_the_login() -> None:
    machines = [machine("a", "10.9.0.2", "10.9.0.2/24"), machine("b", "10.9.0.3", "10.9.0.3/24")]
    assert choose_addresses(machines) == {"a": "10.9.0.2", "b": "10.9.0.3"}


def test_machines_that_share_no_network_are_rejected_with_what_to_do() -> None:
    machines = [
        machine("a", "127.0.0.1", "10.0.2.15/24"),
        machine("b", "127.0.0.1", "10.0.2.15/24"),
    ]
    with pytest.raises(InputError, match="private_network"):
        choose_addresses(machines)


def test_the_inventory_has_login_and_cluster_address_of_each_machine() -> None:
    one = machine("control1", "127.0.0.1", "192.168.56.11/24")
    answers = Answers(
        hosts=(("control1", "192.168.56.11"),),
        user="vagrant",
        host_variables={"control1": one.host_variables},
    )
    host = yaml.safe_load(render_files(answers)["hosts.yml"])["all"]["hosts"]["control1"]
    assert host["ansible_host"] == "127.0.0.1"
    assert host["ip"] == "192.168.56.11"
    assert host["ansible_ssh_private_key_file"] == "/key"


def test_a_folder_without_vagrantfile_is_rejected_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no Vagrantfile"):
        read_machines(tmp_path)
