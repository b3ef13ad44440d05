"""One call of the Messages API: retried where that can help, checked before it is believed."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anthropic
import structlog
from anthropic.types import CacheControlEphemeralParam, Message, TextBlockParam
from pydantic import BaseModel, ValidationError

from libs.generate.anthropic.budget import Budget, estimate_tokens
from libs.generate.port import GenerationFailed
from libs.generate.settings import GenerateSettings

MAX_RETRY_AFTER_S = 60.0
_RETRIED_STATUS = frozenset({408, 409, 429})

Answer = TypeVar("Answer", bound=BaseModel)
log = structlog.get_logger(__name__)


class Truncated(Exception):
    """The answer did not fit: to be asked again for less."""


class Caller:
    """Sends prompts to one model and returns validated answers."""

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        settings: GenerateSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._settings = settings
        self._sleep = sleep

    async def ask(
        self, task: str, system: tuple[str, ...], user: str, answer: type[Answer], budget: Budget
    ) -> Answer:
        """The model's answer to one prompt.

        Raises:
            Truncated: the answer or the prompt was too long.
            GenerationFailed: refused, unusable, too dear, or the API did not work.
        """
        reserved = sum(map(estimate_tokens, (*system, user))) + self._settings.max_tokens
        budget.reserve(reserved)
        message = await self._send_until_answered(task, system, user, answer)
        used = _used(message)
        budget.settle(reserved, used)
        log.info(
            "model_call",
            task=task,
            model=message.model,
            stop_reason=message.stop_reason,
            input_tokens=message.usage.input_tokens,
            output_tokens=message.usage.output_tokens,
            cache_read_tokens=message.usage.cache_read_input_tokens or 0,
            cache_write_tokens=message.usage.cache_creation_input_tokens or 0,
        )
        return _read(message, answer)

    async def _send_until_answered(
        self, task: str, system: tuple[str, ...], user: str, answer: type[BaseModel]
    ) -> Message:
        for attempt in range(1, self._settings.tries + 1):
            try:
                return await self._send(system, user, answer)
            except (anthropic.APIConnectionError, anthropic.APIStatusError, TimeoutError) as error:
                if not _may_pass(error):
                    raise _refused_by_api(error, self._settings.model) from error
                log.warning("model_call_failed", task=task, attempt=attempt, cause=_cause(error))
                if attempt == self._settings.tries:
                    raise GenerationFailed(
                        "llm_unavailable",
                        f"The Anthropic API did not answer in {attempt} tries "
                        f"({_cause(error)}). Try again later.",
                        retryable=True,
                    ) from error
                await self._sleep(self._pause_s(attempt, error))
        raise AssertionError("at least one try is made")

    async def _send(self, system: tuple[str, ...], user: str, answer: type[BaseModel]) -> Message:
        # The SDK's own timeout restarts with every byte; this one bounds the whole call.
        async with asyncio.timeout(self._settings.timeout_s):
            return await self._client.messages.create(
                model=self._settings.model,
                max_tokens=self._settings.max_tokens,
                system=_cached(system),
                messages=[{"role": "user", "content": user}],
                output_config={
                    "format": {
                        "type": "json_schema",
                        "schema": anthropic.transform_schema(answer),
                    }
                },
            )

    def _pause_s(self, attempt: int, error: Exception) -> float:
        """What the API asks for, else twice as long each time, and never quite the same."""
        if isinstance(error, anthropic.APIStatusError):
            try:
                return min(float(error.response.headers["retry-after"]), MAX_RETRY_AFTER_S)
            except (KeyError, ValueError):
                pass
        jitter = 1 + random.random() / 4  # noqa: S311 - spreads retries, protects nothing
        return min(self._settings.backoff_s * 2.0 ** (attempt - 1) * jitter, MAX_RETRY_AFTER_S)


def open_client(settings: GenerateSettings) -> anthropic.AsyncAnthropic:
    """A client that retries nothing by itself and logs no text."""
    # At debug level the SDK logs whole requests: page texts and personal data.
    for name in ("anthropic", "httpx2", "httpcore2"):
        if logging.getLogger(name).getEffectiveLevel() < logging.WARNING:
            logging.getLogger(name).setLevel(logging.WARNING)
    if settings.api_key is None:
        raise ValueError("ANTHROPIC_API_KEY is not set")
    return anthropic.AsyncAnthropic(
        api_key=settings.api_key.get_secret_value(),
        base_url=settings.base_url,
        max_retries=0,
        timeout=settings.timeout_s,
    )


def _cached(system: tuple[str, ...]) -> list[TextBlockParam]:
    """The system prompt, the same in every run: kept by the API for the next one."""
    *before, last = system
    blocks = [TextBlockParam(type="text", text=text) for text in before]
    kept = CacheControlEphemeralParam(type="ephemeral")
    return [*blocks, TextBlockParam(type="text", text=last, cache_control=kept)]


def _read(message: Message, answer: type[Answer]) -> Answer:
    match message.stop_reason:
        case "max_tokens" | "model_context_window_exceeded":
            raise Truncated
        case "refusal":
            raise GenerationFailed(
                "llm_refused",
                "The model declined to write about these sources. Check what they contain, or "
                "choose another model with DOSSIER_ANTHROPIC_MODEL.",
            )
        case "end_turn" | "stop_sequence":
            text = "".join(block.text for block in message.content if block.type == "text")
        case other:
            raise _unusable(f"it stopped with {other}")
    try:
        return answer.model_validate_json(text)
    except ValidationError as error:
        # The error's own text would repeat the answer.
        raise _unusable(f"{error.error_count()} mistakes in its JSON") from None


def _unusable(why: str) -> GenerationFailed:
    return GenerationFailed(
        "llm_invalid",
        f"The model's answer does not have the agreed form ({why}).",
        retryable=True,
    )


def _may_pass(error: Exception) -> bool:
    if isinstance(error, anthropic.APIStatusError):
        return error.status_code >= 500 or error.status_code in _RETRIED_STATUS
    return True


def _refused_by_api(error: Exception, model: str) -> GenerationFailed:
    match error:
        case anthropic.AuthenticationError() | anthropic.PermissionDeniedError():
            return GenerationFailed(
                "llm_auth",
                f"The Anthropic API does not accept the key ({_cause(error)}). "
                "Check ANTHROPIC_API_KEY.",
            )
        case anthropic.NotFoundError():
            return GenerationFailed(
                "llm_model_unknown",
                f"The Anthropic API does not know the model {model}. Check DOSSIER_ANTHROPIC_MODEL "
                "and DOSSIER_ANTHROPIC_BASE_URL.",
            )
        case _:
            return GenerationFailed(
                "llm_rejected",
                f"The Anthropic API rejected the request ({_cause(error)}). Check the account's "
                "credit and the DOSSIER_ANTHROPIC_ settings.",
            )


def _cause(error: Exception) -> str:
    """What happened, without anything that was sent or received."""
    if isinstance(error, anthropic.APIStatusError):
        return f"status {error.status_code}"
    if isinstance(error, TimeoutError | anthropic.APITimeoutError):
        return "no answer in time"
    return "no connection"


def _used(message: Message) -> int:
    usage = message.usage
    return (
        usage.input_tokens
        + (usage.cache_creation_input_tokens or 0)
        + (usage.cache_read_input_tokens or 0)
        + usage.output_tokens
    )
