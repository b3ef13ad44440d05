"""Settings of the credits service."""

from pydantic import NonNegativeInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.contracts.credits import Action


class CreditsSettings(BaseSettings):
    """Environment variables `DOSSIER_CREDITS_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_CREDITS_", use_attribute_docstrings=True)

    database_url: str
    """`postgresql://user:password@host:port/name`, a database of this service alone."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8713
    """Port to listen on."""
    costs: dict[Action, NonNegativeInt] = {Action.DEEP_RESEARCH: 1}
    """The price list: credits per action, as JSON."""
