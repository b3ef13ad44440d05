"""Request bodies of the API."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

PERSON_ID = (
    r"^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
    r"|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$"
)


PROFILE = re.compile(r"linkedin\.com/in/[^/?#]+", re.IGNORECASE)


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise ValueError("must be an http or https URL")
    if any(character.isspace() for character in value):
        raise ValueError("must not contain white space")
    return value


def _linkedin_url(value: str) -> str:
    host = urlsplit(_web_url(value)).hostname or ""
    if host != "linkedin.com" and not host.endswith(".linkedin.com"):
        raise ValueError("must be a URL on linkedin.com")
    return value


def _profile_url(value: str) -> str:
    if not PROFILE.search(_linkedin_url(value)):
        raise ValueError("must be a LinkedIn profile: https://www.linkedin.com/in/…")
    return value


Url = Annotated[str, Field(max_length=2048), AfterValidator(_web_url)]
LinkedInUrl = Annotated[str, Field(max_length=2048), AfterValidator(_linkedin_url)]
ProfileUrl = Annotated[str, Field(max_length=2048), AfterValidator(_profile_url)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]


class Body(BaseModel):
    """A request body in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        # Postgres keeps no NUL in a text.
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("must not contain a NUL character")
        return value


class Regenerate(Body):
    """What to read. At least one of `website` and `linkedinUrl`."""

    website: Url | None = None
    linkedin_url: LinkedInUrl | None = None
    company_linkedin_url: LinkedInUrl | None = None
    freeform_context: Annotated[str, Field(max_length=20_000)] | None = None

    @model_validator(mode="after")
    def _something_to_read(self) -> "Regenerate":
        if self.website is None and self.linkedin_url is None:
            raise ValueError("give website or linkedinUrl")
        return self


class AddPerson(Body):
    """Either a LinkedIn profile, or a name and a company."""

    linkedin_url: ProfileUrl | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    company: Name | None = None
    company_website: Url | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "AddPerson":
        named = [self.first_name, self.last_name, self.company]
        by_profile = self.linkedin_url is not None and not any(named)
        by_name = self.linkedin_url is None and all(named)
        if not by_profile and not by_name:
            raise ValueError("give either linkedinUrl, or firstName, lastName and company")
        return self


class AddUser(Body):
    kind: Literal["user", "partner"]
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class GrantCredits(Body):
    user_id: Annotated[str, Field(max_length=100)]
    amount: Annotated[int, Field(gt=0, le=10**9, strict=True)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
