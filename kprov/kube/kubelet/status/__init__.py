"""Pod statuses: computed from spec and runtime, sent to the API server when they change.

`kubelet.py` calls it. It imports the runtime's decisions, pods and cri.
"""
