"""Settings of generation. Without `ANTHROPIC_API_KEY` the offline generator works."""

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class GenerateSettings(BaseSettings):
    """Read from the environment; names in capitals are the variables."""

    model_config = SettingsConfigDict(
        populate_by_name=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    api_key: SecretStr | None = Field(None, alias="ANTHROPIC_API_KEY")
    """With a key contexts and reports are written by Anthropic, without one offline."""
    model: str = Field("claude-sonnet-5-5", alias="DOSSIER_ANTHROPIC_MODEL")
    """Id of the model."""
    base_url: str = Field("https://api.anthropic.com", alias="DOSSIER_ANTHROPIC_BASE_URL")
    """Where the Messages API is."""
    max_tokens: int = Field(4_096, gt=0, alias="DOSSIER_ANTHROPIC_MAX_TOKENS")
    """Longest answer of one call, in tokens."""
    budget_tokens: int = Field(90_000, gt=0, alias="DOSSIER_ANTHROPIC_BUDGET_TOKENS")
    """Most that one attempt of a run may spend, in tokens read and written."""
    timeout_s: float = Field(120.0, gt=0, alias="DOSSIER_ANTHROPIC_TIMEOUT_S")
    """Longest wait for one answer, in seconds."""
    tries: int = Field(3, gt=0, alias="DOSSIER_ANTHROPIC_TRIES")
    """How often one call is sent in all, when the API is busy or does not answer."""
    backoff_s: float = Field(1.0, ge=0, alias="DOSSIER_ANTHROPIC_BACKOFF_S")
    """Wait before the second try, in seconds; doubles after that."""

    @field_validator("api_key")
    @classmethod
    def _empty_is_unset(cls, key: SecretStr | None) -> SecretStr | None:
        return key if key is not None and key.get_secret_value().strip() else None
