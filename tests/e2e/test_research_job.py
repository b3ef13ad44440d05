"""Deep research: from a request to a report that can be checked, and what it costs."""

from dataclasses import dataclass

import pytest

from libs.generate.evidence import quote_occurs
from tests.e2e.api import PEOPLE, RUN_ID, Admin, Json, User, problem
from tests.e2e.database import Databases

PERSON_FIELDS = {
    "id",
    "user_id",
    "first_name",
    "last_name",
    "linkedin_url",
    "role",
    "company",
    "company_domain",
    "photo_url",
    "status",
    "last_enriched_at",
    "created_at",
    "updated_at",
}
REPORT_FIELDS = {
    "id",
    "person_id",
    "version",
    "content",
    "change_summary",
    "generated_at",
    "run_id",
}
CONTENT_FIELDS = {
    "schema_version",
    "generator",
    "summary",
    "icp_score",
    "background",
    "company_intel",
    "outreach_angles",
    "claims",
    "sources",
}


@dataclass(frozen=True)
class Researched:
    """A person whose first run is complete."""

    user: User
    created: Json
    run: Json
    report: Json

    @property
    def person_id(self) -> str:
        person_id: str = self.created["person"]["id"]
        return person_id


@pytest.fixture(scope="module")
async def researched(admin: Admin, company_site: str) -> Researched:
    user = await admin.user(credit=5)
    who = {"firstName": "Maren", "lastName": "Aldous", "company": "Brindlewick"}
    answer = await user.post(PEOPLE, {**who, "companyWebsite": company_site})
    assert answer.status_code == 201, answer.text
    run = await user.settled(answer.json()["runId"])
    return Researched(user, answer.json(), run, await user.report(answer.json()["person"]["id"]))


async def test_person_is_created_running(researched: Researched) -> None:
    person = researched.created["person"]
    assert person.keys() >= PERSON_FIELDS
    assert person["status"] == "running"
    assert person["user_id"] == researched.user.id
    assert (person["first_name"], person["last_name"]) == ("Maren", "Aldous")
    assert RUN_ID.fullmatch(researched.created["runId"])


async def test_run_tells_steps_sources_and_credits(
    researched: Researched, company_site: str
) -> None:
    run = researched.run
    assert (run["status"], run["attempt"], run["error"]) == ("complete", 1, None)
    assert run["step"] == "generate"
    assert run["credits"] == {
        "settlement": "charged",
        "held": 0,
        "charged": 1,
        "returned": 0,
        "final": True,
    }
    by_url = {source["url"]: source for source in run["sources"]}
    assert by_url[f"{company_site}/team/maren-aldous"]["status"] == "read"
    read = [source for source in run["sources"] if source["status"] == "read"]
    assert 3 <= len(read) <= 10
    assert all(source["reason"] for source in run["sources"] if source not in read)


async def test_person_is_complete_and_enriched(researched: Researched) -> None:
    person = await researched.user.person(researched.person_id)
    assert person["status"] == "complete"
    assert person["role"] == "Head of Customer Operations"
    assert person["last_enriched_at"]
    assert person["company"] == "Brindlewick"


async def test_report_has_the_shape_of_the_api(researched: Researched) -> None:
    report = researched.report
    assert report.keys() >= REPORT_FIELDS
    assert report["content"].keys() >= CONTENT_FIELDS
    assert (report["version"], report["change_summary"]) == (1, None)
    assert report["person_id"] == researched.person_id
    assert report["run_id"] == researched.run["id"]


async def test_every_claim_is_quoted_from_a_stored_source(
    researched: Researched, databases: Databases
) -> None:
    texts = await databases.texts("research", researched.run["id"])
    content = researched.report["content"]
    sources = {source["id"]: source for source in content["sources"]}
    assert len(content["claims"]) >= 5
    for claim in content["claims"]:
        assert claim["text"]
        assert claim["field"]
        assert sources[claim["source_id"]]["status"] == "read"
        assert quote_occurs(claim["quote"], texts[claim["source_id"]]), claim
    assert any("Maren" in claim["text"] for claim in content["claims"])


async def test_report_lists_all_its_sources(researched: Researched) -> None:
    for source in researched.report["content"]["sources"]:
        assert source.keys() >= {"id", "url", "status", "reason", "content_hash", "fetched_at"}
        if source["status"] == "read":
            assert source["content_hash"]
        else:
            assert source["reason"], source


async def test_ledger_has_one_charge(researched: Researched) -> None:
    assert await researched.user.ledger() == [("grant", 5), ("charge", -1)]
    assert await researched.user.balance() == {"balance": 4, "held": 0}


async def test_complete_person_runs_again_only_by_refresh(researched: Researched) -> None:
    user, person_id = researched.user, researched.person_id
    body = problem(await user.run(person_id), 409, "already-complete")
    assert "currentRunId" not in body
    assert (await user.person(person_id))["status"] == "complete"

    answer = await user.run(person_id, "?refresh=true")
    assert answer.status_code == 200, answer.text
    during = await user.report(person_id)
    assert during["version"] in (1, 2)
    run = await user.settled(answer.json()["runId"])
    assert run["status"] == "complete"
    report = await user.report(person_id)
    assert report["version"] == 2
    assert report["change_summary"]
    reports = (await user.get(f"{PEOPLE}/{person_id}/reports"))["reports"]
    assert [one["version"] for one in reports] == [2, 1]
    first = (await user.get(f"{PEOPLE}/{person_id}/reports/1"))["report"]
    assert first == researched.report
    problem(await user.http.get(f"{PEOPLE}/{person_id}/reports/3"), 404, "not-found")
    assert await user.ledger() == [("grant", 5), ("charge", -1), ("charge", -1)]
