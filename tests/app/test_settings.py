"""Settings: what each accepts by flag, variable and file, and the one line that refuses anything else."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lineal.cli import main
from lineal.config import ConfigError, Settings, check_dev, load_settings

NAMES = [each.name for each in fields(Settings)]
NUMBERS_OF_SETTINGS = {
    each.name
    for each in fields(Settings)
    if isinstance(each.default, int | float) and not isinstance(each.default, bool)
}
"""Settings that are numbers. A limit of -1 or NaN must not switch a limit off."""
TEXTS: dict[str, Callable[[str], bool]] = {
    "store": lambda value: value.startswith(("sqlite:///", "memory:", "gremlin://", "gremlins://")),
    "host": lambda value: bool(value) and not set(value) & set(" \t\n/"),
    "log_level": lambda value: value.lower() in ("debug", "info", "warning", "error"),
}
NUMBERS = ["-1", "0", "1", "-0", "65535", "65536", "99999", "2147483648", "9" * 30, "9" * 5000, "1e3", "0.05", "-0.0"]
WORDS = [
    "",
    " ",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "loud",
    "INFO",
    "true",
    "None",
    "*",
    "a\0b",
    "\udcff",
    "½",
    "1_0",
    "１",
]
URLS = ["memory:", "sqlite:///", "sqlite:///x?mode=ro", "postgres://x", "https://a", "https://a/", "null", "a" * 10_000]
values = st.sampled_from([*NUMBERS, *WORDS, *URLS]) | st.text(max_size=5)
file_values = values | st.integers() | st.floats() | st.booleans() | st.lists(st.integers(), max_size=1)


def is_sane(name: str, value: Any) -> bool:
    """Whether a server may start with the value."""
    if name in NUMBERS_OF_SETTINGS:
        return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 2**50
    if isinstance(value, bool):
        return name in ("dev", "api_keys")
    is_text = isinstance(value, str) and value == value.encode(errors="replace").decode() and "\0" not in value
    return is_text and (name not in TEXTS or TEXTS[name](value))


def chosen_or_refused(name: str, environment: dict[str, str], file: Path | None) -> str:
    """The message of the refusal, or nothing after a check of the value that was chosen."""
    try:
        chosen = getattr(load_settings({}, environment, file), name)
    except ConfigError as error:
        return str(error)
    assert is_sane(name, chosen), chosen
    return ""


@given(st.sampled_from(NAMES), values)
def test_a_variable_is_accepted_or_refused_in_one_line(name: str, value: str) -> None:
    variable = f"LINEAL_{name.upper()}"
    if refused := chosen_or_refused(name, {variable: value}, None):
        assert refused.startswith(f"{variable} is ")
        assert ": give " in refused
        assert len(refused.splitlines()) == 1
        assert len(refused) < 300


@given(st.sampled_from(NAMES), file_values)
def test_a_line_of_a_file_is_accepted_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "drawn.toml"
    file.write_text(f"{name} = {toml(value)}\n", encoding="utf-8", errors="surrogateescape")
    if refused := chosen_or_refused(name, {}, file):
        assert name in refused or "is not TOML" in refused
        assert len(refused.splitlines()) == 1


def toml(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


@given(st.sampled_from(["store", "host", "port"]), values)
def test_a_flag_is_refused_by_the_command(name: str, value: str) -> None:
    try:
        load_settings({}, {f"LINEAL_{name.upper()}": value})
    except ConfigError:
        done = CliRunner().invoke(main, ["serve", "--dev", f"--{name}", value])
        assert done.exit_code in (1, 2)
        assert isinstance(done.exception, SystemExit)
        assert done.output.strip()
        assert "fault of Lineal" not in done.output


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_accepted(name: str) -> None:
    default = getattr(Settings(), name)
    assert is_sane(name, default)
    assert chosen_or_refused(name, {f"LINEAL_{name.upper()}": str(default)}, None) == ""


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("port", 0, 65_535),
        ("oidc_leeway_seconds", 0, 300),
        ("visit_limit", 1, 10**9),
        ("request_seconds", 0.01, 86_400),
        ("max_values", 1, 10**9),
        ("max_body_bytes", 1, 2**30),
        ("requests_per_minute", 0, 10**9),
        ("shutdown_seconds", 0, 86_400),
    ],
)
def test_ranges_end_where_they_say(name: str, least: float, most: float) -> None:
    for value, is_accepted in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        assert (chosen_or_refused(name, {f"LINEAL_{name.upper()}": str(value)}, None) == "") == is_accepted, value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"host": "0.0.0.0"},
            "so it listens on loopback only, not on 0.0.0.0",
        ),
        ({"cors_origins": "*"}, "cors_origins is '*', and --dev makes every caller an administrator: name the origins"),
        ({"cors_origins": "https://a.example, *"}, "cors_origins is 'https://a.example, *', and --dev makes"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_dev(load_settings({"dev": True, **settings}, {}))
    assert message in str(caught.value)
    check_dev(load_settings(settings, {}))


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="LINEAL_STORE_PASSWORD is hidden here: give any text"):
        load_settings({}, {"LINEAL_STORE_PASSWORD": "se\0cret"})


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("LINEAL_PORT", "99999", "LINEAL_PORT is '99999': give a whole number from 0 to 65535"),
        ("LINEAL_LOG_LEVEL", "loud", "LINEAL_LOG_LEVEL is 'loud': give debug, info, warning or error"),
        ("LINEAL_STORE", "", "LINEAL_STORE is '': give sqlite:///relative/path.db, sqlite:////absolute/path.db"),
        (
            "LINEAL_REQUEST_SECONDS",
            "nan",
            "LINEAL_REQUEST_SECONDS is 'nan': give a number of seconds from 0.01 to 86400",
        ),
        ("LINEAL_MAX_VALUES", "-1", "LINEAL_MAX_VALUES is '-1': give a whole number from 1 to 1000000000"),
        ("LINEAL_CORS_ORIGINS", "*", "cors_origins is '*', and --dev makes every caller an administrator"),
        ("LINEAL_HOST", "a" * 70, f"host is {'a' * 70}, which cannot be listened on ("),
    ],
)
def test_a_server_does_not_start_with_them(variable: str, value: str, line: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lineal", "serve", *(["--dev"] if variable != "LINEAL_HOST" else [])]
    environment = {"LINEAL_PORT": "0", "LINEAL_STORE": f"sqlite:///{tmp_path}/x.db", **os.environ, variable: value}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    (printed,) = done.stderr.splitlines()
    assert json.loads(printed)["event"].startswith(line)
    assert not list(tmp_path.iterdir())
