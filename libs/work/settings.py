"""Deadlines of runs."""

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkSettings(BaseSettings):
    """Environment variables `DOSSIER_WORK_…`. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_WORK_", use_attribute_docstrings=True)

    hold_s: float = 3.0
    """How long research waits for credits before it gives a run up."""
    dispatch_s: float = 3.0
    """How long a task may take to be acknowledged by Kafka."""
    resend_s: float = 15.0
    """How long before an unanswered task or credit command is sent again."""
    lease_s: float = 20.0
    """How long a worker holds a run without a heartbeat."""
    attempts: int = 3
    """How many leases a run may cost before it fails."""

    @property
    def hold(self) -> timedelta:
        return timedelta(seconds=self.hold_s)

    @property
    def dispatch(self) -> timedelta:
        return timedelta(seconds=self.dispatch_s)

    @property
    def resend(self) -> timedelta:
        return timedelta(seconds=self.resend_s)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_s)
