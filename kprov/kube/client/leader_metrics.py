"""The metric of client-go's leader election."""

from typing import Final

from kprov.kube.component_base import metrics

MASTER_STATUS: Final = metrics.gauge(
    "leader_election_master_status",
    "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates "
    "master. 'name' is the string used to identify the lease. Please make sure to group by name.",
    ["name"],
)
