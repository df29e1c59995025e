"""The command line: commands, their options and their output.

No other package imports it. It may import every package of the provisioner.
"""
