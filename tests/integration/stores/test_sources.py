"""Sources: the pages that a run tried to read."""

import pytest

from libs.contracts.sources import PageMetadata, SourceStatus
from tests.integration.stores.kinds import Runs
from tests.integration.stores.rows import at, source


async def test_a_run_without_sources_has_none(runs: Runs) -> None:
    async with runs.stage.begin() as tx:
        assert await tx.store.sources("run") == []
        assert await tx.store.source_texts("run") == {}


async def test_a_source_is_listed_without_its_text(runs: Runs) -> None:
    read = source("src_1", "Words.", reason="a reason")
    async with runs.stage.begin() as tx:
        await tx.store.record_source("run", read)
    async with runs.stage.begin() as tx:
        assert await tx.store.sources("run") == [
            {
                "id": "src_1",
                "url": read.url,
                "status": "read",
                "reason": "a reason",
                "via": "http",
                "title": "The title of src_1",
                "content_hash": read.content_hash,
                "fetched_at": read.fetched_at,
            }
        ]
        assert await tx.store.source_texts("run") == {"src_1": "Words."}


@pytest.mark.parametrize("status", SourceStatus)
async def test_a_source_without_text_keeps_its_status(runs: Runs, status: SourceStatus) -> None:
    unread = source(
        "src_1", "", status=status, via=None, content_hash=None, metadata=PageMetadata()
    )
    async with runs.stage.begin() as tx:
        await tx.store.record_source("run", unread)
        [listed] = await tx.store.sources("run")
        assert type(listed["status"]) is str
        assert listed["status"] == status.value
        assert (listed["reason"], listed["via"], listed["title"]) == (None, None, None)
        assert listed["content_hash"] is None
        assert await tx.store.source_texts("run") == {"src_1": ""}


async def test_sources_are_listed_as_they_were_read(runs: Runs) -> None:
    async with runs.stage.begin() as tx:
        for id_, seconds in (("src_b", 1), ("src_c", 0), ("src_a", 1)):
            await tx.store.record_source("run", source(id_, fetched_at=at(seconds)))
        listed = await tx.store.sources("run")
    assert [row["id"] for row in listed] == ["src_c", "src_a", "src_b"]


async def test_a_later_attempt_at_a_page_replaces_it(runs: Runs) -> None:
    failed = source("src_1", "", status=SourceStatus.FAILED, reason="timed out")
    read = source("src_1", "At last.", url="https://example.com/moved", fetched_at=at(1))
    other = source("src_2", "Else.")
    async with runs.stage.begin() as tx:
        for page in (failed, other, read):
            await tx.store.record_source("run", page)
        listed = await tx.store.sources("run")
        assert [(row["id"], row["url"]) for row in listed] == [
            ("src_2", other.url),
            ("src_1", "https://example.com/moved"),
        ]
        assert (listed[1]["status"], listed[1]["reason"]) == ("read", None)
        assert await tx.store.source_texts("run") == {"src_1": "At last.", "src_2": "Else."}


async def test_runs_do_not_share_sources(runs: Runs) -> None:
    async with runs.stage.begin() as tx:
        await tx.store.record_source("run", source("src_1", "Mine."))
        await tx.store.record_source("other", source("src_1", "Theirs."))
        assert await tx.store.source_texts("run") == {"src_1": "Mine."}
        assert [row["id"] for row in await tx.store.sources("other")] == ["src_1"]
