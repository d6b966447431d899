"""Stores as the settings name them."""

from lineal.config import Settings
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store


async def open_configured(settings: Settings) -> Store:
    """The store of some settings, with their login and trust. Raises as `open_store` does."""
    return await open_store(settings.store, settings.store_user, settings.store_password, settings.store_ca)
