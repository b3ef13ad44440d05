"""Reports on people: about the right person, useful, and never about a namesake."""

import pytest

from libs.contracts.research import ReportDraft, ResearchJob
from libs.contracts.sources import Source
from libs.generate.evidence import verify_report
from libs.generate.offline.generator import OfflineGenerator
from libs.generate.port import GenerationFailed, ReportRequest
from tests.unit.generate.sites import page, research_job, site, texts

JANE = research_job("Jane Doe", "Tableflow", "https://tableflow.example")
CASES = [
    (JANE, "tableflow.example", "Co-founder and CEO"),
    (
        research_job("Peter Doe", "Tableflow Lda", "tableflow.example"),
        "tableflow.example",
        "VP Sales",
    ),
    (
        research_job("Lena Sorensen", "Nordlicht", "https://www.nordlicht.example/"),
        "nordlicht.example",
        "founder",
    ),
    (
        research_job("Jonas Weber", "Nordlicht", "https://nordlicht.example"),
        "nordlicht.example",
        "Head of Editorial",
    ),
    (
        research_job("Sabine Huber", "Brenner Pumpen GmbH", "https://brenner-pumpen.example"),
        "brenner-pumpen.example",
        "Head of Sales",
    ),
]


async def write(job: ResearchJob, sources: tuple[Source, ...]) -> ReportDraft:
    return await OfflineGenerator().report(ReportRequest(job=job, sources=sources))


def about_person(draft: ReportDraft) -> str:
    return f"{draft.summary} {draft.background}"


@pytest.mark.parametrize(("job", "name", "role"), CASES)
async def test_a_report_has_a_role_and_five_claims_that_hold(
    job: ResearchJob, name: str, role: str
) -> None:
    sources = site(name)
    draft = await write(job, sources)
    checked = verify_report(draft, texts(sources))
    assert checked.dropped == 0
    assert checked.draft == draft
    assert draft.role == role
    assert len(draft.claims) >= 5
    assert draft.summary and draft.background and draft.company_intel and draft.outreach_angles


async def test_the_background_is_the_persons_own() -> None:
    told = about_person(await write(JANE, site("tableflow.example")))
    assert "eight years as floor manager" in told
    assert "degree in operations research" in told
    assert "Rui Campos built" not in told
    assert "Coimbra" not in told
    assert "Sodexo" not in told


async def test_somebody_of_the_same_last_name_is_somebody_else() -> None:
    peter = research_job("Peter Doe", "Tableflow", "https://tableflow.example")
    told = about_person(await write(peter, site("tableflow.example")))
    assert "Sodexo" in told
    assert "Cervejaria" not in told


async def test_a_customers_employee_of_the_same_name_is_somebody_else() -> None:
    draft = await write(JANE, site("tableflow.example"))
    assert not any("pencil and hope" in c.quote for c in draft.claims)


async def test_a_namesake_on_a_page_that_knows_nothing_of_the_company_is_left_out() -> None:
    stranger = page(
        "https://marathon.example/jane-doe",
        "title: Jane Doe\n\n## Jane Doe\nJane Doe won the Oslo marathon in 2024 and speaks at "
        "schools.",
    )
    draft = await write(JANE, (*site("tableflow.example"), stranger))
    assert all(c.source_id != stranger.id for c in draft.claims)


async def test_a_page_elsewhere_counts_when_it_names_person_and_company() -> None:
    talk = page(
        "https://summit.example/speakers",
        "title: Speakers\n\n## Speakers\nRui Campos of Tableflow will speak about forecasts in "
        "Madrid.",
    )
    rui = research_job("Rui Campos", "Tableflow", "https://tableflow.example")
    draft = await write(rui, (*site("tableflow.example"), talk))
    assert any(c.source_id == talk.id and c.field != "company_intel" for c in draft.claims)


async def test_company_facts_come_from_the_company_only() -> None:
    other = page(
        "https://rival.example/",
        "title: Rival\ndescription: Rival is planning software for restaurant groups.\n\n"
        "Rival helps more than 900 restaurants, unlike Tableflow.",
    )
    draft = await write(JANE, (*site("tableflow.example"), other))
    assert all(c.source_id != other.id for c in draft.claims)


async def test_outreach_opens_with_recent_news_and_real_reasons() -> None:
    angles = (await write(JANE, site("tableflow.example"))).outreach_angles
    news = [a for a in angles if a.startswith("Open with their news")]
    assert "Series A of \u20ac14 million" in news[0]
    assert any("hiring in Lisbon and Hamburg" in a for a in angles)


async def test_cards_without_headings_are_told_apart() -> None:
    team = page(
        "https://acme.example/team",
        "title: Team\n\n## Team\nAna Lima\nHead of Finance\nAna Lima joined Acme from a bank in "
        "Porto.\n"
        "Jo\u00e3o Reis\nHead of Purchasing\nHe has bought steel for twenty years.",
    )
    draft = await write(research_job("Joao Reis", "Acme", "https://acme.example"), (team,))
    assert draft.role == "Head of Purchasing"
    assert "Ana" not in about_person(draft)
    assert "bank in Porto" not in about_person(draft)


async def test_json_ld_states_a_role_of_the_right_person() -> None:
    team = page(
        "https://acme.example/team",
        "title: Team\nPerson.name: Ana Lima\nPerson.jobTitle: Head of Finance\nPerson.name: Rui "
        "Reis\n"
        "Person.jobTitle: Head of Purchasing\n\nAna Lima and Rui Reis look after the money at "
        "Acme.",
        (
            {"@type": "Person", "name": "Ana Lima", "jobTitle": "Head of Finance"},
            {"@type": "Person", "name": "Rui Reis", "jobTitle": "Head of Purchasing"},
        ),
    )
    draft = await write(research_job("Rui Reis", "Acme", "https://acme.example"), (team,))
    assert draft.role == "Head of Purchasing"
    assert verify_report(draft, texts((team,))).draft == draft


async def test_the_name_can_come_from_the_address_of_the_profile() -> None:
    job = ResearchJob(
        linkedin_url="https://www.linkedin.com/in/jane-doe-4b1a7",
        first_name=None,
        last_name=None,
        role=None,
        company=None,
        company_website="https://tableflow.example",
    )
    assert (await write(job, site("tableflow.example"))).role == "Co-founder and CEO"


async def test_a_company_without_the_person_still_makes_a_report() -> None:
    job = research_job("Nora Nobody", "Brenner Pumpen", "https://brenner-pumpen.example")
    draft = await write(job, site("brenner-pumpen.example"))
    assert draft.role is None
    assert draft.background == ""
    assert "hygienic pumps" in draft.summary


@pytest.mark.parametrize(
    "sources",
    [
        (),
        (page("https://tableflow.example/", "title: x\n\nWe use cookies. Accept all cookies?"),),
        (
            page(
                "https://elsewhere.example/",
                "title: x\n\nJane Doe is a painter in Oslo since 2001.",
            ),
        ),
    ],
)
async def test_nothing_on_person_or_company_is_said_so(sources: tuple[Source, ...]) -> None:
    with pytest.raises(GenerationFailed) as failed:
        await write(JANE, sources)
    assert failed.value.code == "no_evidence"
    assert "company" in failed.value.message
