"""Every setting of every role, read once from the environment; the only reader of `os.environ`."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from contracts.errors import InvalidSettings
from contracts.values import Json

Parser = Callable[[str], object]


def positive(kind: type[int] | type[float]) -> Parser:
    """Make a parser of positive numbers."""

    def parse(text: str) -> int | float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < 1e12:
            raise ValueError(
                f"a positive {'whole number' if kind is int else 'number'} is expected"
            )
        return number

    return parse


def whole(accepted: range, fault: str) -> Parser:
    """Make a parser of whole numbers in a range."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) not in accepted:
            raise ValueError(fault)
        return int(text)

    return parse


port_number = whole(range(1, 65536), "a number from 1 to 65535 is expected")


def one_of(*accepted: str) -> Parser:
    """Make a parser that accepts one of these words."""

    def parse(text: str) -> str:
        if text not in accepted:
            raise ValueError(f"accepted: {', '.join(accepted)}")
        return text

    return parse


def key_bytes(text: str) -> bytes:
    """Read a key of 32 bytes."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("64 hex digits are expected, as of `openssl rand -hex 32`")
    return bytes.fromhex(text)


def word_list(text: str) -> tuple[str, ...]:
    """Split words at commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def token_list(text: str) -> tuple[str, ...]:
    """Split tokens at commas; each has at least 16 characters."""
    tokens = word_list(text)
    if any(len(token) < 16 for token in tokens):
        raise ValueError("each token, separated by commas, has at least 16 characters")
    return tokens


def boolean(text: str) -> bool:
    """Parse true or false."""
    return one_of("true", "false")(text) == "true"


