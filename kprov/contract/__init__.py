"""Owns the facts that both wings of kprov must agree on: data, and typed access to it.

It imports neither the provisioner nor the components. Both may import it: `scheduler/` is part of the bundle,
`components/` is for the provisioner, and the roles read its tables, too.
"""
