"""`python -m services.context.worker`: crawls a user's sites and has their context written."""

from libs.contracts.context import (
    ContextDraftProduced,
    ContextLease,
    ContextSourceRecorded,
    ContextStepStarted,
    ContextWorkFailed,
)
from libs.contracts.topics import CONTEXT_TASKS
from libs.contracts.work import WorkMessage
from libs.crawl import CrawlPlan, Focus
from libs.generate.port import ContextRequest
from libs.runtime.settings import ServiceUrls
from libs.work.runner import Attempt, Findings
from libs.work.worker import Job, Tools, crawl, run_worker
from services.context.settings import WorkerSettings

FINDINGS = Findings(ContextStepStarted, ContextSourceRecorded, ContextWorkFailed)


async def regenerate(attempt: Attempt[ContextLease], tools: Tools) -> WorkMessage:
    """One attempt at a regeneration."""
    lease = attempt.lease
    job = lease.job
    starts = (job.website, job.company_linkedin_url, job.linkedin_url)
    plan = CrawlPlan(start_urls=tuple(url for url in starts if url), focus=Focus.CONTEXT)
    sources = await crawl(attempt, tools, plan)
    await attempt.step("generate")
    draft = await tools.generator.context(ContextRequest(job=job, sources=sources))
    return ContextDraftProduced(
        run_id=lease.run_id,
        token=lease.token,
        draft=draft,
        source_ids=tuple(attempt.source_ids),
    )


if __name__ == "__main__":
    settings = WorkerSettings()
    job = Job(
        "context-worker",
        CONTEXT_TASKS,
        ServiceUrls().context_url,
        ContextLease,
        FINDINGS,
        regenerate,
        settings.concurrency,
    )
    run_worker(job, settings.host, settings.port)
