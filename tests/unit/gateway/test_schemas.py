"""Request bodies: what is taken and what is refused, by the name of the field."""

import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.schemas import PERSON_ID, AddPerson, AddUser, GrantCredits, Regenerate

PROFILE = "https://www.linkedin.com/in/jo-doe"
SITE = "https://acme.example"
JO = {"firstName": "Jo", "lastName": "Doe", "company": "Acme"}
GRANT = {"userId": "usr_1", "amount": 5, "reason": "welcome"}


def refused_fields(model: type[BaseModel], body: Any) -> list[str]:
    """Where a body is refused: paths in camel case, empty for the body as a whole."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        return ["/".join(map(str, e["loc"])) for e in error.errors()]
    return []


@pytest.mark.parametrize(
    "body",
    [
        {"website": SITE},
        {"website": "http://acme.example:8080/de?x=1#y"},
        {"website": "http://127.0.0.1:9000/"},
        {"linkedinUrl": PROFILE},
        {"linkedinUrl": "https://de.linkedin.com/in/jo"},
        {"website": SITE, "companyLinkedinUrl": "https://linkedin.com/company/acme"},
        {"website": SITE, "freeformContext": "We never speak of prices.\nEver."},
        {"website": SITE, "freeformContext": ""},
        {"website": SITE, "somethingNew": 1},
        {"website": SITE, "linkedinUrl": None},
    ],
)
def test_a_regeneration_is_taken(body: dict[str, Any]) -> None:
    assert refused_fields(Regenerate, body) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"freeformContext": "x"}, ""),
        ({"companyLinkedinUrl": "https://linkedin.com/company/acme"}, ""),
        ({"website": None, "linkedinUrl": None}, ""),
        ([], ""),
        ({"website": ""}, "website"),
        ({"website": "acme.example"}, "website"),
        ({"website": "ftp://acme.example"}, "website"),
        ({"website": "javascript:alert(1)"}, "website"),
        ({"website": "file:///etc/passwd"}, "website"),
        ({"website": "https://"}, "website"),
        ({"website": "https://[::1"}, "website"),
        ({"website": "https://acme.example/a b"}, "website"),
        ({"website": "https://acme.example/\n"}, "website"),
        ({"website": "https://acme.\texample/"}, "website"),
        ({"website": "https://acme.example:99999/"}, "website"),
        ({"website": f"{SITE}/{'x' * 2048}"}, "website"),
        ({"website": 5}, "website"),
        ({"website": ["https://acme.example"]}, "website"),
        ({"linkedinUrl": "https://acme.example/in/jo"}, "linkedinUrl"),
        ({"linkedinUrl": "https://notlinkedin.com/in/jo"}, "linkedinUrl"),
        ({"linkedinUrl": "https://linkedin.com.evil.example/in/jo"}, "linkedinUrl"),
        ({"website": SITE, "companyLinkedinUrl": SITE}, "companyLinkedinUrl"),
        ({"website": SITE, "freeformContext": "x" * 20_001}, "freeformContext"),
        ({"website": SITE, "freeformContext": {}}, "freeformContext"),
    ],
)
def test_a_regeneration_is_refused(body: Any, field: str) -> None:
    assert refused_fields(Regenerate, body) == [field]


@pytest.mark.parametrize(
    "body",
    [
        {"linkedinUrl": PROFILE},
        {"linkedinUrl": "http://linkedin.com/in/Jo%20Doe/"},
        {"linkedinUrl": PROFILE, "companyWebsite": SITE},
        JO,
        {**JO, "companyWebsite": SITE},
        {**JO, "firstName": "Ñandú", "lastName": "O'Neil-Smith", "company": "株式会社"},
    ],
)
def test_a_person_is_taken(body: dict[str, Any]) -> None:
    assert refused_fields(AddPerson, body) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({**JO, "linkedinUrl": PROFILE}, ""),
        ({"linkedinUrl": PROFILE, "company": "Acme"}, ""),
        ({"firstName": "Jo", "lastName": "Doe"}, ""),
        ({"companyWebsite": SITE}, ""),
        ({**JO, "company": None}, ""),
        ({**JO, "firstName": ""}, "firstName"),
        ({**JO, "firstName": "  "}, "firstName"),
        ({**JO, "lastName": "x" * 101}, "lastName"),
        ({**JO, "company": 5}, "company"),
        ({"linkedinUrl": "https://www.linkedin.com/company/acme"}, "linkedinUrl"),
        ({"linkedinUrl": "https://acme.example/?linkedin.com/in/jo"}, "linkedinUrl"),
        ({**JO, "companyWebsite": "acme"}, "companyWebsite"),
    ],
)
def test_a_person_is_refused(body: Any, field: str) -> None:
    assert refused_fields(AddPerson, body) == [field]


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        (Regenerate, {"website": SITE, "freeformContext": "a\x00b"}, "freeformContext"),
        (Regenerate, {"website": f"{SITE}/\x00"}, "website"),
        (AddPerson, {**JO, "company": "Ac\x00me"}, "company"),
        (AddUser, {"kind": "user", "email": "a\x00@b.example"}, "email"),
        (GrantCredits, {**GRANT, "reason": "a\x00b"}, "reason"),
        (GrantCredits, {**GRANT, "userId": "a\x00b"}, "userId"),
    ],
)
def test_text_that_no_database_can_store_is_refused(
    model: type[BaseModel], body: dict[str, Any], field: str
) -> None:
    """PostgreSQL's text has no NUL: taken here, it would fail in the owner."""
    assert refused_fields(model, body) == [field]


@pytest.mark.parametrize("body", [{"kind": "user"}, {"kind": "partner", "email": "a@b.example"}])
def test_a_user_is_taken(body: dict[str, Any]) -> None:
    assert refused_fields(AddUser, body) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "admin"}, "kind"),
        ({"kind": "user", "email": "nobody"}, "email"),
        ({"kind": "user", "email": f"a@{'b' * 320}"}, "email"),
    ],
)
def test_a_user_is_refused(body: dict[str, Any], field: str) -> None:
    assert refused_fields(AddUser, body) == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"amount": 10**9}, None),
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 10**9 + 1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"userId": "x" * 101}, "userId"),
    ],
)
def test_a_grant(change: dict[str, Any], field: str | None) -> None:
    assert refused_fields(GrantCredits, {**GRANT, **change}) == ([field] if field else [])


@pytest.mark.parametrize(
    ("id_", "fits"),
    [
        ("7d9f2c1e-8a4b-4c3d-9e2f-1a2b3c4d5e6f", True),
        ("7D9F2C1E-8A4B-4C3D-9E2F-1A2B3C4D5E6F", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", True),
        ("7d9f2c1e-8a4b-9c3d-9e2f-1a2b3c4d5e6f", False),  # version 9
        ("7d9f2c1e-8a4b-4c3d-7e2f-1a2b3c4d5e6f", False),  # variant 7
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", False),
        ("7d9f2c1e8a4b4c3d9e2f1a2b3c4d5e6f", False),
        ("", False),
    ],
)
def test_person_ids_follow_the_reference(id_: str, fits: bool) -> None:
    assert bool(re.search(PERSON_ID, id_)) == fits
