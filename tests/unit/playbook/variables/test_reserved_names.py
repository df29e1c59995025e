"""Which variables a host's facts can set."""

from __future__ import annotations

import pytest

from kprov.playbook.running import engine
from kprov.playbook.variables.reserved_names import is_reserved
from kprov.transport.options.host_options import METHODS


@pytest.mark.parametrize(
    "name",
    [name for name in engine._CONNECTION if name.startswith("ansible_")]
    + [f"ansible_{method}_{part}" for method in (*METHODS, "become") for part in ("exe", "user", "flags")]
    + ["ansible_become", "ansible_become_method", "ansible_perl_interpreter", "ansible_ssh_executable"]
    + ["ansible_play_hosts", "ansible_check_mode", "ansible_search_path", "ansible_delegated_vars"],
)
def test_a_fact_never_sets_how_a_host_is_reached_or_what_the_engine_tells(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name",
    ["hostname", "user_id", "user_dir", "python", "python_version", "env", "local", "hostnqn", "virtualization_role",
     "ssh_host_key_ed25519_public", "ssh_host_key_rsa_public_keytype", "default_ipv4", "service_mgr"],
)  # fmt: skip
def test_a_fact_of_the_setup_module_is_a_variable(name: str) -> None:
    assert not is_reserved(f"ansible_{name}")
