"""The programs of an archive are linked and run."""

from __future__ import annotations

import pytest
from testinfra.host import Host


@pytest.mark.parametrize("program", ["etcd", "etcdctl"])
def test_a_program_of_the_archive_is_linked_and_runs(host: Host, program: str) -> None:
    version = str(host.ansible.get_variables()["etcd_version"])
    link = host.file(f"/usr/local/bin/{program}")
    assert link.linked_to.startswith(f"/opt/kprov/archives/etcd-{version}-")
    option = "--version" if program == "etcd" else "version"
    assert version in host.check_output(f"{program} {option}")
