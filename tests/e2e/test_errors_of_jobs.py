"""Wrong calls of the routes that start the two jobs. A refused call leaves nothing changed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.api import PEOPLE, Admin, User, problem
from tests.e2e.site import Site

NAMES = {"firstName": "Orla", "lastName": "Venn", "company": "Tallowby"}
PROFILE = {"linkedinUrl": "https://www.linkedin.com/in/orla-venn"}


@pytest.fixture
async def user(admin: Admin) -> User:
    """A user who has never had a regeneration or a person, and has a credit for one."""
    return await admin.user(credit=1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"freeformContext": "only words"}, ""),
        ({"companyLinkedinUrl": "https://www.linkedin.com/company/tallowby"}, ""),
        ({"website": None, "linkedinUrl": None}, ""),
        ({"website": ""}, "/website"),
        ({"website": "tallowby.example"}, "/website"),
        ({"website": "ftp://tallowby.example"}, "/website"),
        ({"website": "https://"}, "/website"),
        ({"website": "https://a b"}, "/website"),
        ({"website": "https://[::1"}, "/website"),
        ({"website": "https://a:99999"}, "/website"),
        ({"website": "javascript:alert(1)"}, "/website"),
        ({"website": "https://tallowby.example/\x00"}, "/website"),
        ({"website": 5}, "/website"),
        ({"website": ["https://tallowby.example"]}, "/website"),
        ({"website": "https://tallowby.example/" + "x" * 3000}, "/website"),
        ({"linkedinUrl": "https://example.com/in/orla"}, "/linkedinUrl"),
        ({"linkedinUrl": "https://notlinkedin.com/in/orla"}, "/linkedinUrl"),
        ({**PROFILE, "companyLinkedinUrl": "nonsense"}, "/companyLinkedinUrl"),
        ({**PROFILE, "freeformContext": 5}, "/freeformContext"),
        ({**PROFILE, "freeformContext": "a\x00b"}, "/freeformContext"),
        ({**PROFILE, "freeformContext": "a\ud800b"}, "/freeformContext"),
    ],
)
async def test_bad_regeneration(user: User, body: dict[str, Any], pointer: str) -> None:
    answer = await user.post("/api/context/regenerate", body)
    errors = problem(answer, 400, "bad-request")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert all(error["detail"] for error in errors)
    assert (await user.get("/api/context"))["context"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"firstName": "Orla", "lastName": "Venn"}, ""),
        ({**NAMES, **PROFILE}, ""),
        ({**PROFILE, "company": "Tallowby"}, ""),
        ({"linkedinUrl": "https://www.linkedin.com/company/tallowby"}, "/linkedinUrl"),
        ({"linkedinUrl": "https://example.com/linkedin.com/in/orla"}, "/linkedinUrl"),
        ({"linkedinUrl": "https://www.linkedin.com/in/"}, "/linkedinUrl"),
        ({"linkedinUrl": 7}, "/linkedinUrl"),
        ({**NAMES, "firstName": ""}, "/firstName"),
        ({**NAMES, "firstName": "   "}, "/firstName"),
        ({**NAMES, "lastName": "x" * 101}, "/lastName"),
        ({**NAMES, "company": "Tallow\x00by"}, "/company"),
        ({**NAMES, "company": "Tallow\ud800by"}, "/company"),
        ({**NAMES, "companyWebsite": "tallowby"}, "/companyWebsite"),
    ],
)
async def test_bad_person(user: User, body: dict[str, Any], pointer: str) -> None:
    errors = problem(await user.post(PEOPLE, body), 400, "bad-request")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert (await user.get(PEOPLE))["people"] == []
    assert await user.balance() == {"balance": 1, "held": 0}
    assert (await user.ledger()) == [("grant", 1)]


async def test_bad_refresh(admin: Admin, dead_site: str) -> None:
    user = await admin.user(credit=1)
    person_id, run_id = await user.added(dead_site)
    await user.settled(run_id)
    body = problem(await user.run(person_id, "?refresh=perhaps"), 400, "bad-request")
    assert body["errors"][0]["parameter"] == "refresh"
    assert (await user.person(person_id))["status"] == "failed"


async def test_second_regeneration_within_the_window(admin: Admin, site: Site) -> None:
    user = await admin.user()
    first = await user.regenerate(website=site.url, freeformContext="first words")
    assert first.status_code == 200, first.text
    for _ in range(2):  # while the first is under way, and when it has ended
        second = await user.regenerate(website=site.url, freeformContext="second words")
        body = problem(second, 429, "rate-limited")
        stamp = first.json()["lastContextRegeneratedAt"]
        next_at = datetime.strptime(body["nextAvailableAt"], "%Y-%m-%dT%H:%M:%S.%fZ")
        given_at = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ")
        assert next_at - given_at == timedelta(hours=24)
        assert len(body["nextAvailableAt"]) == len(stamp)
        left_s = (next_at.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        assert abs(int(second.headers["retry-after"]) - left_s) < 5
        assert (await user.get("/api/context"))["context"]["extra"] == {"freeform": "first words"}
        await user.regenerated(first.json()["runId"])
    shown = (await user.get("/api/context"))["lastContextRegeneratedAt"]
    assert datetime.fromisoformat(shown) == given_at.replace(tzinfo=UTC)


async def test_run_that_is_already_running(admin: Admin, site: Site) -> None:
    user = await admin.user(credit=2)
    site.hold()
    person_id, run_id = await user.added(site.url)
    for query in ("", "?refresh=true", "?refresh=false"):
        body = problem(await user.run(person_id, query), 409, "already-running")
        assert body["currentRunId"] == run_id
    site.let_go()
    await user.settled(run_id)
    assert await user.ledger() == [("grant", 2), ("charge", -1)]


async def test_same_linkedin_profile_twice(admin: Admin) -> None:
    user = await admin.user(credit=2)
    first = await user.post(PEOPLE, PROFILE)
    assert first.status_code == 201, first.text
    again = {"linkedinUrl": "https://uk.linkedin.com/in/Orla-Venn/?utm_source=share"}
    problem(await user.post(PEOPLE, again), 409, "person-exists")
    assert len((await user.get(PEOPLE))["people"]) == 1
    run = await user.settled(first.json()["runId"])
    assert run["status"] == "failed"  # nothing of the internet can be read here
    assert await user.balance() == {"balance": 2, "held": 0}


async def test_regenerations_at_once_get_one_slot(admin: Admin, site: Site) -> None:
    user = await admin.user()
    site.hold()
    answers = await asyncio.gather(
        *(user.regenerate(website=site.url, freeformContext=f"words {n}") for n in range(20))
    )
    [won] = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    for n, answer in enumerate(answers):
        if n != won:
            problem(answer, 429, "rate-limited")
    extra = (await user.get("/api/context"))["context"]["extra"]
    assert extra == {"freeform": f"words {won}"}
    site.let_go()
    await user.regenerated(answers[won].json()["runId"])


@pytest.mark.parametrize(
    "body",
    [
        {"linkedinUrl": "https://linkedin.com/in/orla-venn"},
        {"linkedinUrl": "https://www.linkedin.com/in/orla-venn/details/?x=1#y"},
        {**NAMES, "firstName": "Zoë 🍎", "lastName": "O'Neill-Größe"},
        {**NAMES, "linkedinUrl": None},
    ],
)
async def test_good_person(admin: Admin, dead_site: str, body: dict[str, Any]) -> None:
    user = await admin.user(credit=1)
    answer = await user.post(PEOPLE, {**body, "companyWebsite": dead_site})
    assert answer.status_code == 201, answer.text
    person = answer.json()["person"]
    assert person["first_name"] == body.get("firstName")
    await user.settled(answer.json()["runId"])
