"""Settings of the context service."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict


class ContextSettings(BaseSettings):
    """Environment variables `DOSSIER_CONTEXT_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_CONTEXT_")

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8711
    window_h: float = 24.0
    """Hours in which a user gets one regeneration."""

    @property
    def window(self) -> timedelta:
        return timedelta(hours=self.window_h)


class WorkerSettings(BaseSettings):
    """Environment variables `DOSSIER_CONTEXT_WORKER_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_CONTEXT_WORKER_")

    host: str = "127.0.0.1"
    port: int = 8721
    concurrency: int = 2
    """How many runs a worker process works on at once."""