Source = Mapping[str, str]  # by name, as the environment is
Faults = list[str]  # of all settings, as they are found
PROJECT_ROOT = Path(__file__).resolve().parent.parent
PYTHON_MODULES = word_list(
    "numpy,pandas,rules.indicators,math,cmath,statistics,random,decimal,fractions,numbers,datetime,calendar,zoneinfo,"
    "time,collections,itertools,functools,operator,bisect,heapq,array,dataclasses,enum,typing,types,abc,copy,re,string,"
    "json,textwrap,warnings,contextlib"
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The platform's settings; the defaults are those of one machine."""

    database_url: str = f"sqlite:///{PROJECT_ROOT / 'var' / 'backtests.db'}"
    redis_url: str = "redis://127.0.0.1:6379/0"
    queue_name: str = "backtests"
    data_dir: Path = PROJECT_ROOT / "data"
    log_level: str = "INFO"
    log_format: str = "text"  # text or json
    image_tag: str = "dev"
    # of admins, in addition to those in the database: tokens, or NAME:sha256:<digest>
    api_tokens: tuple[str, ...] = ()
    open_reads: bool = False  # reading needs no token
    # without any token, answer other machines, too
    open_access: bool = False
    auth_proxy_header: str = ""  # in which the trusted proxy names the logged-in user
    auth_proxy_scope: str = "submit"  # scope of these users
    logins_per_minute: int = 20  # of one address
    # changes, by one token, or by one address without a token
    changes_per_minute: int = 30_000
    reads_per_minute: int = 60_000  # likewise for reads
    # the first signs browsers' sessions, all are accepted; none: a new key at each start
    secret_key: tuple[str, ...] = ()
    # signs receipts: an Ed25519 key as 64 hex digits; None: they are not signed
    receipt_key: bytes | None = None
    run_timeout_s: int = 300
    # address space of one run, beyond that of the process at its start
    run_memory_mb: int = 2048
    # sealed: strategies in Python run in a process without files, network and secrets; trusted: unsealed; off: refused
    python_rules: str = "sealed"
    python_modules: tuple[str, ...] = PYTHON_MODULES  # modules that they may import
    lease_s: float = 30.0
    heartbeat_s: float = 7.5
    reconcile_s: float = 10.0
    # after which a PENDING run that is not in the list is enqueued again
    enqueue_grace_s: float = 30.0
    pending_timeout_s: float = 3600.0  # after which a run that cannot be enqueued fails
    max_losses: int = 3
    max_handbacks: int = 20
    # the address that the web tier listens on; 0.0.0.0 in a container
    web_host: str = "127.0.0.1"
    port: int = 5000
    web_concurrency: int = 2  # web processes, of eight threads each
    # host names of the web tier, in addition to those of loopback
    trusted_hosts: tuple[str, ...] = ()
    # address whose X-Forwarded-Proto, -For and -Prefix are trusted; * for any
    trusted_proxy: str = ""
    # the first start of `make run` submits a run, a batch and a study as examples
    examples: bool = True
    # to one web process; above this the connection that was idle longest is closed
    connections_per_address: int = 1000
    max_queue_depth: int = 200_000  # above this submissions are answered 429
    # that one token may submit on a UTC day, and seconds that its Jobs may use; None: no limit
    daily_combinations: int | None = None
    daily_cpu_s: int | None = None
    max_bulk_runs: int = 20_000  # runs in one bulk submission
    # combinations times bars of one screen; a core does ten million in a second
    max_screen_bars: int = 1_000_000_000
    max_body_mb: int = 16  # of a bulk submission; single submissions have a much lower limit
    # of one price file, as sent and as unpacked; a million bars have 50
    max_prices_mb: int = 64
    # days for which equity, trades, signals, lines and charts are kept after a run's end; None: forever, here and below
    keep_series_days: int | None = None
    keep_runs_days: int | None = None  # whole runs, and whole plans
    keep_audit_days: int | None = None
    # number of the latest deletable runs to keep
    keep_runs_count: int | None = None
    # size of MySQL's volume, for the storage page; for SQLite the disk's free space is read
    database_gib: int | None = None
    # how long a Job waits for a message if there is none, with everything loaded; 0: it exits
    idle_s: int = 0
    # written right after the pop; the Job's readiness probe waits for it
    ready_file: Path | None = None
    scaler_manifest: Path = PROJECT_ROOT / "keda" / "scaledjob.yaml"
    scaler_max_processes: int = 0  # 0: the number of cores
    # how it starts Jobs: forked from a warm template, or plain processes
    scaler_start: str = "warm"
    # while it exists the local scaler starts no Jobs
    scaler_pause_file: Path = PROJECT_ROOT / "var" / "scaler.paused"

    @property
    def queue_names(self) -> tuple[str, str]:
        """Return RQ's queues in the order in which Jobs take from them: interactive, then bulk."""
        return self.queue_name, f"{self.queue_name}-bulk"

    @property
    def is_private(self) -> bool:
        """True on one person's machine: no token is needed, and only loopback is answered."""
        is_loopback = self.web_host in ("127.0.0.1", "localhost", "::1")
        return is_loopback and not (self.api_tokens or self.open_access)


_SECRETS = ("DATABASE_URL", "REDIS_URL", "API_TOKENS", "SECRET_KEY", "RECEIPT_KEY")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from `environ` (the process environment when None); InvalidSettings lists every fault at once."""
    source = dict(os.environ if environ is None else environ)
    faults: Faults = []
    _read_secret_files(source, faults)
    values = _parse(source, faults)
    _complete(values, source, faults)
    settings = Settings(**values)
    _check(settings, faults)
    if faults:
        raise InvalidSettings(
            "settings are not valid:\n" + "\n".join(f"  {fault}" for fault in faults)
        )
    return settings


def environment_with(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with `changes`, for a child process."""
    return {**os.environ, **changes}


def _read_secret_files(source: dict[str, str], faults: Faults) -> None:
    for name in [*_SECRETS, "DB_PASSWORD", "DB_USER", "REDIS_PASSWORD"]:
        path = source.get(f"{name}_FILE")
        if not path:
            continue
        try:
            source[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            faults.append(f"{name}_FILE={path!r}: {error.strerror}")
        except UnicodeDecodeError:
            faults.append(f"{name}_FILE={path!r}: not UTF-8 text")


def _parse(source: Source, faults: Faults) -> Json:
    """Parse the settings that are present."""
    values: Json = {}
    for each in fields(Settings):
        name = each.name.upper()
        if text := source.get(name):
            parse = _PARSERS.get(each.name) or _PARSERS_BY_TYPE[each.type]
            try:
                values[each.name] = parse(text)
            except ValueError as error:
                value = "…" if name in _SECRETS else repr(text)
                faults.append(f"{name}={value}: {error}")
    return values


def _complete(values: Json, source: Source, faults: Faults) -> None:
    """Derive settings from others, and compose those that come in parts."""
    prefix = source.get("RQ_KEY_PREFIX", "rq")  # read by RQ itself
    if prefix != "rq":
        faults.append(
            f"RQ_KEY_PREFIX={prefix!r}: unset it, since KEDA's triggers and Redis' users name rq:queue:…"
        )
    if "lease_s" in values and not source.get("HEARTBEAT_S"):
        values["heartbeat_s"] = values["lease_s"] / 4  # as the defaults are to each other
    if "database_url" not in values and source.get("DB_HOST"):
        values["database_url"] = _mysql_url(source, faults)
    if source.get("REDIS_PASSWORD"):
        url = values.get("redis_url", Settings.redis_url)
        scheme, _, address = url.partition("://")
        login = _login(source, "REDIS_USERNAME", "REDIS_PASSWORD")
        values["redis_url"] = f"{scheme}://{login}@{address.rpartition('@')[2]}"


def _mysql_url(source: Source, faults: Faults) -> str:
    missing = [name for name in ("DB_NAME", "DB_USER", "DB_PASSWORD") if not source.get(name)]
    faults.extend(f"{name} is missing, since DB_HOST is set" for name in missing)
    port = source.get("DB_PORT") or "3306"
    try:
        port_number(port)
    except ValueError as error:
        faults.append(f"DB_PORT={port!r}: {error}")
    login = _login(source, "DB_USER", "DB_PASSWORD")
    address = f"{source['DB_HOST']}:{port}/{source.get('DB_NAME', '')}"
    return f"mysql+pymysql://{login}@{address}?charset=utf8mb4{_tls(source, faults)}"


def _login(source: Source, *names: str) -> str:
    return ":".join(quote(source.get(name, ""), safe="") for name in names)


def _tls(source: Source, faults: Faults) -> str:
    """Return the URL's TLS part: with a CA, connections are encrypted and the certificate must name DB_HOST."""
    path = source.get("DB_TLS_CA")
    if not path:
        return ""
    if not Path(path).is_file():
        faults.append(f"DB_TLS_CA={path!r}: there is no such file")
    return f"&ssl_ca={quote(path, safe='')}"


def _check(settings: Settings, faults: Faults) -> None:
    lease_s, heartbeat_s = settings.lease_s, settings.heartbeat_s
    if heartbeat_s * 2 > lease_s:
        faults.append(
            f"HEARTBEAT_S={heartbeat_s:g}: at most half of LEASE_S={lease_s:g}, or a slow beat loses the run"
        )
    if settings.auth_proxy_header and settings.trusted_proxy in ("", "*"):
        faults.append(
            "AUTH_PROXY_HEADER: TRUSTED_PROXY must be the address of that one proxy, or clients could pose as any user"
        )


def _url(*starts: str) -> Parser:
    def parse(text: str) -> str:
        if not text.startswith(starts):
            raise ValueError(f"a URL that starts with {' or '.join(starts)} is expected")
        try:
            urlsplit(text).port  # noqa: B018  # a property that parses
        except ValueError:
            raise ValueError(
                "no URL: / ? # @ : in a name or password are written %2F %3F %23 %40 %3A"
            ) from None
        return text

    return parse


_PARSERS: dict[str, Parser] = {  # of settings whose type does not say it all
    "database_url": _url("sqlite://", "mysql+pymysql://", "mariadb+pymysql://"),
    "redis_url": _url("redis://", "rediss://", "unix://"),
    "log_level": one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": one_of("text", "json"),
    "api_tokens": token_list,
    "auth_proxy_scope": one_of("read", "submit", "admin"),
    "secret_key": word_list,
    "receipt_key": key_bytes,
    "trusted_hosts": word_list,
    "port": port_number,
    "scaler_max_processes": whole(
        range(2**31), "a whole number is expected; 0 means the number of cores"
    ),
    "idle_s": whole(
        range(86_401), "a whole number up to 86400 is expected; 0: a Job does not wait"
    ),
    "scaler_start": one_of("warm", "plain"),
    "python_rules": one_of("sealed", "trusted", "off"),
    "python_modules": word_list,
}
_PARSERS_BY_TYPE: dict[Any, Parser] = {
    str: str,
    bool: boolean,
    Path: Path,
    Path | None: Path,
    int: positive(int),
    int | None: positive(int),
    float: positive(float),
}
