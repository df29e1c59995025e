"""Controllers for service accounts: default accounts, their token secrets, the root CA in every namespace.

`registry` lists them. They import the framework only.
"""
