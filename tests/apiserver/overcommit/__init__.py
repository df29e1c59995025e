"""Random pods, nodes that change, faults and changes of the leader: no node is ever overcommitted."""
