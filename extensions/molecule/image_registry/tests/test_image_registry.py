"""The registry has the export's images, with a certificate of the cluster's CA."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request

from testinfra.host import Host

# tests/lab/app_image.py makes registry.example.com:5000/team/app:1.
NAME, TAG = "registry.example.com_5000/team/app", "1"


def test_the_registry_has_the_image_of_the_export(host: Host) -> None:
    context = ssl.create_default_context(
        cafile=f"{os.environ['KPROV_MOLECULE_INVENTORY']}/artifacts/pki/ca.crt"
    )
    url = f"https://{host.ansible.get_variables()['ansible_host']}:5000/v2/{NAME}/tags/list"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        assert json.load(answer) == {"name": NAME, "tags": [TAG]}
