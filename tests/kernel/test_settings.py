"""Settings come from the environment; every fault is told at once, and no secret is shown."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()


def test_every_setting_can_be_set() -> None:
    special = {
        "DATABASE_URL": "sqlite:///x",
        "REDIS_URL": "redis://x",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }
    special |= {"SCALER_START": "plain", "PYTHON_RULES": "off"}
    names = {each.name.upper(): "120" for each in fields(Settings)} | special
    names |= {
        "API_TOKENS": "a" * 16,
        "RECEIPT_KEY": "0f" * 32,
        "HEARTBEAT_S": "60",
        "OPEN_READS": "true",
        "OPEN_ACCESS": "false",
        "EXAMPLES": "false",
    }
    names |= {"AUTH_PROXY_SCOPE": "read"}

    values = load_settings(names)

    defaults = {
        name: type(value) for name, value in asdict(Settings()).items() if value is not None
    }
    assert {name: type(asdict(values)[name]) for name in defaults} == defaults
    assert (values.max_losses, values.reconcile_s) == (120, 120.0)
    assert (values.ready_file, values.keep_runs_days) == (Path("120"), 120)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(InvalidSettings) as faults:
        load_settings(
            {
                "LEASE_S": "soon",
                "RUN_TIMEOUT_S": "-1",
                "REDIS_URL": "http://x",
                "LOG_FORMAT": "xml",
            }
        )

    text = str(faults.value)
    assert all(
        name in text
        for name in ("LEASE_S='soon'", "RUN_TIMEOUT_S='-1'", "REDIS_URL", "LOG_FORMAT='xml'")
    )


@pytest.mark.parametrize("text", ["nan", "inf", "0", "-3", "1e13", "ten", "²"])
def test_a_duration_is_a_positive_number(text: str) -> None:
    with pytest.raises(InvalidSettings, match="LEASE_S"):
        load_settings({"LEASE_S": text})


@pytest.mark.parametrize("name", ["PORT", "DB_PORT"])
@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "²", "80.0"])
def test_a_port_is_a_number_that_a_port_can_have(name: str, text: str) -> None:
    parts = {"DB_HOST": "db", "DB_NAME": "runs", "DB_USER": "u", "DB_PASSWORD": "p"}

    with pytest.raises(
        InvalidSettings, match=f"  {name}='{text}': a number from 1 to 65535 is expected"
    ):
        load_settings({**parts, name: text})


def test_a_secret_s_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidSettings, match="SECRET_KEY_FILE=.*not UTF-8 text"):
        load_settings({"SECRET_KEY_FILE": str(tmp_path / "key")})


def test_a_secret_never_stands_in_the_message() -> None:
    with pytest.raises(InvalidSettings) as fault:
        load_settings({"DATABASE_URL": "oracle://scott:tiger@db/x", "API_TOKENS": "short-secret"})

    assert "tiger" not in str(fault.value) and "short-secret" not in str(fault.value)


def test_a_lease_alone_brings_its_heartbeat_along() -> None:
    assert load_settings({"LEASE_S": "10"}).heartbeat_s == 2.5


@pytest.mark.parametrize("proxy", ["", "*"])
def test_a_user_is_believed_of_one_named_proxy_only(proxy: str) -> None:
    with pytest.raises(InvalidSettings, match="TRUSTED_PROXY must be the address"):
        load_settings({"AUTH_PROXY_HEADER": "X-Forwarded-User", "TRUSTED_PROXY": proxy})


def test_a_heartbeat_that_could_lose_the_run_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="HEARTBEAT_S=6: at most half of LEASE_S=10"):
        load_settings({"LEASE_S": "10", "HEARTBEAT_S": "6"})


def test_another_key_prefix_of_rq_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="RQ_KEY_PREFIX='team': unset it"):
        load_settings({"RQ_KEY_PREFIX": "team"})


def test_a_database_is_named_by_its_parts() -> None:
    parts = {"DB_HOST": "db", "DB_NAME": "runs", "DB_USER": "u@x", "DB_PASSWORD": "p/w:%"}

    url = load_settings(parts).database_url

    assert url == "mysql+pymysql://u%40x:p%2Fw%3A%25@db:3306/runs?charset=utf8mb4"


def test_the_authority_of_a_database_goes_into_its_url(tmp_path: Path) -> None:
    authority = tmp_path / "our ca.pem"
    authority.touch()
    parts = {
        "DB_HOST": "db",
        "DB_NAME": "runs",
        "DB_USER": "u",
        "DB_PASSWORD": "p",
        "DB_TLS_CA": str(authority),
    }

    url = make_url(load_settings(parts).database_url)

    assert url.query == {"charset": "utf8mb4", "ssl_ca": str(authority)}
    authority.unlink()
    with pytest.raises(InvalidSettings, match=r"DB_TLS_CA='.*our ca.pem': there is no such file"):
        load_settings(parts)


def test_missing_parts_of_a_database_are_named() -> None:
    with pytest.raises(InvalidSettings, match=r"(?s)DB_NAME.*DB_USER.*DB_PASSWORD"):
        load_settings({"DB_HOST": "db"})


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hidden@redis:6379/0\n")

    assert (
        load_settings({"REDIS_URL_FILE": str(tmp_path / "url")}).redis_url
        == "redis://:hidden@redis:6379/0"
    )


def test_a_secret_s_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="SECRET_KEY_FILE=.*No such file"):
        load_settings({"SECRET_KEY_FILE": str(tmp_path / "none")})


def test_redis_credentials_go_into_its_url() -> None:
    environ = {
        "REDIS_URL": "redis://redis:6379/0",
        "REDIS_USERNAME": "worker",
        "REDIS_PASSWORD": "a/b",
    }

    assert load_settings(environ).redis_url == "redis://worker:a%2Fb@redis:6379/0"


def test_a_password_that_breaks_its_url_is_reported_without_the_password() -> None:
    with pytest.raises(InvalidSettings, match="REDIS_URL=…: no URL: .*%2F") as fault:
        load_settings({"REDIS_URL": "redis://:secret/word@127.0.0.1:6379/0"})

    assert "secret" not in str(fault.value)
