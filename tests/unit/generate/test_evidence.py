"""The evidence rule: what counts as a quote, and what is left of a draft."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.context import CompanySection, ContextDraft, Evidence, MarketSection, Sections
from libs.contracts.research import Claim, ReportDraft
from libs.generate.evidence import (
    FREEFORM_SOURCE_ID,
    normalise,
    quote_occurs,
    verify_context,
    verify_report,
)

TEXT = (
    "title: Acme\n\n## About us\nAcme \u2013 founded in **2016** \u2013 makes \u201chonest\u201d "
    "pumps.\n"
    "- It\u2019s grown by 50 percent since\n2020. See [the figures](https://acme.example/x)."
)


@pytest.mark.parametrize(
    "quote",
    [
        'Acme - founded in 2016 - makes "honest" pumps.',
        "Acme \u2014 founded in *2016*",
        "It's grown by 50 percent since 2020.",
        "See the figures",
        "makes   \u201ehonest\u201c\npumps",
        "Acme \u2013 fo\u200bunded in 2016",
        "About us Acme - founded",
    ],
)
def test_a_quote_occurs_whatever_its_typography(quote: str) -> None:
    assert quote_occurs(quote, TEXT)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "  ",
        "**",
        "2016",
        "pumps.",
        "Acme makes honest pumps",
        "grown by 5",
        "grown by 50 per",
        "cme - founded in 2016",
        "acme - founded in 2016",
        "Acme - founded in 2017",
    ],
)
def test_other_words_cut_words_and_crumbs_are_no_quotes(quote: str) -> None:
    assert not quote_occurs(quote, TEXT)


def test_a_cut_word_does_not_hide_a_whole_one_further_on() -> None:
    assert quote_occurs("grew by 5", "It grew by 50 and then grew by 5 again.")


@given(st.text())
def test_normalising_twice_changes_nothing_more_for_what_it_finds(text: str) -> None:
    assert "\n" not in normalise(text)
    assert normalise(text) == normalise(text).strip()


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=0, max_size=60))
def test_any_quote_can_be_asked_about(quote: str) -> None:
    quote_occurs(quote, TEXT)


def evidence(source_id: str, quote: str) -> Evidence:
    return Evidence(source_id=source_id, url="https://acme.example/", quote=quote)


def context(**fields: tuple[Evidence, ...]) -> ContextDraft:
    return ContextDraft(
        generator="test/1",
        sections=Sections(
            company=CompanySection(overview="Acme makes pumps.", product="Pumps."),
            market=MarketSection(icp_job_titles=("plant managers",)),
        ),
        evidence={name.replace("__", "."): quotes for name, quotes in fields.items()},
        company_name="Acme",
    )


def test_a_context_field_keeps_what_is_borne_out_and_loses_the_rest() -> None:
    draft = context(
        company__overview=(
            evidence("s1", "makes honest pumps for dairies"),
            evidence("s1", "makes the best pumps of all"),
        ),
        company__product=(evidence("s2", "makes honest pumps for dairies"),),
    )
    result = verify_context(draft, {"s1": "Acme makes honest pumps for dairies.", "s2": "Nothing."})
    assert result.draft.sections.company.overview == "Acme makes pumps."
    assert result.draft.sections.company.product is None
    assert result.draft.sections.market.icp_job_titles == ()
    assert set(result.draft.evidence) == {"company.overview"}
    assert (result.kept, result.dropped) == (1, 2)
    assert result.blanked == ("company.product", "market.icpJobTitles")
    assert result.draft.company_name == "Acme"


def test_a_quote_of_an_unknown_source_is_none() -> None:
    draft = context(company__overview=(evidence("s9", "makes honest pumps"),))
    result = verify_context(draft, {"s1": "makes honest pumps"})
    assert result.draft.sections.company.overview is None
    assert result.draft.company_name is None
    assert result.draft.evidence == {}


def test_the_users_own_words_count_where_the_owner_hands_them_in() -> None:
    draft = context(company__overview=(evidence(FREEFORM_SOURCE_ID, "We make honest pumps"),))
    texts = {FREEFORM_SOURCE_ID: "We make honest pumps."}
    assert verify_context(draft, texts).draft.sections.company.overview
    assert verify_context(draft, {}).draft.sections.company.overview is None


def claim(field: str, text: str, quote: str) -> Claim:
    return Claim.model_validate({"text": text, "source_id": "s1", "quote": quote, "field": field})


def test_a_report_is_written_anew_from_the_claims_that_hold() -> None:
    claims = (
        claim("summary", "Jane leads Acme.", "Jane Doe is the CEO of Acme"),
        claim("summary", "She won a Nobel prize.", "won the Nobel prize"),
        claim("background", "She knows the moon.", "has been to the moon"),
        claim("outreach_angles", "They are hiring.", "We are hiring in Lisbon"),
        claim("outreach_angles", "They went public.", "went public in May"),
    )
    draft = ReportDraft(
        generator="test/1",
        summary="Jane leads Acme. She won a Nobel prize.",
        background="She knows the moon.",
        company_intel="Said without any claim.",
        outreach_angles=("They are hiring.", "They went public.", "Never claimed."),
        claims=claims,
        role="CEO",
    )
    result = verify_report(draft, {"s1": "Jane Doe is the CEO of Acme. We are hiring in Lisbon."})
    assert result.draft.summary == "Jane leads Acme."
    assert result.draft.background == ""
    assert result.draft.company_intel == ""
    assert result.draft.outreach_angles == ("They are hiring.",)
    assert result.draft.role == "CEO"
    assert (result.kept, result.dropped) == (2, 3)
    assert result.blanked == ("background", "company_intel")


def test_a_role_that_no_quote_states_goes() -> None:
    draft = ReportDraft(
        generator="test/1",
        summary="",
        background="",
        company_intel="",
        claims=(claim("summary", "Jane leads Acme.", "Jane Doe leads Acme"),),
        role="Chief Magic Officer",
    )
    assert verify_report(draft, {"s1": "Jane Doe leads Acme"}).draft.role is None
