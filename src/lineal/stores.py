"""Opens the stores that the settings name: that of records, and that of content."""

from lineal.blobs.store import BlobStore
from lineal.config import ConfigError, Settings
from lineal.graphstore.opening import open_store, sqlite_path
from lineal.graphstore.store import Store


async def open_configured(settings: Settings, *, creates: bool = True) -> Store:
    """The store of the settings, with their login and certificate authorities. Arguments and errors: `open_store`."""
    login = settings.store_user, settings.store_password, settings.store_ca
    return await open_store(settings.store, *login, creates=creates)


def open_blobs(settings: Settings) -> BlobStore | None:
    """Open the store of content of the settings; None if neither they nor the store of records give it a place.

    The folder beside an SQLite store is made when it is first used. Raises ConfigError.
    """
    if not settings.blobs:
        path = sqlite_path(settings.store)
        return None if path is None else BlobStore.in_folder(path.absolute().with_name(f"{path.name}.blobs"))
    try:
        return BlobStore.opened(settings.blobs)
    except ValueError as error:
        raise ConfigError(f"blobs: {error}") from error
