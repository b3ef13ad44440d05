"""Which generator the settings give."""

import pytest

from libs.generate.factory import build_generator
from libs.generate.settings import GenerateSettings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "DOSSIER_ANTHROPIC_MODEL", "DOSSIER_ANTHROPIC_BUDGET_TOKENS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_the_offline_generator_writes(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    assert build_generator(GenerateSettings()).name == "offline-extractive/1"


def test_a_key_in_the_environment_chooses_anthropic_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("DOSSIER_ANTHROPIC_MODEL", "claude-test")
    monkeypatch.setenv("DOSSIER_ANTHROPIC_BUDGET_TOKENS", "5000")
    settings = GenerateSettings()
    assert build_generator(settings).name == "anthropic/claude-test/v1"
    assert settings.budget_tokens == 5_000
    assert "sk-ant-secret" not in repr(settings)


def test_a_budget_of_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOSSIER_ANTHROPIC_BUDGET_TOKENS", "0")
    with pytest.raises(ValueError, match="DOSSIER_ANTHROPIC_BUDGET_TOKENS"):
        GenerateSettings()
