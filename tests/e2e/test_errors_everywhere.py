"""Errors that every route has: keys, bodies, and their common shape."""

import pytest

from tests.e2e.api import PEOPLE, Admin, User, problem

REGENERATE = "/api/context/regenerate"
NOBODY = "3d4f2bb5-7b0e-4c4e-9a53-7f4a1c1d2e3f"
ROUTES = [
    ("POST", REGENERATE),
    ("GET", "/api/context"),
    ("GET", "/api/context/runs/run_0"),
    ("POST", PEOPLE),
    ("GET", PEOPLE),
    ("GET", f"{PEOPLE}/{NOBODY}"),
    ("DELETE", f"{PEOPLE}/{NOBODY}"),
    ("POST", f"{PEOPLE}/{NOBODY}/run"),
    ("GET", f"{PEOPLE}/{NOBODY}/report"),
    ("GET", f"{PEOPLE}/{NOBODY}/reports"),
    ("GET", f"{PEOPLE}/{NOBODY}/reports/1"),
    ("GET", "/api/deep-research/runs/run_0"),
    ("GET", "/api/credits/balance"),
    ("GET", "/api/credits/config"),
    ("GET", "/api/credits/ledger"),
]
ADMIN_ROUTES = [
    ("POST", "/api/admin/users", {"kind": "user"}),
    ("POST", "/api/admin/users/usr_0/api-keys", None),
    ("POST", "/api/admin/credits/grants", {"userId": "usr_0", "amount": 1, "reason": "for a test"}),
]
BODY_ROUTES = [REGENERATE, PEOPLE]
LARGEST_BODY_BYTES = 256 * 1024


@pytest.fixture(scope="module")
async def user(admin: Admin) -> User:
    """A user without credits or people."""
    return await admin.user()


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_valid_key(admin: Admin, method: str, path: str) -> None:
    for key in (None, "nonsense", f"pk_live_{'0' * 64}"):
        answer = await admin.client(key).request(method, path)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_key_is_checked_to_its_last_digit(admin: Admin, user: User) -> None:
    other = "0" if user.key[-1] != "0" else "1"
    problem(await admin.client(user.key[:-1] + other).get("/api/context"), 401, "unauthorized")


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_ROUTES)
async def test_users_are_no_administrators(
    user: User, method: str, path: str, body: dict[str, object] | None
) -> None:
    problem(await user.http.request(method, path, json=body), 403, "forbidden")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_administrators_and_partners_are_no_users(
    admin: Admin, method: str, path: str
) -> None:
    body = {"website": "https://example.com", "linkedinUrl": "https://linkedin.com/in/nobody"}
    sent = body if path in BODY_ROUTES and method == "POST" else None
    partner = await admin.user(kind="partner")
    for http in (admin.http, partner.http):
        problem(await http.request(method, path, json=sent), 403, "forbidden")


async def test_key_shape(admin: Admin) -> None:
    made = await admin.http.post("/api/admin/users", json={"kind": "user", "email": "a@b.example"})
    assert made.json()["user"].items() >= {"kind": "user", "email": "a@b.example"}.items()
    path = f"/api/admin/users/{made.json()['user']['id']}/api-keys"
    body = (await admin.http.post(path)).json()
    assert body["api_key"].startswith("pk_live_")
    assert len(body["api_key"]) == len("pk_live_") + 64
    assert body["prefix"] == body["api_key"][:24]
    assert body["message"]


async def test_admin_calls_on_nobody(admin: Admin) -> None:
    problem(await admin.http.post("/api/admin/users/usr_0/api-keys"), 404, "not-found")
    grant = {"userId": "usr_0", "amount": 1, "reason": "for a test"}
    problem(await admin.http.post("/api/admin/credits/grants", json=grant), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/api/admin/users", {"kind": "king"}, "/kind"),
        ("/api/admin/users", {"kind": "user", "email": "nobody"}, "/email"),
        ("/api/admin/credits/grants", {"userId": "u", "amount": 0, "reason": "r"}, "/amount"),
        ("/api/admin/credits/grants", {"userId": "u", "amount": 1.5, "reason": "r"}, "/amount"),
        ("/api/admin/credits/grants", {"userId": "u", "amount": 10**12, "reason": "r"}, "/amount"),
        ("/api/admin/credits/grants", {"userId": "u", "amount": 1}, "/reason"),
    ],
)
async def test_bad_admin_body(
    admin: Admin, path: str, body: dict[str, object], pointer: str
) -> None:
    errors = problem(await admin.http.post(path, json=body), 400, "bad-request")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


@pytest.mark.parametrize("path", BODY_ROUTES)
async def test_body_of_another_type(user: User, path: str) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await user.http.post(
            path, content=b"website=x", headers={"Content-Type": content_type}
        )
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", BODY_ROUTES)
async def test_body_with_a_charset_is_json_too(user: User, path: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    problem(await user.http.post(path, content=b"{}", headers=headers), 400, "bad-request")


@pytest.mark.parametrize("path", BODY_ROUTES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_body_that_is_too_large(user: User, path: str, streamed: bool) -> None:
    large = b'{"freeformContext": "' + b"x" * LARGEST_BODY_BYTES + b'"}'

    async def chunks() -> object:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    headers = {"Content-Type": "application/json"}
    content = chunks() if streamed else large
    answer = await user.http.post(path, content=content, headers=headers)  # type: ignore[arg-type]
    problem(answer, 413, "content-too-large")


@pytest.mark.parametrize("path", BODY_ROUTES)
@pytest.mark.parametrize("text", ['{"website": ', "", "[1]", "null", '"text"', "\xff", "{'a': 1}"])
async def test_body_that_is_no_json_object(user: User, path: str, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await user.http.post(path, content=text.encode("latin-1"), headers=headers)
    body = problem(answer, 400, "bad-request")
    assert body["errors"]
    assert all("pointer" in error for error in body["errors"])


async def test_unknown_route_and_method(user: User) -> None:
    problem(await user.http.get("/api/nothing"), 404, "not-found")
    answer = await user.http.put(f"{PEOPLE}/{NOBODY}/run")
    problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["allow"]


async def test_request_id(user: User) -> None:
    given = await user.http.get("/api/context", headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for odd in ("", "a b", "x" * 500):
        answer = await user.http.get("/api/context", headers={"X-Request-Id": odd})
        assert answer.headers["x-request-id"] not in ("", odd)
    first, second = [await user.http.get("/healthz") for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_open_routes(user: User) -> None:
    assert (await user.get("/api/credits/config"))["costs"] == {"DEEP_RESEARCH": 1}
    assert (await user.get("/healthz"))["status"]
    assert (await user.get("/readyz"))["status"] == "ready"
    described = await user.get("/openapi.json")
    assert described["openapi"].startswith("3.1")
    assert {"/api/context/regenerate", f"{PEOPLE}/{{person_id}}/run"} <= described["paths"].keys()
