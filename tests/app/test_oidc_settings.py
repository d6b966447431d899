"""What the settings of an issuer may be, and what is said of those that cannot."""

from pathlib import Path
from typing import Any

import pytest
from token_issuer import Issuer

from lineal.auth.tokens import TokenRules
from lineal.config import ConfigError, Settings
from lineal.http_auth.oidc_settings import opened_tokens, token_rules

GOOD: dict[str, Any] = {"oidc_issuer": "https://issuer.example", "oidc_audience": "lineal"}


def test_without_an_issuer_tokens_are_refused() -> None:
    assert token_rules(Settings()) is None


def test_defaults() -> None:
    expected = TokenRules("https://issuer.example", "lineal", ("RS256", "ES256"), "account", "roles", 30)
    assert token_rules(Settings(**GOOD)) == expected
    chosen = token_rules(Settings(**GOOD, oidc_algorithms=" PS256, EdDSA,PS256", oidc_leeway_seconds=0))
    assert chosen is not None
    assert (chosen.algorithms, chosen.leeway) == (("PS256", "EdDSA"), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"oidc_audience": ""}, "oidc_audience is missing: set it to the `aud` of the tokens"),
        ({"oidc_issuer": ""}, "oidc_issuer is missing: set it to the `iss` of the tokens"),
        ({"oidc_algorithms": "RS256,HS256"}, "oidc_algorithms names 'HS256': name some of RS256, RS384"),
        ({"oidc_algorithms": "none"}, "oidc_algorithms names 'none': name some of"),
        ({"oidc_algorithms": ""}, "oidc_algorithms names '': name some of"),
        ({"oidc_account_claim": ""}, "oidc_account_claim is empty: name the claim"),
        ({"oidc_roles_claim": ""}, "oidc_roles_claim is empty: name the claim"),
        (
            {"oidc_issuer": "http://issuer.example"},
            "oidc_issuer is 'http://issuer.example', which must begin with https",
        ),
        (
            {"oidc_jwks": "http://issuer.example/keys"},
            "oidc_jwks is 'http://issuer.example/keys', which must begin with",
        ),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        token_rules(Settings(**{**GOOD, **settings}))
    assert message in str(caught.value)


async def test_a_file_of_keys_is_checked_at_start(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    settings = Settings(**GOOD, oidc_jwks=str(file))
    with pytest.raises(ConfigError, match=r"oidc_jwks cannot be used: .* cannot be read"):
        await opened_tokens(settings)
    file.write_text("{}")
    with pytest.raises(ConfigError, match="oidc_jwks cannot be used: the issuer's answer is not a JWKS document"):
        await opened_tokens(settings)
    file.write_bytes(Issuer().jwks())
    assert await opened_tokens(settings)
