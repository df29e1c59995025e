"""What the import of the metrics library leaves in a process."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
from kprov.kube.component_base import metrics
metrics.counter("kprov_test_total", "A test.", ["name"]).labels("a").inc()
assert b'kprov_test_total{name="a"} 1.0' in metrics.render()
print(*sorted({"email", "http.server", "urllib.error", "urllib.request", "wsgiref"} & set(sys.modules)))
import http.server, urllib.request
assert issubclass(http.server.HTTPServer, object) and urllib.request.Request("http://a").host == "a"
"""


def test_metrics_work_without_web_servers_which_can_be_imported_later() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
