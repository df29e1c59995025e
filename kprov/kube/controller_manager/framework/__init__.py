"""Parts of every controller: the loop with its work queue, owner references, expectations, pod control.

Every controller imports it. It imports no controller.
"""
