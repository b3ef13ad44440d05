"""Ids that are unknown, somebody else's or no ids at all, and pages of lists."""

from uuid import uuid4

import httpx
import pytest

from tests.e2e.api import PEOPLE, RUN_ID, Admin, User, problem
from tests.e2e.site import Site

NOBODY = "3d4f2bb5-7b0e-4c4e-9a53-7f4a1c1d2e3f"


@pytest.fixture(scope="module")
async def user(admin: Admin) -> User:
    """A user without credits or people."""
    return await admin.user()


@pytest.mark.parametrize(
    "run_id",
    [
        "run_0",
        "x",
        "run_" + "0" * 32,
        "%2E%2E",
        "%3F",
        "%23",
        "%00",
        "a%2Fb",
        "%F0%9F%8D%8E",
        "r" * 3000,
    ],
)
async def test_unknown_run(user: User, run_id: str) -> None:
    for path in ("/api/context/runs", "/api/deep-research/runs"):
        problem(
            await user.http.get(httpx.URL(f"{user.http.base_url}{path}/{run_id}")), 404, "not-found"
        )


@pytest.mark.parametrize(
    "person_id", ["x", "0", NOBODY[:-1], NOBODY + "0", "%00", NOBODY.replace("-", "")]
)
async def test_person_id_that_is_no_uuid(user: User, person_id: str) -> None:
    url = f"{user.http.base_url}{PEOPLE}/{person_id}"
    for method, path in (
        ("POST", "/run"),
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/report"),
        ("GET", "/reports"),
        ("GET", "/reports/1"),
    ):
        body = problem(await user.http.request(method, httpx.URL(url + path)), 400, "bad-request")
        assert body["errors"][0]["parameter"] == "person_id"


@pytest.mark.parametrize(
    "person_id",
    [
        NOBODY,
        NOBODY.upper(),
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ],
)
async def test_unknown_person(user: User, person_id: str) -> None:
    url = f"{PEOPLE}/{person_id}"
    problem(await user.run(person_id), 404, "not-found")
    problem(await user.run(person_id, "?refresh=true"), 404, "not-found")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/report"), ("GET", "/reports/1")):
        problem(await user.http.request(method, url + path), 404, "not-found")


async def test_what_is_somebody_elses_does_not_exist(admin: Admin, user: User, site: Site) -> None:
    owner = await admin.user(credit=1)
    person_id, run_id = await owner.added(site.url)
    regeneration = (await owner.regenerate(website=site.url)).json()["runId"]
    url = f"{PEOPLE}/{person_id}"
    answers = [
        await user.run(person_id),
        await user.run(person_id, "?refresh=true"),
        await user.http.get(url),
        await user.http.get(f"{url}/report"),
        await user.http.get(f"{url}/reports"),
        await user.http.get(f"{url}/reports/1"),
        await user.http.delete(url),
        await user.http.get(f"/api/deep-research/runs/{run_id}"),
        await user.http.get(f"/api/context/runs/{regeneration}"),
    ]
    unknown = problem(await user.http.get(f"{PEOPLE}/{uuid4()}"), 404, "not-found")
    for answer in answers:
        body = problem(answer, 404, "not-found")
        if body["detail"] != unknown["detail"]:
            assert "run" in body["detail"] or "report" in body["detail"]
    assert (await user.get(PEOPLE))["people"] == []
    assert (await owner.settled(run_id))["status"] == "complete"
    await owner.regenerated(regeneration)
    assert (await user.get("/api/context"))["context"] is None
    assert (await user.get("/api/credits/ledger"))["entries"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=nonsense",
        "cursor=inf_x",
        "cursor=nan_x",
        "cursor=1e300_x",
        "cursor=-1e18_x",
        "cursor=1_%00",
        "cursor=" + "9" * 300,
    ],
)
async def test_bad_page_of_people(user: User, query: str) -> None:
    problem(await user.http.get(f"{PEOPLE}?{query}"), 400, "bad-request")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "cursor=x", "cursor=-1", "cursor=" + "9" * 30]
)
async def test_bad_page_of_the_ledger(user: User, query: str) -> None:
    problem(await user.http.get(f"/api/credits/ledger?{query}"), 400, "bad-request")


async def test_people_come_newest_first_in_pages(admin: Admin, dead_site: str) -> None:
    user = await admin.user(credit=3)
    added = [await user.added(dead_site) for _ in range(3)]
    first = await user.get(f"{PEOPLE}?limit=2")
    rest = await user.get(f"{PEOPLE}?limit=2&cursor={first['nextCursor']}")
    seen = [person["id"] for person in first["people"] + rest["people"]]
    assert seen == [person_id for person_id, _ in reversed(added)]
    assert rest["nextCursor"] is None
    for _, run_id in added:
        await user.settled(run_id)
    page = await user.get("/api/credits/ledger?limit=1")
    entries = list(page["entries"])
    while page["nextCursor"]:
        page = await user.get(f"/api/credits/ledger?limit=1&cursor={page['nextCursor']}")
        entries += page["entries"]
    assert entries == (await user.get("/api/credits/ledger"))["entries"]


async def test_run_ids_are_unguessable(admin: Admin, dead_site: str) -> None:
    user = await admin.user(credit=2)
    runs = [run_id for _, run_id in [await user.added(dead_site) for _ in range(2)]]
    assert all(RUN_ID.fullmatch(run_id) for run_id in runs)
    assert len(set(runs)) == 2
