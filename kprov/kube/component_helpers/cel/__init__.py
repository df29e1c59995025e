"""CEL expressions of Kubernetes: the environment, its types and functions, and errors in upstream's words.

Admission policies, the controller of their status and device selectors use it. It imports machinery only.
The library (cel-expr-python) and protobuf are loaded with the first expression: most clusters have none.
"""
