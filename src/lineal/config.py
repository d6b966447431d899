"""All settings. Each is a flag of `lineal serve`, else a LINEAL_* variable, else a line of `lineal.toml`."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any


class ConfigError(Exception):
    """A setting is invalid. The message names the setting, its source and the values it accepts."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server."""

    store: str = _setting(
        "sqlite:///lineal.db",
        "Where lineage is kept: sqlite:///relative, sqlite:////absolute, memory: or gremlin://host:8182",
    )
    store_user: str = _setting("", "The user name for a graph server that requires a login.")
    store_password: str = _setting("", "The password of `store_user`.")
    store_ca: str = _setting(
        "", "A PEM file of the certificate authorities to trust for gremlins://; the system's by default."
    )
    host: str = _setting("127.0.0.1", "The address to listen on.")
    port: int = _setting(8000, "The port to listen on; 0 takes a free one.")
    dev: bool = _setting(False, "Everyone is the administrator `local`. Loopback only.")
    api_keys: bool = _setting(True, "Whether API keys of `lineal key create` are accepted.")
    oidc_issuer: str = _setting("", "The issuer of accepted tokens, equal to their `iss`; none by default.")
    oidc_audience: str = _setting("", "The audience that the `aud` of tokens must contain.")
    oidc_jwks: str = _setting(
        "", "The issuer's JWKS: an address or a file; by default the address in the issuer's discovery document."
    )
    oidc_algorithms: str = _setting("RS256,ES256", "The accepted signature algorithms, separated by commas.")
    oidc_account_claim: str = _setting("account", "The claim, or the path to it, with the caller's account.")
    oidc_roles_claim: str = _setting("roles", "The claim, or the path to it, with the list of the caller's roles.")
    oidc_leeway_seconds: int = _setting(
        30, "The largest difference accepted between the issuer's clock and the server's; 300 at most."
    )
    visit_limit: int = _setting(1_000_000, "The most entities one traversal may visit for one page.")
    deadline_seconds: float = _setting(
        30.0, "The longest time one traversal may take for one page, which is then incomplete."
    )
    request_seconds: float = _setting(
        60.0, "The longest time a query, and any single read of the store, may take before it is refused."
    )
    max_values: int = _setting(100_000, "The most values the answer to one document may hold, by estimate.")
    max_body_bytes: int = _setting(16 * 1024 * 1024, "The largest request body.")
    requests_per_minute: int = _setting(
        6000, "The most requests a principal may send to one server process per minute; 0 for no limit."
    )
    quarantine_days: int = _setting(30, "The days for which refused OpenLineage documents are kept.")
    quarantine_bytes: int = _setting(
        64 * 1024 * 1024,
        "The most bytes of refused OpenLineage documents that are kept for an account; its oldest go first.",
    )
    cors_origins: str = _setting("", "Origins whose pages may send requests, separated by commas; none by default.")
    shutdown_seconds: int = _setting(30, "The time that requests in progress have to finish when the server stops.")
    log_level: str = _setting("info", "debug, info, warning or error.")


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


def _chosen(flags: Mapping[str, Any], environment: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    file = _read(config)
    chosen: dict[str, Any] = {}
    for each in fields(Settings):
        name = f"LINEAL_{each.name.upper()}"
        if flags.get(each.name) is not None:
            chosen[each.name] = flags[each.name]
        elif name in environment:
            chosen[each.name] = _typed(name, environment[name], each.default)
        elif each.name in file:
            chosen[each.name] = _typed(f"{each.name} in {config}", file[each.name], each.default)
    return chosen


def _read(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        file = tomllib.loads(config.read_text())
    except OSError as error:
        raise ConfigError(f"{config} cannot be read ({error.strerror}): name another file with --config") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{config} is not TOML: {error}") from error
    known = {each.name for each in fields(Settings)}
    if unknown := sorted(file.keys() - known):
        raise ConfigError(f"{config} sets {', '.join(unknown)}; the settings are: {', '.join(sorted(known))}")
    return file


def _typed(name: str, value: Any, default: Any) -> Any:
    assert default is not MISSING
    kind = type(default)
    if kind is bool and str(value).lower() in ("true", "1", "yes", "false", "0", "no"):
        return str(value).lower() in ("true", "1", "yes")
    if kind is not bool and not isinstance(value, bool):
        try:
            return kind(value)
        except (TypeError, ValueError):
            pass
    raise ConfigError(f"{name} is {value!r}, which is no {_WORDS[kind]}")


_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}
