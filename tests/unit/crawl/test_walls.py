import pytest

from libs.contracts.sources import SourceStatus
from libs.crawl.outcomes import PageEnded
from libs.crawl.walls import check_location, check_status, check_text, is_linkedin

PROFILE = "https://www.linkedin.com/in/zoe-marsh"


def test_linkedin_is_known_by_its_host_alone() -> None:
    assert is_linkedin(PROFILE)
    assert is_linkedin("https://de.linkedin.com/company/acme")
    assert not is_linkedin("https://notlinkedin.com/")
    assert not is_linkedin("https://example.com/linkedin.com")


@pytest.mark.parametrize("status", [999, 429, 403])
def test_linkedin_turning_us_away_is_said_plainly(status: int) -> None:
    with pytest.raises(PageEnded) as ended:
        check_status(PROFILE, status, {})
    assert ended.value.status is SourceStatus.BLOCKED
    assert ended.value.reason == (f"www.linkedin.com turns automated readers away (HTTP {status})")


@pytest.mark.parametrize("path", ["/authwall?trk=x", "/login", "/uas/login?a", "/checkpoint/lg"])
def test_a_redirect_to_a_login_is_blocked(path: str) -> None:
    with pytest.raises(PageEnded, match="signed-in"):
        check_location(f"https://www.linkedin.com{path}")
    check_location(f"https://example.com{path}")


def test_a_login_form_in_place_of_the_page_is_blocked_unless_it_states_facts() -> None:
    form = "<form action='/uas/login-submit'>"
    with pytest.raises(PageEnded, match="signed-in"):
        check_text(PROFILE, form)
    check_text(PROFILE, form + "<script type='application/ld+json'>{}</script>")
    check_text("https://example.com/", form)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, SourceStatus.BLOCKED), (403, SourceStatus.BLOCKED), (404, SourceStatus.FAILED),
     (500, SourceStatus.FAILED)],
)  # fmt: skip
def test_other_sites(status: int, expected: SourceStatus) -> None:
    with pytest.raises(PageEnded) as ended:
        check_status("https://example.com/", status, {})
    assert ended.value.status is expected
    assert f"HTTP {status}" in ended.value.reason


def test_a_bot_wall_is_blocked() -> None:
    with pytest.raises(PageEnded, match="prove that they are human"):
        check_status("https://example.com/", 403, {"cf-mitigated": "challenge"})


def test_success_passes() -> None:
    check_status("https://example.com/", 200, {})
