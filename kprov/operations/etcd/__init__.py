"""Operations on etcd: status, snapshots, defragmentation, alarms, restore.

Called by `kprov/cli/commands/etcd.py`; those that change the cluster run through `operations/operation.py`.
"""
