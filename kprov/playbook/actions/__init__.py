"""The part of a task that runs on the operator's machine: files to send, messages to show, facts to set.

running calls it for each task; `modules` holds one file for each Ansible module that has such a part.
It imports connections and the layers below.
"""
