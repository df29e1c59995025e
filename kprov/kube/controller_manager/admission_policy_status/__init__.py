"""Checks the types in expressions of validating admission policies, and reports warnings in their status.

The registry starts it. It imports the framework and component_helpers.cel.
"""
