"""Controllers need no more than upstream's bootstrap roles."""

from __future__ import annotations

from pathlib import Path

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.controllers import controllers
from tests.apiserver.fake_kubelet import fake_kubelet
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.cron_jobs import create_cron_job, make_schedule, set_last_schedule
from tests.apiserver.workloads.jobs import build_job, check_released, wait_for_end


def bind_role(server: ApiServer, role: str, user: str) -> None:
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
    body = {"metadata": {"name": f"{user}-{role}"}, "roleRef": reference, "subjects": [subject]}
    ok(server, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", body)


def test_job_controllers_work_with_their_own_roles(tmp_path: Path) -> None:
    names = ("job-controller", "cronjob-controller", "ttl-after-finished-controller")
    with (
        running(tmp_path, "--disable-admission-plugins=ServiceAccount") as (_, server),
        fake_kubelet(server) as kubelet,
    ):
        for name in names:
            bind_role(server, f"system:controller:{name}", "bob")
        home = Home(server, kubelet, "roles")
        ok(server, "POST", "/api/v1/namespaces", {"metadata": {"name": home.name}})
        with controllers(server, *names, token="bob-token"):
            home.create("jobs", build_job("failing", backoffLimit=0, command="exit 1"))
            wait_for_end(home, "failing", "Failed", "BackoffLimitExceeded")
            check_released(home, "failing")
            home.create("jobs", build_job("short", command="exit 0", ttlSecondsAfterFinished=0))
            eventually(lambda: home.get("jobs", "short")["metadata"].get("deletionTimestamp"))
            create_cron_job(home, "cron", make_schedule(5), command="exit 0")
            set_last_schedule(home, "cron", hours=1)
            eventually(lambda: home.get("cronjobs", "cron")["status"].get("lastSuccessfulTime"))
            home.wait_for_reason("cron", "SawCompletedJob")
        assert "forbidden" not in (tmp_path / "controllers.log").read_text()
