"""Stores as the settings name them."""

from lineal.config import Settings
from lineal.graphstore.opening import Indexed, open_store
from lineal.graphstore.store import Store


async def open_configured(settings: Settings, indexed: Indexed | None = None) -> Store:
    """The store of some settings, with their login and trust; tells `indexed`, and raises, as `open_store` does."""
    login = settings.store_user, settings.store_password, settings.store_ca
    return await open_store(settings.store, *login, indexed=indexed)
