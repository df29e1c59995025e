"""Resource quotas: what objects use of them, for admission and for the quota controller.

Objects are JSON documents. May import: pod_resources, machinery. `registry` finds a kind's evaluator.
"""
