"""The table of all settings, made from the settings classes: `docs/settings.md`.

`python -m deploy.local.settings_table > docs/settings.md` makes it anew.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from libs.crawl.settings import CrawlSettings
from libs.generate.settings import GenerateSettings
from libs.messaging.settings import KafkaSettings
from libs.runtime.settings import RuntimeSettings, ServiceUrls
from libs.work.settings import WorkSettings
from services.context.settings import ContextSettings
from services.context.settings import WorkerSettings as ContextWorkerSettings
from services.credits.settings import CreditsSettings
from services.gateway.settings import GatewaySettings
from services.research.settings import ResearchSettings
from services.research.settings import WorkerSettings as ResearchWorkerSettings

READERS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("every process", RuntimeSettings),
    ("every process", KafkaSettings),
    ("gateway, workers", ServiceUrls),
    ("context, research", WorkSettings),
    ("gateway", GatewaySettings),
    ("context", ContextSettings),
    ("research", ResearchSettings),
    ("credits", CreditsSettings),
    ("context worker", ContextWorkerSettings),
    ("research worker", ResearchWorkerSettings),
    ("workers", CrawlSettings),
    ("workers", GenerateSettings),
)

HEAD = """\
# Settings

All settings are environment variables. The embedded stack (`make up`, `make demo`) sets the
addresses, the database URLs and the internal token itself and passes everything else on.

| variable | default | read by | meaning |
| --- | --- | --- | --- |"""


def rows() -> Iterator[str]:
    """A line of the table for each setting."""
    for reader, settings in READERS:
        prefix = settings.model_config.get("env_prefix", "")
        for name, info in settings.model_fields.items():
            variable = info.alias or f"{prefix}{name}".upper()
            meaning = " ".join((info.description or "").split())
            yield f"| `{variable}` | {_default(info)} | {reader} | {meaning} |"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default: Any = info.default
    if default is None or default == "":
        return ""
    text = default if isinstance(default, str) else json.dumps(default)
    return f"`{text}`"


def table() -> str:
    """The whole page."""
    return "\n".join([HEAD, *rows()]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
