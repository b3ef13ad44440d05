"""The demo follows its runs through the HTTP API, and says which step failed and why."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.local.check_demo import problems
from deploy.local.demo import DemoError, demo
from deploy.local.demo_api import Api, Refused
from deploy.local.demo_tour import StepFailed, Subject, Tour
from deploy.local.demo_view import View

SUBJECT = Subject("https://site.example", "Ada", "Byron", "Engines", "")
SOURCE = {"id": "s1", "url": "https://site.example/about", "status": "read", "reason": None}
BLOCKED = {"id": "s2", "url": "https://site.example/x", "status": "blocked", "reason": "robots"}
FREE = {"held": 0, "charged": 0, "returned": 0}


class Script(Api):
    """An API that answers each path from a list, the last entry again and again."""

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self._answers = {path: iter(bodies[:-1]) for path, bodies in answers.items()}
        self._last = {path: bodies[-1] for path, bodies in answers.items()}
        self.sent: dict[str, Any] = {}

    async def get(self, path: str) -> dict[str, Any]:
        answer = next(self._answers[path], self._last[path])
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.sent[path] = body
        return await self.get(path)


def run(status: str, step: str | None, *sources: Any, **more: Any) -> dict[str, Any]:
    state = {"status": status, "step": step, "sources": list(sources), "credits": FREE, **more}
    return {"run": state}


def claims(count: int) -> list[dict[str, str]]:
    return [
        {"field": "summary", "text": f"Fact {n}.", "source_id": "s1", "quote": f"fact {n}"}
        for n in range(count)
    ]


def script() -> dict[str, list[Any]]:
    content = {
        "generator": "offline",
        "summary": "Ada",
        "background": "",
        "company_intel": "",
        "outreach_angles": [],
        "claims": claims(5),
        "sources": [SOURCE],
    }
    evidence = [{"source_id": "s1", "url": SOURCE["url"], "quote": "We make engines."}]
    return {
        "/api/context/regenerate": [{"runId": "r1"}],
        "/api/context/runs/r1": [
            run("queued", None),
            run("working", "crawl", SOURCE),
            run("complete", "generate", SOURCE, BLOCKED),
        ],
        "/api/context": [
            {
                "generator": "offline",
                "context": {"company": {"overview": "We make engines.", "product": None}},
                "evidence": {"company.overview": evidence},
            }
        ],
        "/api/deep-research/people": [{"runId": "r2", "person": {"id": "p1"}}],
        "/api/deep-research/runs/r2": [
            run("working", "crawl", credits=FREE | {"held": 1}),
            run("complete", "generate", SOURCE, credits=FREE | {"charged": 1}),
        ],
        "/api/deep-research/people/p1/report": [{"report": {"version": 1, "content": content}}],
        "/api/credits/balance": [{"balance": 99, "held": 1}, {"balance": 99, "held": 0}],
        "/api/credits/ledger": [
            {
                "entries": [
                    {
                        "createdAt": "2026-01-01T10:00:00Z",
                        "kind": "charge",
                        "amount": -1,
                        "balanceAfter": 99,
                        "runId": "r2",
                    }
                ]
            }
        ],
    }


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


def view(shown: io.StringIO) -> View:
    return View(Console(file=shown, width=200))


async def test_both_jobs_are_shown_while_they_happen(shown: io.StringIO) -> None:
    api = Script(script())
    tour = Tour(api, view(shown), SUBJECT)
    await tour.walk()
    output = shown.getvalue()
    lines = output.splitlines()
    assert [line for line in lines if line.startswith("step")] == [
        "step     crawl",
        "step     generate",
    ] * 2
    assert "blocked  https://site.example/x  (robots)" in lines
    assert "1 held, 0 charged" in output
    assert "0 held, 1 charged" in output
    assert [source["job"] for source in tour.sources] == ["context", "context", "research"]
    assert api.sent["/api/deep-research/people"]["companyWebsite"] == SUBJECT.site
    summary = {"context": tour.context, "report": tour.report, "ledger": tour.ledger}
    found = problems(summary | {"sources": tour.sources})
    assert found == ["only 1 pages were read"]


async def test_a_failed_run_is_reported_with_its_step_and_reason(shown: io.StringIO) -> None:
    answers = script()
    error = {"code": "nothing_read", "message": "No source could be read."}
    answers["/api/context/runs/r1"] = [run("failed", "crawl", BLOCKED, error=error)]
    with pytest.raises(StepFailed, match=r"“context” failed.*nothing_read: No source") as failure:
        await Tour(Script(answers), view(shown), SUBJECT).walk()
    assert failure.value.process == "context-worker"


async def test_a_refused_call_is_reported_with_the_answer(shown: io.StringIO) -> None:
    answers = script()
    answers["/api/deep-research/people"] = [Refused("POST … answered 402: balance 0")]
    with pytest.raises(StepFailed, match="“research” failed: POST … answered 402: balance 0"):
        await Tour(Script(answers), view(shown), SUBJECT).walk()


def test_a_real_demo_needs_a_site_and_a_person(tmp_path: Path) -> None:
    chosen = Subject("https://site.example", "Ada", "", "", "")
    with pytest.raises(DemoError, match=r"SITE=.*FIRST="):
        asyncio.run(demo(Console(file=io.StringIO()), chosen, tmp_path, None, None))
    assert list(tmp_path.iterdir()) == []


def test_a_poor_summary_has_problems() -> None:
    content = {
        "claims": [*claims(1), {"source_id": "s9", "quote": "", "field": "summary", "text": ""}],
        "sources": [],
    }
    summary = {
        "context": {"context": {"company": {"overview": "Text"}}, "evidence": {}},
        "report": {"content": content},
        "sources": [],
        "ledger": [],
    }
    found = " / ".join(problems(summary))
    for words in (
        "company.overview has no evidence",
        "2 claims, not 5",
        "unknown source",
        "ledger",
    ):
        assert words in found
