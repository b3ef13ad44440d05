"""Settings of the gateway."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Environment variables `DOSSIER_GATEWAY_…`. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_GATEWAY_", use_attribute_docstrings=True)

    database_url: str
    """`postgresql://user:password@host:port/name`, a database of this service alone."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8710
    """Port to listen on."""
    command_ttl_s: float = 5.0
    """How long an owner may take up a command; past it the command does nothing."""
    reply_wait_s: float = 8.0
    """How long a request waits for its reply before the owner is asked."""
    read_timeout_s: float = 1.5
    """Longest wait for a read from a service."""
    max_body_bytes: int = 256 * 1024
    """The largest request body; a larger one is answered 413."""
