"""Settings that every process has. All come from environment variables."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Environment variables `DOSSIER_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_", use_attribute_docstrings=True)

    log_level: str = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    internal_token: SecretStr
    """Shared secret of the services' internal HTTP APIs."""


class ServiceUrls(BaseSettings):
    """Where the services' internal HTTP APIs are."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_", use_attribute_docstrings=True)

    context_url: str = "http://127.0.0.1:8711"
    """The context service."""
    research_url: str = "http://127.0.0.1:8712"
    """The research service."""
    credits_url: str = "http://127.0.0.1:8713"
    """The credits service."""
