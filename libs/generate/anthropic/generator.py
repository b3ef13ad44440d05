"""Which calls make a context and a report."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from libs.contracts.context import ContextDraft, Sections
from libs.contracts.research import ReportDraft
from libs.contracts.sources import Source, SourceStatus
from libs.generate.anthropic import pages
from libs.generate.anthropic.answers import CompanyAnswer, MarketAnswer, ReportAnswer, UserAnswer
from libs.generate.anthropic.budget import Budget, estimate_tokens
from libs.generate.anthropic.call import Caller, Truncated, log, open_client
from libs.generate.anthropic.drafts import ContextComposer, report_draft
from libs.generate.evidence import FREEFORM_SOURCE_ID
from libs.generate.port import ContextRequest, GenerationFailed, ReportRequest
from libs.generate.prompts import VERSION, prompt
from libs.generate.settings import GenerateSettings

SECTIONS_OF_A_CONTEXT = 3
SHORTER = (
    "\nYour last answer was too long. Give at most two statements in each field, and quote one "
    "short sentence for each."
)

Answer = TypeVar("Answer", bound=BaseModel)


class AnthropicGenerator:
    """Asks a model for statements with quotes; pages are data in its prompt, there are no tools."""

    def __init__(self, settings: GenerateSettings) -> None:
        self.name: str = f"anthropic/{settings.model}/{VERSION}"
        self._settings = settings

    async def context(self, request: ContextRequest) -> ContextDraft:
        """See `Generator.context`. Three calls side by side, each with a third of the budget.

        A section that the model would not or could not write is left empty if
        another one was written.
        """
        async with open_client(self._settings) as client:
            caller = Caller(client, self._settings)
            sources = request.sources
            company, market, user = await asyncio.gather(
                self._section(
                    caller, "company", CompanyAnswer, pages.choose(sources, pages.COMPANY_ORDER)
                ),
                self._section(
                    caller, "market", MarketAnswer, pages.choose(sources, pages.MARKET_ORDER)
                ),
                self._section(caller, "user", UserAnswer, _about_user(request)),
                return_exceptions=True,
            )
        composer = ContextComposer(
            {s.id: s.url for s in sources},
            {s.id: s.text for s in (*sources, *_freeform(request))},
        )
        _raise_unless_some(company, market, user)
        sections = Sections()
        company_name = None
        if isinstance(company, CompanyAnswer):
            company_name = company.company_name
            sections = sections.model_copy(update={"company": composer.company(company)})
        if isinstance(market, MarketAnswer):
            sections = sections.model_copy(update={"market": composer.market(market)})
        if isinstance(user, UserAnswer):
            about, content = composer.user(user)
            sections = sections.model_copy(update={"user": about, "content": content})
        return composer.draft(self.name, sections, company_name)

    async def report(self, request: ReportRequest) -> ReportDraft:
        """See `Generator.report`."""
        sources = pages.choose(request.sources, pages.REPORT_ORDER)
        if not sources:
            raise _nothing_read()
        person = request.job.model_dump_json(exclude_none=True)
        async with open_client(self._settings) as client:
            answer = await self._ask(
                Caller(client, self._settings),
                "report",
                ReportAnswer,
                sources,
                Budget(self._settings.budget_tokens),
                f"<person>{pages.harmless(person)}</person>\n",
            )
        draft = report_draft(self.name, answer)
        if not draft.claims:
            raise GenerationFailed(
                "no_evidence",
                "The model found nothing of this person or their company on the pages that were "
                "read. Check the spelling of the name and the company's website.",
            )
        return draft

    async def _section(
        self, caller: Caller, task: str, answer: type[Answer], sources: Sequence[Source]
    ) -> Answer | None:
        """One section's answer, or none where there is nothing to write it from."""
        if not sources:
            return None
        budget = Budget(self._settings.budget_tokens // SECTIONS_OF_A_CONTEXT)
        return await self._ask(caller, task, answer, sources, budget)

    async def _ask(
        self,
        caller: Caller,
        task: str,
        answer: type[Answer],
        sources: Sequence[Source],
        budget: Budget,
        opening: str = "",
    ) -> Answer:
        """Asks once, and for less if the answer did not fit. Half of the budget is for that."""
        system = (prompt("rules"), prompt(task))
        fixed = sum(map(estimate_tokens, (*system, opening, SHORTER))) + self._settings.max_tokens
        room = budget.left // 2 - fixed
        for limit, closing in ((room, ""), (room // 2, SHORTER)):
            user = opening + pages.delimit(sources, max(limit, 0)) + closing
            try:
                return await caller.ask(task, system, user, answer, budget)
            except Truncated:
                log.warning("model_answer_truncated", task=task)
        raise GenerationFailed(
            "llm_truncated",
            "The model's answer did not fit twice in a row. Raise DOSSIER_ANTHROPIC_MAX_TOKENS.",
        )


def _about_user(request: ContextRequest) -> list[Source]:
    wanted = request.job.linkedin_url
    own = [s for s in request.sources if s.was_read and s.text.strip() and s.url == wanted]
    profiles = own or pages.choose(request.sources, pages.USER_ORDER)
    return [*profiles, *_freeform(request)]


def _freeform(request: ContextRequest) -> list[Source]:
    """The user's own words, in the shape of a source."""
    text = (request.job.freeform_context or "").strip()
    if not text or not request.sources:
        return []
    return [
        Source(
            id=FREEFORM_SOURCE_ID,
            url="",
            status=SourceStatus.READ,
            fetched_at=request.sources[0].fetched_at,
            text=text,
        )
    ]


def _raise_unless_some(*results: BaseModel | BaseException | None) -> None:
    """Fails a context that must be written again, or of which nothing was written."""
    failures = [r for r in results if isinstance(r, BaseException)]
    for failure in failures:
        if not isinstance(failure, GenerationFailed) or failure.retryable:
            raise failure
    if not any(isinstance(r, BaseModel) for r in results):
        raise failures[0] if failures else _nothing_read()
    for failure in failures:
        log.warning("section_left_empty", cause=str(failure))


def _nothing_read() -> GenerationFailed:
    return GenerationFailed(
        "no_evidence",
        "No page could be read. Check the address of the website and whether it can be opened "
        "without a login.",
    )
