"""Authentication of tokens and API keys."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import structlog

from lineal.auth.access_service import AccessService, microseconds
from lineal.auth.access_snapshot import AccessSnapshot
from lineal.auth.keys import key_hash, key_id
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.base import Refused
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.tokens import TokenRefused, Tokens
from lineal.config import ConfigError, Settings
from lineal.graphstore.errors import StoreError
from lineal.graphstore.store import Newest, Store
from lineal.http_auth.oidc_settings import opened_tokens

log = structlog.get_logger()

KEY_PREFIX: Final = "lnl_"
USE_RECORDED_SECONDS: Final = 60
"""Shortest time between two records of a key's last use."""

_NO_HASH: Final = "0" * 64


class CredentialsRefused(Exception):
    """The credentials of a request are not valid. `reason` is for the log, and contains no secret."""

    def __init__(self, reason: str, key: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.key = reason, key


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a request, with the store's newest state and access snapshot, None in development mode."""

    principal: Principal
    newest: Newest | None = None
    snapshot: AccessSnapshot | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the caller's account is an operator account."""
        account = None if self.snapshot is None else self.snapshot.accounts.get(self.principal.account)
        return self.principal.is_local or (account is not None and account.is_operator)


class Credentials:
    """Authenticates tokens, if an issuer is set, and API keys of the store, if they are accepted."""

    def __init__(self, store: Store, access_service: AccessService, tokens: Tokens | None, accepts_keys: bool) -> None:
        self._store, self._access_service = store, access_service
        self._tokens, self._accepts_keys = tokens, accepts_keys
        self._recorded_at: dict[str, int] = {}
        self._recording: set[asyncio.Task[None]] = set()

    async def caller(self, text: str) -> Caller:
        """Return the caller with a token or an API key.

        Raises CredentialsRefused; KeysUnavailable if the issuer's keys are not available; Unavailable if the store
        is not.
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
        if not self._accepts_keys:
            raise CredentialsRefused("API keys are not accepted")
        id = key_id(text)
        if id is None:
            raise CredentialsRefused("the key is malformed")
        newest = await self._store.newest()
        snapshot = await self._access_service.at(newest.epoch)
        key, now = snapshot.keys.get(id), microseconds()
        # An unknown key is hashed and compared like a known one, so that the time of the answer reveals nothing.
        if not compare_digest(key_hash(text, snapshot.secrets.keys), key.hash if key else _NO_HASH) or key is None:
            raise CredentialsRefused("the key is unknown", id)
        if not key.is_usable(now):
            raise CredentialsRefused("the key is revoked" if key.revoked_at is not None else "the key has expired", id)
        self._record_use(id, now)
        return Caller(key.principal, newest, snapshot)

    def _record_use(self, id: str, now: int) -> None:
        """Record the last use of a key in the background: the request does not wait for it."""
        if now - self._recorded_at.get(id, 0) < USE_RECORDED_SECONDS * 1_000_000:
            return
        self._recorded_at[id] = now
        task = asyncio.ensure_future(self._write_use(id, now))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _write_use(self, id: str, now: int) -> None:
        try:
            await self._store.key_used(id, now)
        except StoreError as error:
            log.warning("the use of a key is not recorded", key=id, reason=str(error))

    async def close(self) -> None:
        """Wait until all uses of keys are recorded."""
        await asyncio.gather(*self._recording)


async def opened_credentials(settings: Settings, store: Store, access_service: AccessService) -> Credentials:
    """Return the credentials of a server. Raises ConfigError if no caller could authenticate.

    In development mode, registers the account of the local administrator.
    """
    if settings.dev:
        await _register_local_account(access_service)
        return Credentials(store, access_service, None, accepts_keys=False)
    tokens = await opened_tokens(settings)
    if tokens is None and not (settings.api_keys and await _has_usable_key(access_service)):
        raise ConfigError(_no_callers(settings))
    return Credentials(store, access_service, tokens, settings.api_keys)


async def _has_usable_key(access_service: AccessService) -> bool:
    now = microseconds()
    return any(key.is_usable(now) for key in (await access_service.newest()).keys.values())


def _no_callers(settings: Settings) -> str:
    """Return why no caller could authenticate, and the remedy."""
    others = (
        "set oidc_issuer and oidc_audience for the tokens of an issuer, or start it with --dev to be the only "
        "caller, on this machine"
    )
    if not settings.api_keys:
        return f"no caller could authenticate: api_keys is false, and no issuer is set. Turn keys on, or {others}"
    return (
        "no caller could authenticate: the store holds no usable API key, and no issuer of tokens is set. Create an "
        f"account and a key: `lineal account create ACCOUNT --operator --store {settings.store}`, then "
        f"`lineal key create ACCOUNT NAME --role admin --store {settings.store}`; or {others}"
    )


async def _register_local_account(access_service: AccessService) -> None:
    """Register the account of the local administrator of a server in development mode, unless it is registered."""
    if LOCAL.account not in (await access_service.newest()).accounts:
        # Another server on the same store may register it at the same time.
        with suppress(Refused):
            await access_service.change(LOCAL, create_account(LOCAL.account))
