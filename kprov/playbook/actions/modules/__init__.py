"""One file for each Ansible module that has work on the operator's machine, named after the module.

running imports a file by the name of its module: `prepare` makes calls of the agent, `run` makes a result.
They import the package actions and the layers below.
"""
