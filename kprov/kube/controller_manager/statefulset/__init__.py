"""The stateful set controller (pkg/controller/statefulset).

`controller` runs syncs, `sync` has their order. `identity`, `claims`, `pods`, `revisions` and `status` are
rules without requests. `pod_control` and `history` send the requests.
"""
