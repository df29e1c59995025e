"""Resource quotas: what objects use of them. Admission charges by it, the quota controller recounts by it.

Objects are JSON documents. May import: pod_resources, machinery. `registry` finds a kind's evaluator.
"""
