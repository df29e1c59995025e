"""Variables of hosts and tasks: Ansible's precedence, facts, and variables given by includes.

connections and running ask it for the scope of a task.
It imports templating, results (for the options of the run) and the model.
"""
