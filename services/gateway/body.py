"""Bodies: at most so large, and JSON."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import Problem, bad_request

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class BodyMiddleware:
    """Reads the body before the app does, and refuses what no route could take."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(Headers(scope=scope), receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is None:
            return  # The caller is gone.
        replay: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replaying() -> Message:
            return replay.pop() if replay else await receive()

        await self._app(scope, replaying, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        too_large = Problem(
            413, "content-too-large", f"The body may have at most {self._max_bytes} bytes."
        )
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_bytes:
            raise too_large
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_bytes:
                raise too_large
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type != "application/json" and not media_type.endswith("+json"):
            raise Problem(
                415,
                "unsupported-media-type",
                f"Send the body as application/json, not as {media_type or 'no stated type'}.",
            )
        try:
            body.decode()
        except UnicodeDecodeError as error:
            wrong = {"pointer": "", "detail": f"not UTF-8: {error.reason} at byte {error.start}"}
            raise bad_request([wrong]) from error
        return bytes(body)
