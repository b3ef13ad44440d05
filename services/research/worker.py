"""`python -m services.research.worker`: crawls what is known of a person, has a report written."""

from libs.contracts.research import (
    ResearchLease,
    ResearchReportProduced,
    ResearchSourceRecorded,
    ResearchStepStarted,
    ResearchWorkFailed,
)
from libs.contracts.topics import RESEARCH_TASKS
from libs.contracts.work import WorkMessage
from libs.crawl import CrawlPlan, Focus
from libs.generate.port import ReportRequest
from libs.runtime.settings import ServiceUrls
from libs.work.runner import Attempt, Findings, WorkError
from libs.work.worker import Job, Tools, crawl, run_worker
from services.research.settings import WorkerSettings

FINDINGS = Findings(ResearchStepStarted, ResearchSourceRecorded, ResearchWorkFailed)


async def research(attempt: Attempt[ResearchLease], tools: Tools) -> WorkMessage:
    """One attempt at a report."""
    lease = attempt.lease
    job = lease.job
    starts = tuple(url for url in (job.company_website, job.linkedin_url) if url)
    if not starts:
        raise WorkError(
            "nothing_to_read",
            "There is neither a company website nor a profile to start from. Add companyWebsite.",
        )
    name = " ".join(part for part in (job.first_name, job.last_name) if part)
    plan = CrawlPlan(start_urls=starts, focus=Focus.PERSON, names=(name,) if name else ())
    sources = await crawl(attempt, tools, plan)
    await attempt.step("generate")
    draft = await tools.generator.report(ReportRequest(job=job, sources=sources))
    return ResearchReportProduced(
        run_id=lease.run_id,
        token=lease.token,
        draft=draft,
        source_ids=tuple(attempt.source_ids),
    )


if __name__ == "__main__":
    settings = WorkerSettings()
    job = Job(
        "research-worker",
        RESEARCH_TASKS,
        ServiceUrls().research_url,
        ResearchLease,
        FINDINGS,
        research,
        settings.concurrency,
    )
    run_worker(job, settings.host, settings.port)
