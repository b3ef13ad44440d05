"""Settings of the research service."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class ResearchSettings(BaseSettings):
    """Environment variables `DOSSIER_RESEARCH_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_RESEARCH_")

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8712
    charge_failed_runs: bool = False
    """Whether a run that fails after its dispatch is paid for all the same."""


class WorkerSettings(BaseSettings):
    """Environment variables `DOSSIER_RESEARCH_WORKER_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_RESEARCH_WORKER_")

    host: str = "127.0.0.1"
    port: int = 8722
    concurrency: int = 2
    """How many runs a worker process works on at once."""
