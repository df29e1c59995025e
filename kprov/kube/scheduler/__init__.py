"""Owns kube-scheduler, which binds pods to nodes.

`__main__.py` starts it. `app.py` connects its parts: `informers/` fill `state/` and `queue/`;
`cycle/` takes a pod from the queue and chooses its node with `plugins/`; `binding/` binds the pod.
It may import the client and what stands below it. import-linter holds the order of its folders.
"""
