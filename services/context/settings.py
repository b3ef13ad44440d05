"""Settings of the context service."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict


class ContextSettings(BaseSettings):
    """Environment variables `DOSSIER_CONTEXT_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_CONTEXT_", use_attribute_docstrings=True)

    database_url: str
    """`postgresql://user:password@host:port/name`, a database of this service alone."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8711
    """Port to listen on."""
    window_h: float = 24.0
    """Hours in which a user gets one regeneration."""

    @property
    def window(self) -> timedelta:
        return timedelta(hours=self.window_h)


class WorkerSettings(BaseSettings):
    """Environment variables `DOSSIER_CONTEXT_WORKER_…`."""

    model_config = SettingsConfigDict(
        env_prefix="DOSSIER_CONTEXT_WORKER_", use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8721
    """Port to listen on."""
    concurrency: int = 2
    """How many runs a worker process works on at once."""
