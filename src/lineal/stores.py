"""Opens the store that the settings name."""

from lineal.config import Settings
from lineal.graphstore.opening import open_store
from lineal.graphstore.store import Store


async def open_configured(settings: Settings, *, creates: bool = True) -> Store:
    """The store of the settings, with their login and certificate authorities. Arguments and errors: `open_store`."""
    login = settings.store_user, settings.store_password, settings.store_ca
    return await open_store(settings.store, *login, creates=creates)
