"""Ansible's vault: its texts (data/vault was made by ansible-vault 2.19), its passwords, `kprov vault`."""

from __future__ import annotations

import copy
import pickle
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from kprov.cli.commands.vault import app
from kprov.errors import InputError
from kprov.inventory import secrets, yaml_file
from kprov.inventory.sources.load import load_inventory
from kprov.inventory.vault import keyring, vault_files, vault_format
from kprov.inventory.vault.keyring import Keyring, Password, collect_keyring
from kprov.inventory.vault.vault_format import Secret, Undecrypted, Unsafe, VaultError

DATA = Path(__file__).parents[1] / "data" / "vault"
PASSWORD = DATA / "password"
CLIENT = f"lab@{DATA / 'lab-client'}"
RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (
        "ANSIBLE_VAULT_PASSWORD_FILE",
        "ANSIBLE_VAULT_IDENTITY_LIST",
        "ANSIBLE_VAULT_ID_MATCH",
        "VISUAL",
        "EDITOR",
    ):
        monkeypatch.delenv(name, raising=False)
    keyring.use_keyring(None)
    yield
    keyring.use_keyring(None)
    secrets.forget()


def _run(*words: str | Path, text: str | None = None) -> str:
    result = RUNNER.invoke(app, [str(word) for word in words], input=text)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_values_of_ansible_vault_are_read_with_the_password_of_their_id() -> None:
    keyring.use_keyring(collect_keyring([CLIENT], [PASSWORD]))
    found = yaml_file.load_yaml(DATA / "mixed.yml")
    assert found == {"plain": "seen", "secret": "one {{ 1 + 1 }} value", "labelled": "labelled value"}
    assert isinstance(found["secret"], Secret)
    assert found["secret"].ciphertext.startswith("$ANSIBLE_VAULT;1.1;AES256\n")


def test_a_decrypted_value_is_masked_in_output() -> None:
    keyring.use_keyring(collect_keyring([CLIENT], [PASSWORD]))
    found = yaml_file.load_yaml(DATA / "mixed.yml")
    assert secrets.scrub(f"x {found['labelled']} y") == "x ******** y"
    assert secrets.scrub("correct horse") == "********"


def test_values_of_an_encrypted_file_are_secrets_but_short_numbers_are_not() -> None:
    keyring.use_keyring(collect_keyring([], [PASSWORD]))
    found = yaml_file.load_yaml(DATA / "vars.yml")
    assert found["nested"]["token"] == ["deep-token-value"]
    assert (
        secrets.scrub("vaulted-file-value deep-token-value 5432 12345678")
        == "******** ******** 5432 ********"
    )


def test_a_value_that_no_password_opens_fails_where_it_is_looked_at() -> None:
    keyring.use_keyring(collect_keyring([], [PASSWORD]))
    found = yaml_file.load_yaml(DATA / "mixed.yml")
    value = found["labelled"]
    assert isinstance(value, Undecrypted)
    line = next(
        n for n, text in enumerate((DATA / "mixed.yml").read_text().splitlines(), 1) if "labelled" in text
    )
    message = rf"mixed.yml:{line}: no vault password decrypts this \(its vault id is lab\); tried: default"
    for look in (str, bool, len, iter, lambda one: one == "x", lambda one: f"{one}"):
        with pytest.raises(VaultError, match=message):
            look(value)
    assert "cannot be decrypted" in repr(value)
    assert VaultError("x").exit_code == 2


def test_without_a_password_a_whole_file_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        VaultError, match=r"vars.yml:1: the value is encrypted, and no vault password was given: .*--vault-id"
    ):
        yaml_file.load_yaml(DATA / "vars.yml")


def test_vault_passwords_come_from_the_environment_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(PASSWORD))
    monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", f"{CLIENT}, other@{PASSWORD}")
    labels = [(one.label, one.value) for one in keyring.current_keyring().passwords]
    assert labels == [
        ("lab", b"of the script for lab"), ("other", b"correct horse"), ("default", b"correct horse"),
    ]  # fmt: skip


