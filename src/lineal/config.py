"""All settings. Each is a flag of `lineal serve`, else a LINEAL_* variable, else a line of `lineal.toml`."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from lineal.accepted_values import (
    BLOBS,
    BOOLEAN,
    HOST,
    MAX_PORT,
    ORIGINS,
    STORE,
    TEXT,
    Accepted,
    one_of,
    origins_of,
    seconds,
    shown_value,
    whole_number,
)

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class ConfigError(Exception):
    """A setting is invalid. The message names the setting, its source and the values it accepts."""


def _setting(default: Any, text: str, accepted: Accepted) -> Any:
    return field(default=default, metadata={"help": text, "accepted": accepted})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server."""

    store: str = _setting(
        "sqlite:///lineal.db",
        "Where lineage is kept: sqlite:///relative, sqlite:////absolute, memory: or gremlin://host:8182",
        STORE,
    )
    store_user: str = _setting("", "The user name for a graph server that requires a login.", TEXT)
    store_password: str = _setting("", "The password of `store_user`.", TEXT)
    store_ca: str = _setting(
        "", "A PEM file of the certificate authorities to trust for gremlins://; the system's by default.", TEXT
    )
    host: str = _setting("127.0.0.1", "The address to listen on.", HOST)
    port: int = _setting(8000, "The port to listen on; 0 takes a free one.", whole_number(0, MAX_PORT))
    dev: bool = _setting(False, "Everyone is the administrator `local`. Loopback only.", BOOLEAN)
    api_keys: bool = _setting(True, "Whether API keys of `lineal key create` are accepted.", BOOLEAN)
    oidc_issuer: str = _setting("", "The issuer of accepted tokens, equal to their `iss`; none by default.", TEXT)
    oidc_audience: str = _setting("", "The audience that the `aud` of tokens must contain.", TEXT)
    oidc_jwks: str = _setting(
        "", "The issuer's JWKS: an address or a file; by default the address in the issuer's discovery document.", TEXT
    )
    oidc_algorithms: str = _setting("RS256,ES256", "The accepted signature algorithms, separated by commas.", TEXT)
    oidc_account_claim: str = _setting("account", "The claim, or the path to it, with the caller's account.", TEXT)
    oidc_roles_claim: str = _setting(
        "roles", "The claim, or the path to it, with the list of the caller's roles.", TEXT
    )
    oidc_leeway_seconds: int = _setting(
        30,
        "The largest difference accepted between the issuer's clock and the server's; 300 at most.",
        whole_number(0, 300),
    )
    visit_limit: int = _setting(
        1_000_000, "The most entities one traversal may visit for one page.", whole_number(1, 1_000_000_000)
    )
    deadline_seconds: float = _setting(
        30.0, "The longest time one traversal may take for one page, which is then incomplete.", seconds(0.01, 86_400)
    )
    request_seconds: float = _setting(
        60.0,
        "The longest time a query, and any single read of the store, may take before it is refused.",
        seconds(0.01, 86_400),
    )
    max_values: int = _setting(
        100_000,
        "The most that one document may cost: values of the answer, by estimate, and what it looks through for them.",
        whole_number(1, 1_000_000_000),
    )
    cost_per_minute: int = _setting(
        20_000_000,
        "The most that a principal's GraphQL requests to one server process may cost per minute; 0 for no limit.",
        whole_number(0, 1_000_000_000_000),
    )
    max_body_bytes: int = _setting(16 * 1024 * 1024, "The largest request body.", whole_number(1, 2**30))
    max_connections: int = _setting(
        1000, "The most open connections; fewer where the limit of open files is low.", whole_number(1, 1_000_000)
    )
    max_connections_per_address: int = _setting(
        500,
        "The most open connections of one address: raise it behind a proxy, whose address all clients have.",
        whole_number(1, 1_000_000),
    )
    header_seconds: float = _setting(
        10.0,
        "The longest time a client may take for the head of a request, and again for the beginning of its body.",
        seconds(0.01, 86_400),
    )
    body_bytes_per_second: int = _setting(
        1024,
        "The slowest rate, on average, at which a body may arrive after `header_seconds`.",
        whole_number(1, 1_000_000_000),
    )
    keep_alive_seconds: int = _setting(
        75, "How long a connection is kept open for its client's next request.", whole_number(0, 86_400)
    )
    requests_per_minute: int = _setting(
        6000,
        "The most requests a principal may send to one server process per minute; 0 for no limit.",
        whole_number(0, 1_000_000_000),
    )
    quarantine_days: int = _setting(
        30, "The days for which refused OpenLineage documents are kept.", whole_number(0, 1_000_000)
    )
    quarantine_bytes: int = _setting(
        64 * 1024 * 1024,
        "The most bytes of refused OpenLineage documents that are kept for an account; its oldest go first.",
        whole_number(0, 2**50),
    )
    blobs: str = _setting(
        "",
        "Where content is kept: file:///absolute/folder, s3://bucket/prefix, gs:// or az://; by default a folder "
        "beside the file of an SQLite store.",
        BLOBS,
    )
    max_blob_bytes: int = _setting(5 * 1024**3, "The largest content of one entity.", whole_number(1, 2**50))
    account_blob_bytes: int = _setting(
        0, "The most bytes of content that an account keeps; 0 for no limit.", whole_number(0, 2**50)
    )
    unused_blob_hours: int = _setting(
        24, "The hours after which uploaded content that no entity names is deleted.", whole_number(1, 1_000_000)
    )
    cors_origins: str = _setting(
        "", "Origins whose pages may send requests, separated by commas; none by default.", ORIGINS
    )
    shutdown_seconds: int = _setting(
        30, "The time that requests in progress have to finish when the server stops.", whole_number(0, 86_400)
    )
    log_level: str = _setting("info", "debug, info, warning or error.", one_of("debug", "info", "warning", "error"))


