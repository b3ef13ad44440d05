"""Settings of the research service."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class ResearchSettings(BaseSettings):
    """Environment variables `DOSSIER_RESEARCH_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_RESEARCH_", use_attribute_docstrings=True)

    database_url: str
    """`postgresql://user:password@host:port/name`, a database of this service alone."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8712
    """Port to listen on."""
    charge_failed_runs: bool = False
    """Whether a run that fails after its dispatch is paid for all the same."""


class WorkerSettings(BaseSettings):
    """Environment variables `DOSSIER_RESEARCH_WORKER_…`."""

    model_config = SettingsConfigDict(
        env_prefix="DOSSIER_RESEARCH_WORKER_", use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8722
    """Port to listen on."""
    concurrency: int = 2
    """How many runs a worker process works on at once."""
