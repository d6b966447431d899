"""Token validation from the settings `oidc_*`."""

from pathlib import Path

from lineal.auth.jwks import KeySet, Read
from lineal.auth.jwks_source import address_problem, from_discovery, from_file, from_url
from lineal.auth.tokens import ALGORITHMS, TokenRules, Tokens
from lineal.config import ConfigError, Settings


async def opened_tokens(settings: Settings) -> Tokens | None:
    """Return the validator of the issuer's tokens, None if no issuer is set.

    Reads the issuer's keys. An issuer that is unavailable is only logged, because it may come back. Raises ConfigError
    for invalid settings and for a file without usable keys.
    """
    rules = token_rules(settings)
    if rules is None:
        return None
    keys = KeySet(_source(settings), rules.algorithms)
    problem = await keys.renew()
    if problem and settings.oidc_jwks and "://" not in settings.oidc_jwks:
        raise ConfigError(f"oidc_jwks cannot be used: {problem}")
    return Tokens(rules, keys)


def token_rules(settings: Settings) -> TokenRules | None:
    """Return the requirements on tokens, None if no issuer is set. Raises ConfigError."""
    if not settings.oidc_issuer:
        if settings.oidc_audience or settings.oidc_jwks:
            raise ConfigError("oidc_issuer is missing: set it to the `iss` of the tokens")
        return None
    if not settings.oidc_audience:
        raise ConfigError(
            "oidc_audience is missing: set it to the `aud` of the tokens, so that tokens for others are refused"
        )
    for name in ("oidc_account_claim", "oidc_roles_claim"):
        if not getattr(settings, name):
            raise ConfigError(f"{name} is empty: name the claim")
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
            f"oidc_algorithms names {wrong[0]!r}: name some of {', '.join(ALGORITHMS)}; with `none`, or a shared "
            "secret, everyone who can verify a token could forge one"
        )
    return named


def _source(settings: Settings) -> Read:
    jwks = settings.oidc_jwks
    if jwks and "://" not in jwks:
        return from_file(Path(jwks))
    name, address = ("oidc_jwks", jwks) if jwks else ("oidc_issuer", settings.oidc_issuer)
    if problem := address_problem(address):
        raise ConfigError(f"{name} is {address!r}, which {problem}")
    return from_url(jwks) if jwks else from_discovery(address)
