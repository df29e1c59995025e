"""What a server has in its memory before anybody has asked it for anything."""

import subprocess
import sys

#: Of requests and configurations that most servers never see.
_LATER = ("aiohttp", "wsproto", "yaml", "grpc")


def test_the_libraries_of_rare_requests_come_with_them() -> None:
    code = f"import sys, kprov.kube.apiserver.app; print([name for name in {_LATER} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
