"""All problems of an inventory are reported at once, each one once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import open_cluster


def find_problems(folder: Path, count: int) -> list[str]:
    """Return the lines of the error of an inventory of so many hosts, whose variable cannot be rendered."""
    hosts = "".join(f"    h{number}: {{ip: 192.0.2.{number}}}\n" for number in range(1, count + 1))
    groups = "".join(
        f"    {group}: {{hosts: {{{', '.join(f'h{number}: ' for number in range(1, last + 1))}}}}}\n"
        for group, last in (("kube_control_plane", 1), ("etcd", 1), ("kube_node", count))
    )
    text = f'all:\n  vars: {{dns_domain: "{{{{ nothing }}}}"}}\n  hosts:\n{hosts}  children:\n{groups}'
    (folder / "hosts.yml").write_text(text)
    with pytest.raises(InputError) as caught, open_cluster(folder / "hosts.yml"):
        pass
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, "(host h1)"), (3, "(hosts h1, h2, h3)"), (8, "(hosts h1, h2, h3, h4, h5 and 3 more)")],
)
def test_a_template_that_fails_on_many_hosts_is_one_problem(tmp_path: Path, count: int, named: str) -> None:
    (line,) = find_problems(tmp_path, count)
    assert line.startswith(f"{tmp_path}/hosts.yml:2: dns_domain: 'nothing' is undefined")
    assert line.endswith(named)