def test_a_prompt_asks_once_to_read_and_twice_for_a_new_password() -> None:
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return "typed"

    assert collect_keyring(["lab@prompt"], ask=True, prompt=answer).passwords[0] == Password("lab", b"typed")
    assert asked == ["Vault password (lab): ", "Vault password: "]
    asked.clear()
    collect_keyring(["lab@prompt"], new=True, prompt=answer)
    assert asked == ["New vault password (lab): ", "Confirm new vault password (lab): "]
    answers = iter(["a", "b"])
    with pytest.raises(InputError, match="the passwords differ"):
        collect_keyring(ask=True, new=True, prompt=lambda _: next(answers))


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0o600, "the vault password file does not exist"),
        ("\n", 0o600, "the vault password file is empty"),
        ("#!/bin/sh\necho why >&2; exit 4\n", 0o700, "failed with exit code 4: why"),
        ("a password\n", 0o700, "a file that holds a password must not be executable"),
    ],
)
def test_a_wrong_password_file_is_refused(
    tmp_path: Path, content: str | None, mode: int, message: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(InputError, match=message):
        collect_keyring([], [path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$ANSIBLE_VAULT;1.0;AES\n00", r"the vault format 1\.0 is not supported"),
        ("$ANSIBLE_VAULT;1.1;AES\n00", "the vault cipher AES is not supported"),
        ("$ANSIBLE_VAULT;1.1;AES256\n0x", "damaged"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6161", "damaged"),
        ("nothing", "not a vault text"),
    ],
)
def test_a_malformed_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(VaultError, match=f"f.yml:3: .*{message}"):
        Keyring([Password("default", b"x")]).open(text, "f.yml", 3)


@pytest.mark.parametrize("plain", [b"", b"x", b"sixteen bytes ..", b"\xff\x00" * 1000])
def test_what_is_encrypted_is_decrypted_again_and_a_changed_byte_is_noticed(plain: bytes) -> None:
    text = vault_format.encrypt(plain, b"pw", "lab")
    assert text.startswith("$ANSIBLE_VAULT;1.2;AES256;lab\n")
    assert max(map(len, text.splitlines())) == 80
    assert vault_format.decrypt(vault_format.parse_envelope(text), b"pw") == plain
    assert vault_format.decrypt(vault_format.parse_envelope(text), b"other") is None
    envelope = vault_format.parse_envelope(text)
    changed = bytes([envelope.ciphertext[0] ^ 1]) + envelope.ciphertext[1:]
    assert vault_format.decrypt(replace(envelope, ciphertext=changed), b"pw") is None


def test_a_copy_of_a_secret_is_no_template_either() -> None:
    value = Secret("abc")
    value.ciphertext = "$ANSIBLE_VAULT"
    assert copy.deepcopy([value])[0] is value
    again = pickle.loads(pickle.dumps(value))
    assert (again, type(again)) == ("abc", Unsafe)
    closed = Undecrypted("$ANSIBLE_VAULT", VaultError("no"))
    assert copy.deepcopy({"a": closed})["a"] is closed


def test_a_file_is_encrypted_viewed_rekeyed_and_decrypted(tmp_path: Path) -> None:
    file = tmp_path / "vars.yml"
    file.write_text("a: b\n")
    file.chmod(0o640)
    _run("encrypt", file, "--vault-password-file", PASSWORD)
    assert file.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert _run("view", file, "--vault-password-file", PASSWORD) == "a: b\n"
    with pytest.raises(InputError, match="is encrypted already"):
        _run("encrypt", file, "--vault-password-file", PASSWORD)
    _run("rekey", file, "--vault-password-file", PASSWORD, "--new-vault-id", CLIENT)
    assert file.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;lab\n")
    with pytest.raises(VaultError, match="no vault password decrypts"):
        _run("view", file, "--vault-password-file", PASSWORD)
    _run("decrypt", file, "--vault-id", CLIENT)
    assert file.read_text() == "a: b\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(VaultError, match="is not encrypted"):
        _run("decrypt", file, "--vault-id", CLIENT)
    assert [path.name for path in tmp_path.iterdir()] == ["vars.yml"]


def test_a_text_goes_through_standard_input_and_output() -> None:
    text = _run("encrypt", "--vault-password-file", PASSWORD, text="some text\n")
    assert _run("decrypt", "--vault-password-file", PASSWORD, text=text) == "some text\n"


def test_a_string_is_encrypted_for_a_yaml_file(tmp_path: Path) -> None:
    shown = _run("encrypt-string", "--vault-id", CLIENT, "-n", "a", "one", "-n", "b", "two")
    (tmp_path / "f.yml").write_text(shown)
    keyring.use_keyring(collect_keyring([CLIENT]))
    assert yaml_file.load_yaml(tmp_path / "f.yml") == {"a": "one", "b": "two"}
    assert shown.startswith("a: !vault |\n          $ANSIBLE_VAULT;1.2;AES256;lab\n")


def test_several_ids_need_a_choice_of_the_one_that_encrypts(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    both: list[str | Path] = ["--vault-id", CLIENT, "--vault-password-file", PASSWORD]
    with pytest.raises(InputError, match="--encrypt-vault-id: there are several vault ids"):
        _run("encrypt", file, *both)
    with pytest.raises(InputError, match="no vault password has the id 'other'"):
        _run("encrypt", file, *both, "--encrypt-vault-id", "other")
    _run("encrypt", file, *both, "--encrypt-vault-id", "lab")
    assert ";lab\n" in file.read_text()


def test_the_editor_changes_a_file_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    editor = tmp_path / "editor"
    editor.write_text(
        f'#!/bin/sh\nstat -c %a "$1" > {seen}\necho "$1" >> {seen}\ncp "$1" "$1~"\necho "b: 2" >> "$1"\n'
    )
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    file = tmp_path / "vars.yml"
    _run("create", file, "--vault-password-file", PASSWORD)
    _run("edit", file, "--vault-password-file", PASSWORD)
    assert _run("view", file, "--vault-password-file", PASSWORD) == "b: 2\nb: 2\n"
    mode, path = seen.read_text().splitlines()
    assert mode == "600"
    assert path.endswith(".yml")
    assert not Path(path).parent.exists()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="already exists"):
        _run("create", file, "--vault-password-file", PASSWORD)


def test_an_editor_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    before = vault_format.encrypt(b"x", b"correct horse")
    file.write_text(before)
    monkeypatch.setenv("EDITOR", "false")
    folder = vault_files.memory_folder() or Path("/tmp")
    leftovers = set(folder.glob("kprov-vault-*"))
    with pytest.raises(
        InputError, match=r"\$EDITOR \(false\): failed with exit code 1; the file is unchanged"
    ):
        _run("edit", file, "--vault-password-file", PASSWORD)
    assert file.read_text() == before
    assert set(folder.glob("kprov-vault-*")) == leftovers


def test_a_link_stays_a_link_when_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    vault_files.write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_secret_is_hidden_also_in_json_in_python_and_by_lines() -> None:
    secrets.register('first "line" here\nsecond line here')
    for shown in ('first \\"line\\" here\\nsecond line here', "second line here", 'first "line" here'):
        assert "line" not in secrets.scrub(shown)


def test_words_that_every_output_has_are_not_hidden() -> None:
    for word in ("yes", "true", "no", "1", "", "present"):
        secrets.register(word)
    assert secrets.scrub("yes true no 1 present") == "yes true no 1 present"


def test_longer_secrets_are_hidden_before_those_within_them() -> None:
    secrets.register("abcd")
    secrets.register("abcdefgh")
    assert secrets.scrub("abcdefgh abcd") == "******** ********"


def test_a_secret_can_be_written_as_yaml() -> None:
    assert yaml.safe_load(yaml.safe_dump(str(Secret("x")))) == "x"


def test_a_whole_inventory_may_be_encrypted(tmp_path: Path) -> None:
    text = b"[web]\nweb1 ansible_host=192.0.2.7 ansible_become_password='pass word'\n"
    (tmp_path / "hosts").write_text(vault_format.encrypt(text, b"correct horse"))
    keyring.use_keyring(collect_keyring([], [PASSWORD]))
    inventory = load_inventory(tmp_path / "hosts")
    assert inventory.variables("web1")["ansible_become_password"] == "pass word"
    assert secrets.scrub("192.0.2.7 pass word") == "192.0.2.7 ********"


def test_the_environment_may_choose_and_restrict_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    both: list[str | Path] = ["--vault-id", CLIENT, "--vault-password-file", PASSWORD]
    monkeypatch.setenv("ANSIBLE_VAULT_ENCRYPT_IDENTITY", "lab")
    _run("encrypt", file, *both)
    keys = Keyring([Password("other", b"of the script for lab")])
    assert keys.open(file.read_text()) == b"x"
    monkeypatch.setenv("ANSIBLE_VAULT_ID_MATCH", "true")
    with pytest.raises(VaultError, match="no vault password decrypts"):
        keys.open(file.read_text())
