"""Whom a token or an API key speaks for."""

import asyncio
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import structlog

from lineal.auth.access_service import AccessService, microseconds
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.keys import key_hash, key_id
from lineal.auth.principals import Principal
from lineal.auth.tokens import TokenRefused, Tokens
from lineal.config import ConfigError, Settings
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import Newest, Store
from lineal.http_auth.oidc_settings import opened_tokens

log = structlog.get_logger()

KEY_PREFIX: Final = "lnl_"
USE_NOTED_SECONDS: Final = 60
"""How often, at most, the last use of a key is noted."""

_NO_HASH: Final = "0" * 64


class CredentialsRefused(Exception):
    """What a request brought along speaks for nobody. `reason` is for the log; it holds nothing that is secret."""

    def __init__(self, reason: str, key: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.key = reason, key


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with the newest state and the directory of access as read for that; None where neither was needed."""

    principal: Principal
    newest: Newest | None = None
    snapshot: AccessSnapshot | None = None

    @property
    def is_operator(self) -> bool:
        """Whether it is of an account that runs the server."""
        account = None if self.snapshot is None else self.snapshot.accounts.get(self.principal.account)
        return self.principal.is_local or (account is not None and account.is_operator)


class Credentials:
    """Judges what requests bring along: tokens, where an issuer is set, and the store's keys, where these are taken."""

    def __init__(self, store: Store, access_service: AccessService, tokens: Tokens | None, takes_keys: bool) -> None:
        self._store, self._access_service = store, access_service
        self._tokens, self._takes_keys = tokens, takes_keys
        self._noted: dict[str, int] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def caller(self, text: str) -> Caller:
        """Whom a token or a key speaks for, as of now.

        Raises CredentialsRefused; KeysUnavailable where the issuer's keys cannot be had; Unavailable where the store
        cannot be reached.
        """
        if text.startswith(KEY_PREFIX):
            return await self._by_key(text)
        if self._tokens is None:
            raise CredentialsRefused("no issuer of tokens is set")
        try:
            principal = await self._tokens.principal(text)
        except TokenRefused as refused:
            raise CredentialsRefused(str(refused)) from None
        newest = await self._store.newest()
        return Caller(principal, newest, await self._access_service.at(newest.epoch))

    async def _by_key(self, text: str) -> Caller:
        if not self._takes_keys:
            raise CredentialsRefused("API keys are not taken")
        id = key_id(text)
        if id is None:
            raise CredentialsRefused("the key is malformed")
        newest = await self._store.newest()
        snapshot = await self._access_service.at(newest.epoch)
        key, now = snapshot.keys.get(id), microseconds()
        # A key that is not there is hashed and compared like one that is: the time taken tells nothing.
        if not compare_digest(key_hash(text, snapshot.secrets.keys), key.hash if key else _NO_HASH) or key is None:
            raise CredentialsRefused("the key is unknown", id)
        if not key.is_usable(now):
            raise CredentialsRefused("the key is revoked" if key.revoked_at is not None else "the key has expired", id)
        self._note_use(id, now)
        return Caller(key.principal, newest, snapshot)

    def _note_use(self, id: str, now: int) -> None:
        """Note it beside the request, which does not wait for that."""
        if now - self._noted.get(id, 0) < USE_NOTED_SECONDS * 1_000_000:
            return
        self._noted[id] = now
        task = asyncio.ensure_future(self._used(id, now))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _used(self, id: str, now: int) -> None:
        try:
            await self._store.key_used(id, now)
        except StoreError as error:
            log.warning("the use of a key is not noted", key=id, reason=str(error))

    async def close(self) -> None:
        """Wait for what is being noted."""
        await asyncio.gather(*self._noting)


async def opened_credentials(settings: Settings, store: Store, access_service: AccessService) -> Credentials:
    """What judges the credentials of a server's requests. Raises ConfigError where none could be accepted."""
    if settings.dev:
        return Credentials(store, access_service, None, takes_keys=False)
    tokens = await opened_tokens(settings)
    if tokens is None and not (settings.api_keys and await _has_usable_key(access_service)):
        raise ConfigError(_nobody(settings))
    return Credentials(store, access_service, tokens, settings.api_keys)


async def _has_usable_key(access_service: AccessService) -> bool:
    now = microseconds()
    return any(key.is_usable(now) for key in (await access_service.newest()).keys.values())


def _nobody(settings: Settings) -> str:
    """Why a server could let nobody in, and how to go on."""
    others = (
        "set oidc_issuer and oidc_audience for the tokens of an issuer, or start it with --dev to be the only one, on "
        "this machine"
    )
    if not settings.api_keys:
        return f"nobody could be let in: api_keys is false, and no issuer of tokens is set. Turn keys on, or {others}"
    return (
        "nobody could be let in: the store holds no usable API key, and no issuer of tokens is set. Make an account "
        f"and a key: `lineal account create ACCOUNT --operator --store {settings.store}`, then "
        f"`lineal key create ACCOUNT NAME --role admin --store {settings.store}`; or {others}"
    )