def load_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ, config: Path | None = None
) -> Settings:
    """The settings of a run. Raises ConfigError on an unknown name or a value of the wrong type."""
    return Settings(**_chosen(flags, environment, config))


def named_store(
    store: str | None, environment: Mapping[str, str] = os.environ, config: Path | None = None
) -> Settings | None:
    """The settings with the store that a flag, the environment or a file names; None if none of them names one.

    Raises as `load_settings` does.
    """
    chosen = _chosen({"store": store}, environment, config)
    return Settings(**chosen) if "store" in chosen else None


def check_dev(settings: Settings) -> None:
    """Raise ConfigError if other machines, or pages of other sites, could reach a server that authenticates nobody."""
    if not settings.dev:
        return
    if settings.host not in LOOPBACK:
        raise ConfigError(
            f"--dev makes every caller an administrator, so it listens on loopback only, not on {settings.host}: "
            "use --host 127.0.0.1"
        )
    if "*" in origins_of(settings.cors_origins):
        raise ConfigError(
            f"cors_origins is {settings.cors_origins!r}, and --dev makes every caller an administrator: name the "
            "origins whose pages may be one, such as http://localhost:3000, or leave --dev out"
        )


def _chosen(flags: Mapping[str, Any], environment: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    file = _read(config)
    chosen: dict[str, Any] = {}
    for each in fields(Settings):
        variable = f"LINEAL_{each.name.upper()}"
        if flags.get(each.name) is not None:
            chosen[each.name] = _accepted(f"--{each.name.replace('_', '-')}", flags[each.name], each)
        elif variable in environment:
            chosen[each.name] = _accepted(variable, environment[variable], each)
        elif each.name in file:
            chosen[each.name] = _accepted(f"{each.name} in {config}", file[each.name], each)
    return chosen


def _read(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        file = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{config} cannot be read ({error.strerror}): name another file with --config") from error
    # TOMLDecodeError, a file that is not UTF-8, or a path with a null byte; RecursionError of nested arrays.
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{shown_value(str(config))} is not TOML: {error}") from error
    known = {each.name for each in fields(Settings)}
    if unknown := sorted(map(ascii, file.keys() - known)):
        names = ", ".join(name.strip("'") for name in unknown)
        raise ConfigError(f"{config} sets {names}; the settings are: {', '.join(sorted(known))}")
    return file


def _accepted(source: str, value: Any, setting: "Field[Any]") -> Any:
    accepted: Accepted = setting.metadata["accepted"]
    try:
        return accepted.read(value)
    except (ValueError, OverflowError):
        shown = "hidden here" if setting.name == "store_password" else shown_value(value)
        raise ConfigError(f"{source} is {shown}: give {accepted.shown}") from None
