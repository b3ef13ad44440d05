"""Chooses the generator that the settings ask for."""

from libs.generate.offline.generator import OfflineGenerator
from libs.generate.port import Generator
from libs.generate.settings import GenerateSettings


def build_generator(settings: GenerateSettings) -> Generator:
    """The Anthropic generator where a key is set, else the offline one."""
    if settings.api_key is None:
        return OfflineGenerator()
    # Imported late: a worker without a key need not load the SDK.
    from libs.generate.anthropic.generator import AnthropicGenerator

    return AnthropicGenerator(settings)
