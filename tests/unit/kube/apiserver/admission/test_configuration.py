"""The AdmissionConfiguration file."""

from pathlib import Path

import pytest

from kprov.kube.apiserver.admission import configuration

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n"


def test_a_field_that_there_is_not_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(HEAD + "plugin: []\n")
    with pytest.raises(configuration.ConfigurationError, match=rf'{file}: unknown field "plugin"'):
        configuration.read(str(file), ["PodSecurity"])
    file.write_text(HEAD + "plugins: []\n")
    assert configuration.read(str(file), ["PodSecurity"]) == {}
