"""Settings of the credits service."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.contracts.credits import Action


class CreditsSettings(BaseSettings):
    """Environment variables `DOSSIER_CREDITS_…`."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_CREDITS_")

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8713
    costs: dict[Action, int] = {Action.DEEP_RESEARCH: 1}
    """The price list: credits per action, as JSON."""
