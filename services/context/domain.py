"""Profiles and regenerations: who may start one, what it changes, and what undoing it restores."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.context import ContextDraft, ContextRegenerateRequested, Sections
from libs.contracts.gateway import Outcome, Reply
from libs.work.run import Run, RunState

SectionFields = dict[str, dict[str, Any]]
"""The generated fields by section and name, in camel case, as the API shows them."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is known of a user. The stamp is the time of the regeneration that has the slot."""

    user_id: str
    user_context: dict[str, Any] = field(default_factory=dict)
    company_context: dict[str, Any] = field(default_factory=dict)
    content_context: dict[str, Any] = field(default_factory=dict)
    market_context: dict[str, Any] = field(default_factory=dict)
    extra_context: dict[str, Any] | None = None
    evidence: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    generator: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    website: str | None = None
    last_context_regenerated_at: datetime | None = None
    updated_at: datetime

    @property
    def freeform(self) -> str | None:
        """The user's own words."""
        return (self.extra_context or {}).get("freeform")

    def with_freeform(self, text: str | None) -> "Profile":
        """The profile with other words of the user's; None takes them away."""
        others = {k: v for k, v in (self.extra_context or {}).items() if k != "freeform"}
        extra = {**others, "freeform": text} if text is not None else others
        return replace(self, extra_context=extra or None)


@dataclass(frozen=True, kw_only=True)
class ContextRun(Run):
    """A regeneration. The `prior_…` fields are what undoing it restores."""

    website: str | None = None
    linkedin_url: str | None = None
    company_linkedin_url: str | None = None
    freeform: str | None = None
    stamp: datetime | None = None
    """The time it has put on the profile."""
    prior_stamp: datetime | None = None
    prior_freeform: str | None = None
    creates_profile: bool = False
    rejected_as: Outcome | None = None
    next_available_at: datetime | None = None

    def reply(self) -> Reply | None:
        """The recorded outcome of the request, or None while it is undecided."""
        match self.state:
            case RunState.DISPATCHING:
                return None
            case RunState.REJECTED:
                assert self.rejected_as is not None
                return Reply(
                    run_id=self.id,
                    outcome=self.rejected_as,
                    next_available_at=self.next_available_at,
                )
            case RunState.ROLLED_BACK:
                return Reply(run_id=self.id, outcome=Outcome.UNAVAILABLE)
            case _:
                return Reply(run_id=self.id, outcome=Outcome.ACCEPTED, regenerated_at=self.stamp)

    def lost(self, now: datetime) -> "ContextRun":
        """A run that did not get the slot, although it seemed free."""
        return replace(self, state=RunState.ROLLED_BACK, stamp=None, ended_at=now, due_at=None)


def begin(
    request: ContextRegenerateRequested,
    profile: Profile | None,
    now: datetime,
    *,
    window: timedelta,
    due_at: datetime,
    traceparent: str,
) -> tuple[ContextRun, Profile | None]:
    """The run that a request makes, and the profile as the run wants it (None: rejected)."""
    run = ContextRun(
        id=request.run_id,
        user_id=request.user_id,
        state=RunState.DISPATCHING,
        created_at=now,
        due_at=due_at,
        traceparent=traceparent,
        website=request.website,
        linkedin_url=request.linkedin_url,
        company_linkedin_url=request.company_linkedin_url,
        freeform=request.freeform_context,
    )
    last = profile.last_context_regenerated_at if profile else None
    if last is not None and last + window > now:
        rejected = replace(
            run,
            state=RunState.REJECTED,
            rejected_as=Outcome.WINDOW_CLOSED,
            next_available_at=last + window,
            ended_at=now,
            due_at=None,
        )
        return rejected, None
    # The API shows milliseconds: what is stored is what is shown.
    stamp = now.replace(microsecond=now.microsecond // 1000 * 1000)
    before = profile or Profile(user_id=request.user_id, updated_at=now)
    after = replace(before, last_context_regenerated_at=stamp, updated_at=now)
    if request.freeform_context is not None:
        after = after.with_freeform(request.freeform_context)
    started = replace(
        run,
        stamp=stamp,
        prior_stamp=last,
        prior_freeform=before.freeform,
        creates_profile=profile is None,
    )
    return started, after


def undone(profile: Profile, run: ContextRun, now: datetime) -> Profile | None:
    """The profile with what is still this run's put back; None if nothing else is left of it."""
    after = returned_slot(profile, run, now)
    if run.freeform is not None and profile.freeform == run.freeform:
        after = after.with_freeform(run.prior_freeform)
    empty = Profile(user_id=profile.user_id, updated_at=after.updated_at)
    return None if run.creates_profile and after == empty else after


def returned_slot(profile: Profile, run: ContextRun, now: datetime) -> Profile:
    """The profile with the slot given back, where the stamp is still this run's."""
    if run.stamp is None or profile.last_context_regenerated_at != run.stamp:
        return profile
    return replace(profile, last_context_regenerated_at=run.prior_stamp, updated_at=now)


def merged(
    profile: Profile, draft: ContextDraft, run: ContextRun, now: datetime
) -> tuple[Profile, tuple[str, ...]]:
    """The profile with a draft's fields, and the paths of those that changed.

    A field that the draft leaves empty keeps its old text and evidence: its source
    may merely not have been readable this time.
    """
    old = sections_of(profile)
    new = draft.sections.model_dump(mode="json", by_alias=True)
    evidence = dict(profile.evidence)
    changed: list[str] = []
    for section, values in new.items():
        for name, value in values.items():
            path = f"{section}.{name}"
            if not value:
                continue
            if old[section].get(name) != value:
                changed.append(path)
            old[section][name] = value
            evidence[path] = [e.model_dump(mode="json") for e in draft.evidence.get(path, ())]
    after = replace(
        profile,
        user_context=old["user"],
        company_context=old["company"],
        content_context=old["content"],
        market_context=old["market"],
        evidence=evidence,
        generator=draft.generator,
        company_name=profile.company_name or draft.company_name,
        website=run.website or profile.website,
        updated_at=now,
    )
    return after, tuple(changed)


def sections_of(profile: Profile) -> SectionFields:
    """All generated fields of a profile, the empty ones included."""
    stored = {
        "user": profile.user_context,
        "company": profile.company_context,
        "content": profile.content_context,
        "market": profile.market_context,
    }
    return Sections.model_validate(stored).model_dump(mode="json", by_alias=True)
