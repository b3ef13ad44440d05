"""The steps of the demo, each through the public HTTP API, shown while they happen."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deploy.local.demo_api import Api, Json, Refused
from deploy.local.demo_view import View

POLL_SECONDS = 0.2
RUN_TIMEOUT_SECONDS = 420
SETTLE_TIMEOUT_SECONDS = 20
DONE = "complete"
ENDED = (DONE, "failed", "cancelled", "rolled_back", "rejected")
FREEFORM = "We are looking for partners who run packing lines in the Netherlands."


class StepFailed(Exception):
    """A step of the demo failed. `process` is whose log tells more."""

    def __init__(self, step: str, why: str, process: str) -> None:
        super().__init__(f"The step “{step}” failed: {why}")
        self.process = process


@dataclass(frozen=True)
class Subject:
    """Whom the demo is about."""

    site: str
    first: str
    last: str
    company: str
    linkedin: str

    def regeneration(self) -> Json:
        """The body that asks for a new context."""
        body = {"website": self.site, "freeformContext": FREEFORM}
        return body | ({"linkedinUrl": self.linkedin} if self.linkedin else {})

    def person(self) -> Json:
        """The body that creates the person: by name where there is one, else by profile."""
        if self.first and self.last and self.company:
            who = {"firstName": self.first, "lastName": self.last, "company": self.company}
        else:
            who = {"linkedinUrl": self.linkedin}
        return who | {"companyWebsite": self.site}


@dataclass
class Tour:
    """One walk through both jobs; what it found is in the fields afterwards."""

    api: Api
    view: View
    subject: Subject
    context: Json = field(default_factory=dict)
    report: Json = field(default_factory=dict)
    ledger: list[Json] = field(default_factory=list)
    sources: list[Json] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    async def walk(self) -> None:
        """Does both jobs.

        Raises:
            StepFailed: one of them did not succeed.
        """
        with self._step("context", "context-worker"):
            answer = await self.api.post("/api/context/regenerate", self.subject.regeneration())
            await self._follow(f"/api/context/runs/{answer['runId']}", "context")
            self.context = await self.api.get("/api/context")
            self.view.context(self.context)
        with self._step("research", "research-worker"):
            answer = await self.api.post("/api/deep-research/people", self.subject.person())
            person = answer["person"]["id"]
            await self._follow(f"/api/deep-research/runs/{answer['runId']}", "research")
            body = await self.api.get(f"/api/deep-research/people/{person}/report")
            self.report = body["report"]
            self.view.report(self.report)
        with self._step("credits", "credits"):
            await self._settled()
            self.ledger = (await self.api.get("/api/credits/ledger"))["entries"]
            self.view.ledger(self.ledger)

    @contextmanager
    def _step(self, name: str, process: str) -> Iterator[None]:
        self.view.heading(name)
        began = time.monotonic()
        try:
            yield
        except (Refused, TimeoutError) as error:
            raise StepFailed(name, str(error), process) from error
        self.seconds[name] = round(time.monotonic() - began, 2)

    async def _follow(self, path: str, job: str) -> None:
        """Shows what a run does until it ends."""
        seen: set[str] = set()
        step = ""
        price = ""
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        while True:
            run = (await self.api.get(path))["run"]
            if not step:
                step = self._show_step(step, run)
            for source in run["sources"]:
                if source["id"] not in seen:
                    seen.add(source["id"])
                    self.sources.append({"job": job, **source})
                    self.view.source(source)
            step = self._show_step(step, run)
            if job == "research":
                now = self.view.credits_line(run, await self.api.get("/api/credits/balance"))
                if now != price:
                    price = now
                    self.view.credits(price)
            if run["status"] in ENDED:
                break
            if time.monotonic() > deadline:
                raise Refused(f"the run did not end within {RUN_TIMEOUT_SECONDS} s")
            await asyncio.sleep(POLL_SECONDS)
        if run["status"] != DONE:
            raise Refused(f"the run ended as {run['status']}: {_why(run.get('error'))}")

    def _show_step(self, shown: str, run: Json) -> str:
        """Shows the run's step where it is a new one; sources of the step before come first."""
        step: str = run["step"] or ""
        if step != shown:
            self.view.step(step)
        return step

    async def _settled(self) -> None:
        """Waits until no credit is on hold any more."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
        while (await self.api.get("/api/credits/balance"))["held"]:
            if time.monotonic() > deadline:
                raise Refused(f"a credit is still on hold after {SETTLE_TIMEOUT_SECONDS} s")
            await asyncio.sleep(POLL_SECONDS)


def _why(error: Any) -> str:
    if isinstance(error, dict):
        return ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))
    return str(error or "no reason given")
