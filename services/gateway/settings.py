"""Settings of the gateway."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Environment variables `DOSSIER_GATEWAY_…`. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_GATEWAY_")

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8710
    command_ttl_s: float = 5.0
    """How long an owner may take up a command; past it the command does nothing."""
    reply_wait_s: float = 9.0
    """How long a request waits for its reply before the owner is asked."""
    read_timeout_s: float = 5.0
    max_body_bytes: int = 256 * 1024
