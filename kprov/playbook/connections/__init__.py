"""How a task reaches its host: connection variables, become, and sending modules to the agent.

actions and running call it.
It imports variables and the layers below.
"""
