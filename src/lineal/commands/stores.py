"""Stores that commands open themselves."""

from lineal.config import load_settings
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store


async def open_configured(url: str) -> Store:
    """The store at a URL, with the login and trust of the environment's settings."""
    settings = load_settings({})
    return await open_store(url, settings.store_user, settings.store_password, settings.store_ca)
