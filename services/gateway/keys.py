"""API keys: `pk_live_` and 64 hex digits, of which the first 24 characters are public."""

import hashlib
import re
import secrets
from dataclasses import dataclass

KEY = re.compile(r"pk_live_[0-9a-f]{64}")
PREFIX_LENGTH = 24


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made: `secret` is shown once and stored nowhere."""

    secret: str
    prefix: str
    sha256: bytes


def new_key() -> NewKey:
    """A key from 256 random bits."""
    secret = f"pk_live_{secrets.token_hex(32)}"
    return NewKey(secret, prefix(secret), digest(secret))


def prefix(key: str) -> str:
    """The public part of a key."""
    return key[:PREFIX_LENGTH]


def digest(key: str) -> bytes:
    """What is stored of a key. Keys are random, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).digest()
