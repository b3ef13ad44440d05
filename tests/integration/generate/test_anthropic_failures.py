"""The Anthropic generator against a real HTTP server: every way in which a call can fail."""

import json
from typing import Any

import pytest

from libs.generate.port import GenerationFailed
from tests.integration.generate.messages_api import Answer, Request, error, message, messages_api
from tests.integration.generate.model import (
    KEY,
    context,
    report,
    truthful,
)


async def test_a_truncated_answer_is_asked_again_for_less() -> None:
    def model(request: Request, number: int) -> Answer:
        return message('{"summary": [', "max_tokens") if number == 1 else truthful(request)

    async with messages_api(model) as api:
        draft = await report(api)
    first, second = api.requests
    assert draft.claims
    assert "too long" in second.user and "too long" not in first.user
    assert len(second.user) <= len(first.user) + 200


async def test_an_answer_truncated_twice_fails_for_good() -> None:
    async with messages_api(lambda *_: message("{", "max_tokens")) as api:
        with pytest.raises(GenerationFailed, match="DOSSIER_ANTHROPIC_MAX_TOKENS") as failed:
            await report(api)
    assert (failed.value.code, failed.value.retryable) == ("llm_truncated", False)
    assert len(api.requests) == 2


async def test_a_refusal_is_said() -> None:
    async with messages_api(lambda *_: message("", "refusal")) as api:
        with pytest.raises(GenerationFailed, match="declined") as failed:
            await report(api)
    assert (failed.value.code, failed.value.retryable) == ("llm_refused", False)
    assert len(api.requests) == 1


async def test_a_section_that_is_refused_leaves_the_others() -> None:
    def model(request: Request, _number: int) -> Answer:
        refused = "icp_job_titles" in request.fields
        return message("", "refusal") if refused else truthful(request)

    async with messages_api(model) as api:
        draft = await context(api)
    assert draft.sections.company.overview == "It plans shifts."
    assert draft.sections.market.icp_job_titles == ()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"summary": 1}'])
async def test_an_answer_of_the_wrong_form_may_be_tried_again(text: str) -> None:
    async with messages_api(lambda *_: message(text)) as api:
        with pytest.raises(GenerationFailed, match="agreed form") as failed:
            await report(api)
    assert (failed.value.code, failed.value.retryable) == ("llm_invalid", True)
    assert text not in failed.value.message or not text


async def test_an_answer_with_nothing_in_it_is_no_evidence() -> None:
    def model(request: Request, _number: int) -> Answer:
        empty: dict[str, Any] = {name: [] for name in request.fields}
        return message(json.dumps(empty | {"role": None}))

    async with messages_api(model) as api:
        with pytest.raises(GenerationFailed) as failed:
            await report(api)
    assert failed.value.code == "no_evidence"


async def test_without_a_page_nothing_is_asked() -> None:
    async with messages_api(truthful) as api:
        with pytest.raises(GenerationFailed, match="No page could be read"):
            await report(api, ())
        with pytest.raises(GenerationFailed, match="No page could be read"):
            await context(api, ())
    assert api.requests == []


@pytest.mark.parametrize(
    ("answer", "code", "names"),
    [
        (error(401, "authentication_error"), "llm_auth", "ANTHROPIC_API_KEY"),
        (error(403, "permission_error"), "llm_auth", "ANTHROPIC_API_KEY"),
        (error(404, "not_found_error"), "llm_model_unknown", "claude-test"),
        (error(400, "invalid_request_error"), "llm_rejected", "status 400"),
        (error(413, "request_too_large"), "llm_rejected", "status 413"),
    ],
)
async def test_what_trying_again_cannot_mend_is_asked_once(
    answer: Answer, code: str, names: str
) -> None:
    async with messages_api(lambda *_: answer) as api:
        with pytest.raises(GenerationFailed, match=names) as failed:
            await report(api)
    assert (failed.value.code, failed.value.retryable) == (code, False)
    assert len(api.requests) == 1
    assert KEY not in failed.value.message


@pytest.mark.parametrize(
    "first",
    [
        error(429, "rate_limit_error", retry_after="0"),
        error(529, "overloaded_error"),
        error(500, "api_error"),
    ],
)
async def test_a_busy_api_is_asked_again(first: Answer) -> None:
    def model(request: Request, number: int) -> Answer:
        return first if number == 1 else truthful(request)

    async with messages_api(model) as api:
        assert (await report(api)).claims
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [429, 529])
async def test_an_api_that_stays_busy_is_given_up_and_may_be_tried_later(status: int) -> None:
    async with messages_api(lambda *_: error(status, "overloaded_error")) as api:
        with pytest.raises(GenerationFailed, match=f"3 tries .status {status}.") as failed:
            await report(api, tries=3)
    assert (failed.value.code, failed.value.retryable) == ("llm_unavailable", True)
    assert len(api.requests) == 3


async def test_an_api_that_hangs_is_not_waited_for() -> None:
    async with messages_api(lambda *_: Answer(hangs=True)) as api:
        with pytest.raises(GenerationFailed, match="no answer in time") as failed:
            await report(api, timeout_s=0.2, tries=2)
    assert failed.value.retryable
    assert len(api.requests) == 2


async def test_an_api_that_is_away_is_said() -> None:
    async with messages_api(truthful) as api:
        pass
    with pytest.raises(GenerationFailed, match="no connection") as failed:
        await report(api, tries=2)
    assert failed.value.retryable
