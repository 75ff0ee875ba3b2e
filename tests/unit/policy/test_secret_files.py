"""Secrets are read from files and the environment, and no message ever shows one."""

from pathlib import Path

import pytest

from policy.access import Auth
from policy.health import Health
from policy.loader import parse
from policy.secret_files import SecretError, password, problems, read_file, token

TEXT = """\
fleet:
  auth: {password_env: CACHE_PASSWORD}
  sentinel:
    addresses: [10.0.0.9]
    auth: {password_file: sentinel.pw}
notify:
  slack:
    channel: "#a"
    token_file: slack.token
  pagerduty:
    routing_key_file: pagerduty.key
"""


def told(base: Path, environ: dict[str, str], *parts: str) -> list[str]:
    return [str(problem) for problem in problems(parse(TEXT, "p.yaml", base), environ, parts)]


def test_a_secret_is_the_text_without_the_line_break_that_editors_add(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for raw in ("s3cret", "s3cret\n", "s3cret\r\n"):
        path.write_bytes(raw.encode())
        assert read_file(path) == "s3cret"
    path.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    assert read_file(path) == "s3cret", "an editor's mark of UTF-8 is none of it"
    path.write_text("  with spaces \n")
    assert read_file(path) == "  with spaces "


def test_a_password_comes_from_its_variable_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from file\n")
    assert password(Auth(password_env="PW"), {"PW": "from env"}) == "from env"
    assert password(Auth(password_file=tmp_path / "pw"), {}) == "from file"


def test_the_token_of_the_health_indicator_comes_from_its_variable_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from file\n")
    assert token(Health(token_env="T"), {"T": "from env"}) == "from env"
    assert token(Health(token_file=tmp_path / "token"), {}) == "from file"
    loaded = parse("health: {token_env: T}", "p.yaml", tmp_path)
    assert [str(p) for p in problems(loaded, {}, ("health",))] == [
        "p.yaml:1: health.token_env: environment variable T is not set"
    ]
    assert not list(problems(loaded, {"T": "x"}, ("health",)))
    assert not list(problems(loaded, {}, ("fleet",)))


@pytest.mark.parametrize("environ", [{}, {"PW": ""}])
def test_a_variable_that_is_not_set_or_empty_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(SecretError, match=r"^environment variable PW is not set$"):
        password(Auth(password_env="PW"), environ)


@pytest.mark.parametrize(
    ("raw", "reason"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text")]
)
def test_a_file_that_holds_no_secret_is_named_with_the_reason(tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(raw)
    with pytest.raises(SecretError) as refused:
        read_file(path)
    assert str(refused.value) == f"{path} {reason}"


def test_every_secret_that_cannot_be_read_is_told_on_the_line_of_its_key(tmp_path: Path) -> None:
    missing = "cannot be read: No such file or directory"
    assert told(tmp_path, {}, "fleet", "slack", "alertmanager") == [
        "p.yaml:2: fleet.auth.password_env: environment variable CACHE_PASSWORD is not set",
        f"p.yaml:5: fleet.sentinel.auth.password_file: {tmp_path}/sentinel.pw {missing}",
        f"p.yaml:9: notify.slack.token_file: {tmp_path}/slack.token {missing}",
        f"p.yaml:11: notify.pagerduty.routing_key_file: {tmp_path}/pagerduty.key {missing}",
    ]


def test_a_command_asks_only_for_the_secrets_it_uses(tmp_path: Path) -> None:
    (tmp_path / "slack.token").write_text("xoxb-1")
    assert told(tmp_path, {}, "slack") == []
    assert len(told(tmp_path, {"CACHE_PASSWORD": "x"}, "fleet")) == 1


def test_without_authentication_there_is_nothing_to_read() -> None:
    assert list(problems(parse("", "p.yaml", Path("/")), {}, ("fleet", "slack", "alertmanager"))) == []


def test_a_variable_that_is_no_text_is_named_before_anybody_sends_it() -> None:
    with pytest.raises(SecretError, match="PW is not UTF-8 text"):
        password(Auth(username="u", password_env="PW"), {"PW": b"p\xe4ss".decode("utf-8", "surrogateescape")})
