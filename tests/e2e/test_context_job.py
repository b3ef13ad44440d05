"""Regenerating a context: from a company's site to fields that can be checked."""

import re
from dataclasses import dataclass

import pytest

from libs.generate.evidence import quote_occurs
from tests.e2e.api import RUN_ID, Admin, Json, User
from tests.e2e.database import Databases
from tests.e2e.site import Site

FREEFORM = "We look for partners in the Netherlands."
SECTIONS = {
    "user": {"professionalBackground"},
    "company": {"overview", "product", "problemSolved", "differentiators", "linkedInPresence"},
    "content": {
        "linkedInVoice",
        "recommendedTopics",
        "preferredTone",
        "contentFormats",
        "topicsToAvoid",
        "postingCadence",
    },
    "market": {
        "targetAudience",
        "industryContext",
        "icpJobTitles",
        "icpIndustries",
        "icpCompanySizes",
        "icpPainPoints",
        "icpKeywords",
    },
}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Regenerated:
    """A regeneration that has ended."""

    user: User
    accepted: Json
    run: Json
    body: Json
    """What GET /api/context answers then."""


@pytest.fixture(scope="module")
async def regenerated(admin: Admin, company_site: str) -> Regenerated:
    user = await admin.user()
    answer = await user.regenerate(website=company_site, freeformContext=FREEFORM)
    assert answer.status_code == 200, answer.text
    run = await user.regenerated(answer.json()["runId"])
    return Regenerated(user, answer.json(), run, await user.get("/api/context"))


async def test_is_accepted_with_run_id_and_stamp(regenerated: Regenerated) -> None:
    assert regenerated.accepted["success"] is True
    assert RUN_ID.fullmatch(regenerated.accepted["runId"])
    assert STAMP.fullmatch(regenerated.accepted["lastContextRegeneratedAt"])


async def test_run_says_what_was_read(regenerated: Regenerated, company_site: str) -> None:
    run = regenerated.run
    assert (run["status"], run["error"]) == ("complete", None)
    read = [source for source in run["sources"] if source["status"] == "read"]
    assert len(read) >= 5
    assert all(source["url"].startswith(company_site) for source in read)


async def test_page_without_text_in_its_html_is_read(
    regenerated: Regenerated, databases: Databases, company_site: str
) -> None:
    texts = await databases.texts("context", regenerated.run["id"])
    [product] = [s for s in regenerated.run["sources"] if s["url"] == f"{company_site}/product"]
    assert product["status"] == "read"
    assert "builds a feasible plan for every packing line" in texts[product["id"]]


async def test_page_that_robots_txt_forbids_is_listed_as_blocked(
    regenerated: Regenerated, databases: Databases, company_site: str
) -> None:
    texts = await databases.texts("context", regenerated.run["id"])
    [page] = [s for s in regenerated.run["sources"] if s["url"] == f"{company_site}/investors"]
    assert page["status"] == "blocked"
    assert "robots.txt" in page["reason"]
    assert texts[page["id"]] == ""


async def test_context_has_all_fields_of_the_api(regenerated: Regenerated) -> None:
    context = regenerated.body["context"]
    for section, names in SECTIONS.items():
        assert set(context[section]) == names
        for name, value in context[section].items():
            assert value is None or isinstance(value, str | list), f"{section}.{name}: {value!r}"
    assert context["extra"] == {"freeform": FREEFORM}
    assert regenerated.body["profile"]["companyName"] == "Brindlewick"
    assert regenerated.body["generator"]


async def test_every_filled_field_is_quoted_from_a_stored_source(
    regenerated: Regenerated, databases: Databases
) -> None:
    texts = await databases.texts("context", regenerated.run["id"])
    urls = {source["id"]: source["url"] for source in regenerated.run["sources"]}
    context, evidence = regenerated.body["context"], regenerated.body["evidence"]
    filled = {
        f"{section}.{name}" for section in SECTIONS for name, v in context[section].items() if v
    }
    assert {"company.overview", "company.product", "market.targetAudience"} <= filled
    assert filled == set(evidence)
    for path in filled:
        assert evidence[path], path
        for item in evidence[path]:
            assert quote_occurs(item["quote"], texts[item["source_id"]]), f"{path}: {item}"
            assert item["url"] == urls[item["source_id"]]


async def test_prose_consists_of_words_of_its_quotes(regenerated: Regenerated) -> None:
    """The offline generator invents nothing; a label such as “Founded:” is not a statement."""
    context, evidence = regenerated.body["context"], regenerated.body["evidence"]
    for path, items in evidence.items():
        section, name = path.split(".")
        value = context[section][name]
        said = _words(value if isinstance(value, str) else " ".join(value))
        quoted = _words(" ".join(item["quote"] for item in items))
        assert len(said & quoted) >= 0.9 * len(said), f"{path}: {said - quoted}"


async def test_free_text_is_there_before_anything_is_read(admin: Admin, site: Site) -> None:
    user = await admin.user()
    site.hold()
    answer = await user.regenerate(website=site.url, freeformContext=FREEFORM)
    assert answer.status_code == 200, answer.text
    body = await user.get("/api/context")
    assert body["context"]["extra"] == {"freeform": FREEFORM}
    assert body["lastContextRegeneratedAt"]
    site.let_go()
    await user.regenerated(answer.json()["runId"])


async def test_user_without_a_profile_gets_nulls(admin: Admin) -> None:
    body = await (await admin.user()).get("/api/context")
    assert (body["context"], body["profile"]) == (None, None)


async def test_regeneration_that_reads_nothing_gives_the_slot_back(
    admin: Admin, dead_site: str, site: Site
) -> None:
    user = await admin.user()
    first = await user.regenerate(website=dead_site, freeformContext=FREEFORM)
    assert first.status_code == 200, first.text
    run = await user.regenerated(first.json()["runId"])
    assert run["status"] == "failed"
    assert run["error"]["code"] == "nothing_read"
    assert dead_site in run["error"]["message"]
    assert [source["status"] for source in run["sources"]] == ["failed"]
    body = await user.get("/api/context")
    assert body["context"]["extra"] == {"freeform": FREEFORM}
    assert not body["lastContextRegeneratedAt"]
    assert not any(value for s in SECTIONS for value in body["context"][s].values())

    second = await user.regenerate(website=site.url)
    assert second.status_code == 200, second.text
    assert (await user.regenerated(second.json()["runId"]))["status"] == "complete"


async def test_failed_regeneration_keeps_what_was_known(
    admin: Admin, databases: Databases, site: Site, dead_site: str
) -> None:
    """The window is closed for a day, so the second call comes from a user whose slot was given
    back: what the first call of all stored must still be there."""
    user = await admin.user()
    first = await user.regenerate(website=site.url)
    assert (await user.regenerated(first.json()["runId"]))["status"] == "complete"
    before = await user.get("/api/context")
    assert before["context"]["company"]["overview"]
    await databases.open_window(user.id)
    second = await user.regenerate(website=dead_site)
    assert (await user.regenerated(second.json()["runId"]))["status"] == "failed"
    after = await user.get("/api/context")
    for name in ("context", "profile", "evidence", "generator"):
        assert after[name] == before[name]


def _words(text: str) -> set[str]:
    return {word.casefold().rstrip("s") for word in re.findall(r"\w+", text)}
