"""A server on loopback that speaks as much of the Messages API as the generator uses."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: Body = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: Body

    @property
    def system(self) -> str:
        return "".join(block["text"] for block in self.body["system"])

    @property
    def user(self) -> str:
        content: str = self.body["messages"][0]["content"]
        return content

    @property
    def fields(self) -> set[str]:
        """The fields of the schema that it wants an answer in."""
        return set(self.body["output_config"]["format"]["schema"]["properties"])


Script = Callable[[Request, int], Answer]
"""Answers a request; the number counts the requests from 1."""


@dataclass
class MessagesApi:
    url: str
    requests: list[Request] = field(default_factory=list)


def message(text: str, stop_reason: str = "end_turn", input_tokens: int = 1_000) -> Answer:
    """A message as the API answers it."""
    return Answer(
        body={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-test",
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": input_tokens,
                "output_tokens": 200,
                "cache_creation_input_tokens": 300,
                "cache_read_input_tokens": 0,
            },
        }
    )


def error(status: int, kind: str, **headers: str) -> Answer:
    """An error as the API answers it."""
    body = {"type": "error", "error": {"type": kind, "message": "says the API"}}
    return Answer(status, body, {name.replace("_", "-"): v for name, v in headers.items()})


@asynccontextmanager
async def messages_api(script: Script) -> AsyncIterator[MessagesApi]:
    """Serves the script until the block is left, and keeps what was asked."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:] if line)
            }
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            request = Request(head[0].split(" ")[1], headers, body)
            api.requests.append(request)
            answer = script(request, len(api.requests))
            if answer.hangs:
                await reader.read()  # until the client goes away
                return
            payload = json.dumps(answer.body).encode()
            lines = [
                f"HTTP/1.1 {answer.status} Answer",
                "content-type: application/json",
                f"content-length: {len(payload)}",
                "connection: close",
                *(f"{name}: {value}" for name, value in answer.headers.items()),
            ]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
            await writer.drain()
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    api = MessagesApi(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield api
    finally:
        server.close()
        for writer in list(writers):
            writer.close()
        await server.wait_closed()
