from kprov.kube.machinery import field, resources, status


def test_not_found_says_resource_and_name_as_upstream() -> None:
    error = status.not_found("deployments.apps", "web")
    assert error.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "web" not found',
        "reason": "NotFound",
        "details": {"name": "web", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


def test_status_constructors_accept_a_resource_or_its_name() -> None:
    pods = resources.find("", "v1", "pods")
    assert pods is not None
    error = status.conflict(pods, "web", status.OPTIMISTIC_LOCK_TEXT)
    assert error.code == 409
    assert error.message == (
        'Operation cannot be fulfilled on pods "web": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_invalid_lists_each_cause_and_says_equal_texts_once() -> None:
    one = field.required("spec.containers")
    error = status.invalid("", "Pod", "web", [one])
    assert error.message == 'Pod "web" is invalid: spec.containers: Required value'
    both = status.invalid("apps", "Deployment", "web", [one, one, field.invalid("spec.replicas", -1, "no")])
    assert both.message == (
        'Deployment.apps "web" is invalid: [spec.containers: Required value, spec.replicas: Invalid value: -1: no]'
    )
    assert len(both.status["details"]["causes"]) == 3


def test_forbidden_leaves_out_what_it_does_not_know() -> None:
    assert status.forbidden("", "", "no").message == "forbidden: no"
    assert status.forbidden("pods", "", "no").message == "pods is forbidden: no"
    assert status.forbidden("pods", "web", "no").message == 'pods "web" is forbidden: no'


def test_too_many_requests_says_when_to_come_back() -> None:
    assert status.too_many_requests("slow down", 7).retry_after_seconds == 7
    assert status.bad_request("no").retry_after_seconds is None
