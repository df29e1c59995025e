"""kube-controller-manager: a package or a file for each controller, as upstream in pkg/controller.

`registry` lists the controllers. All of them build on `framework`. Imports client and below.
"""
