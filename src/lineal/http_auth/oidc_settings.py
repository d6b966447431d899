"""The issuer of tokens, as the settings name it."""

from pathlib import Path
from typing import Final

from lineal.auth.jwks import KeySet, Read
from lineal.auth.jwks_source import address_problem, from_discovery, from_file, from_url
from lineal.auth.tokens import ALGORITHMS, TokenRules, Tokens
from lineal.config import ConfigError, Settings

MAX_LEEWAY_SECONDS: Final = 300


async def opened_tokens(settings: Settings) -> Tokens | None:
    """What judges the tokens of the issuer; None where no issuer is set.

    Asks for its keys: an issuer that is away only makes a line in the log, since it may come back; a file that cannot
    be used raises ConfigError, as do settings that cannot be.
    """
    rules = token_rules(settings)
    if rules is None:
        return None
    keys = KeySet(_source(settings), rules.algorithms)
    problem = await keys.renew()
    if problem and settings.oidc_jwks and "://" not in settings.oidc_jwks:
        raise ConfigError(f"oidc_jwks is of no use: {problem}")
    return Tokens(rules, keys)


def token_rules(settings: Settings) -> TokenRules | None:
    """What tokens must say; None where no issuer is set. Raises ConfigError."""
    if not settings.oidc_issuer:
        if settings.oidc_audience or settings.oidc_jwks:
            raise ConfigError("oidc_issuer is missing: set it to what the tokens' `iss` says")
        return None
    if not settings.oidc_audience:
        raise ConfigError(
            "oidc_audience is missing: set it to what the tokens' `aud` names, so that no others are taken"
        )
    for name in ("oidc_account_claim", "oidc_roles_claim"):
        if not getattr(settings, name):
            raise ConfigError(f"{name} is empty: name the claim")
    if not 0 <= settings.oidc_leeway_seconds <= MAX_LEEWAY_SECONDS:
        raise ConfigError(f"oidc_leeway_seconds is {settings.oidc_leeway_seconds}: give 0 to {MAX_LEEWAY_SECONDS}")
    _source(settings)
    return TokenRules(
        settings.oidc_issuer,
        settings.oidc_audience,
        _algorithms(settings),
        settings.oidc_account_claim,
        settings.oidc_roles_claim,
        settings.oidc_leeway_seconds,
    )


def _algorithms(settings: Settings) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(part.strip() for part in settings.oidc_algorithms.split(",")))
    if wrong := [name for name in named if name not in ALGORITHMS]:
        raise ConfigError(
            f"oidc_algorithms names {wrong[0]!r}: give some of {', '.join(ALGORITHMS)}; with `none`, or a secret that "
            "both sides know, whoever can check a token could make one"
        )
    return named


def _source(settings: Settings) -> Read:
    given = settings.oidc_jwks
    if given and "://" not in given:
        return from_file(Path(given))
    name, address = ("oidc_jwks", given) if given else ("oidc_issuer", settings.oidc_issuer)
    if problem := address_problem(address):
        raise ConfigError(f"{name} is {address!r}, which {problem}")
    return from_url(given) if given else from_discovery(address)
