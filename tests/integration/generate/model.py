"""A model that answers from what it is sent, and generators that ask it."""

import json
import re
from typing import Any

from libs.contracts.context import ContextDraft
from libs.contracts.research import ReportDraft
from libs.contracts.sources import Source
from libs.generate.factory import build_generator
from libs.generate.port import ContextRequest, ReportRequest
from libs.generate.settings import GenerateSettings
from tests.integration.generate.messages_api import Answer, MessagesApi, Request, message
from tests.unit.generate.sites import context_job, page, research_job, site

KEY = "sk-ant-test-0123456789"
SITE = site("tableflow.example")
PROFILE = page(
    "https://www.linkedin.com/in/jane-doe",
    "title: Jane Doe - CEO - Tableflow | LinkedIn\n\nJane spent eight years on the restaurant "
    "floor.",
)
JANE = research_job("Jane Doe", "Tableflow", "https://tableflow.example")


def settings(api: MessagesApi, **changed: Any) -> GenerateSettings:
    values: dict[str, Any] = {
        "api_key": KEY,
        "model": "claude-test",
        "base_url": api.url,
        "backoff_s": 0.01,
    }
    return GenerateSettings(**(values | changed))


async def context(
    api: MessagesApi,
    sources: tuple[Source, ...] = SITE,
    freeform: str | None = None,
    **changed: Any,
) -> ContextDraft:
    job = context_job("https://tableflow.example", PROFILE.url, freeform)
    generator = build_generator(settings(api, **changed))
    return await generator.context(ContextRequest(job=job, sources=sources))


async def report(
    api: MessagesApi, sources: tuple[Source, ...] = SITE, **changed: Any
) -> ReportDraft:
    generator = build_generator(settings(api, **changed))
    return await generator.report(ReportRequest(job=JANE, sources=sources))


def sent_source(request: Request, words: str) -> str:
    """The id of the sent source that has these words: the scripted model sees nothing else."""
    for source_id, text in re.findall(
        r'<source id="(.*?)".*?>\n(.*?)\n</source>', request.user, re.S
    ):
        if words in text:
            return str(source_id)
    raise AssertionError(f"not sent: {words}")


def statement(request: Request, text: str, quote: str) -> dict[str, str]:
    return {"text": text, "source_id": sent_source(request, quote), "quote": quote}


def truthful(request: Request, _number: int = 1) -> Answer:
    """A model that finds what there is to find."""
    answer: dict[str, Any] = {name: [] for name in request.fields}
    if "overview" in answer:
        answer["company_name"] = "Tableflow"
        answer["overview"] = [
            statement(request, "It plans shifts.", "Tableflow is staff scheduling software")
        ]
    if "icp_job_titles" in answer:
        answer["icp_job_titles"] = [
            statement(request, "operations managers", "Built for operations managers")
        ]
    if "professional_background" in answer:
        answer["professional_background"] = [
            statement(request, "Eight years on the floor.", "eight years on the restaurant floor")
        ]
    if "outreach_angles" in answer:
        quote = "Jane Doe leads the company and its product team."
        answer["role"] = statement(request, "Co-founder and CEO", "Jane Doe\nCo-founder and CEO")
        answer["summary"] = [statement(request, "Jane leads Tableflow.", quote)]
        answer["outreach_angles"] = [
            statement(request, "They are hiring.", "We are hiring in Lisbon and Hamburg.")
        ]
    return message(json.dumps(answer))
