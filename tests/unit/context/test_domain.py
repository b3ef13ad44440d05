"""The slot, what undoing restores, and how drafts are merged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from libs.contracts.context import (
    CompanySection,
    ContextDraft,
    ContextRegenerateRequested,
    Evidence,
    MarketSection,
    Sections,
)
from libs.contracts.gateway import Outcome
from libs.work.run import RunState
from services.context.domain import ContextRun, Profile, begin, merged, returned_slot, undone

NOW = datetime(2026, 3, 1, 12, 0, 0, 987654, tzinfo=UTC)
STAMP = NOW.replace(microsecond=987000)
WINDOW = timedelta(hours=24)


def _begin(profile: Profile | None, **fields: str) -> tuple[ContextRun, Profile | None]:
    request = ContextRegenerateRequested(
        run_id="run_1", user_id="ada", website="https://a.example", not_after=NOW, **fields
    )
    return begin(request, profile, NOW, window=WINDOW, due_at=NOW, traceparent="")


def _profile(last: datetime | None = None, freeform: str | None = None) -> Profile:
    profile = Profile(user_id="ada", updated_at=NOW, last_context_regenerated_at=last)
    return profile.with_freeform(freeform)


def test_the_first_call_makes_a_profile_with_stamp_and_words() -> None:
    run, profile = _begin(None, freeform_context="words")
    assert run.state is RunState.DISPATCHING and run.creates_profile
    assert profile is not None
    assert (profile.last_context_regenerated_at, profile.freeform) == (STAMP, "words")


def test_inside_the_window_the_next_time_is_told() -> None:
    run, profile = _begin(_profile(NOW - WINDOW + timedelta(milliseconds=1)))
    assert profile is None and run.rejected_as is Outcome.WINDOW_CLOSED
    assert run.next_available_at == NOW + timedelta(milliseconds=1)


def test_at_the_end_of_the_window_it_opens() -> None:
    _, profile = _begin(_profile(NOW - WINDOW))
    assert profile is not None


def test_undoing_puts_back_what_is_still_this_runs() -> None:
    run, after = _begin(_profile(NOW - WINDOW, "old"), freeform_context="new")
    assert after is not None
    back = undone(after, run, NOW)
    assert back is not None
    assert (back.last_context_regenerated_at, back.freeform) == (NOW - WINDOW, "old")


def test_undoing_leaves_what_somebody_else_has_written() -> None:
    run, after = _begin(_profile(NOW - WINDOW, "old"), freeform_context="new")
    assert after is not None
    theirs = after.with_freeform("theirs")
    back = undone(theirs, run, NOW)
    assert back is not None and back.freeform == "theirs"
    later = replace(after, last_context_regenerated_at=NOW + timedelta(hours=1))
    assert returned_slot(later, run, NOW) == later


def test_undoing_the_first_call_removes_the_profile_unless_it_has_become_one() -> None:
    run, after = _begin(None, freeform_context="words")
    assert after is not None and undone(after, run, NOW) is None
    assert undone(replace(after, company_name="Example"), run, NOW) is not None


def test_a_draft_replaces_what_it_knows_and_keeps_what_it_does_not() -> None:
    evidence = Evidence(source_id="s", url="https://a.example", quote="We make bolts.")
    old = replace(
        _profile(STAMP),
        company_context={"overview": "old overview", "product": "old product"},
        evidence={"company.product": [{"source_id": "o", "url": "u", "quote": "old product"}]},
    )
    draft = ContextDraft(
        generator="g/1",
        sections=Sections(
            company=CompanySection(overview="We make bolts."),
            market=MarketSection(icp_industries=("shipping",)),
        ),
        evidence={"company.overview": (evidence,), "market.icpIndustries": (evidence,)},
    )
    run, _ = _begin(None)
    profile, changed = merged(old, draft, run, NOW)
    assert profile.company_context["overview"] == "We make bolts."
    assert profile.company_context["product"] == "old product"
    assert profile.market_context["icpIndustries"] == ["shipping"]
    assert set(changed) == {"company.overview", "market.icpIndustries"}
    assert "company.product" in profile.evidence
    assert profile.website == "https://a.example"
