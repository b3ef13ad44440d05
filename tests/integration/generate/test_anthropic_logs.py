"""What the Anthropic generator logs, even at the most talkative level."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from tests.integration.generate.messages_api import Answer, Request, error, messages_api
from tests.integration.generate.model import (
    KEY,
    report,
    truthful,
)


async def test_logs_have_tokens_and_neither_key_nor_text(log_text: Callable[[], str]) -> None:
    def model(request: Request, number: int) -> Answer:
        return error(529, "overloaded_error") if number == 1 else truthful(request)

    async with messages_api(model) as api:
        await report(api)
    logged = log_text()
    assert "model_call_failed" in logged and "status 529" in logged
    assert "input_tokens=1000" in logged.replace(" ", "") or '"input_tokens": 1000' in logged
    assert KEY not in logged
    assert "Jane" not in logged and "Tableflow" not in logged


@pytest.fixture
def log_text() -> Any:
    """Everything that is logged at debug level, by us and by the libraries."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level, before = root.level, structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in ("anthropic", "httpx2", "httpcore2")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield stream.getvalue
    structlog.configure(**before)
    root.removeHandler(handler)
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
