"""API keys."""

import hashlib
import re

from services.gateway.keys import KEY, digest, new_key, prefix


def test_a_key_has_its_documented_shape() -> None:
    key = new_key()
    assert re.fullmatch(r"pk_live_[0-9a-f]{64}", key.secret)
    assert KEY.fullmatch(key.secret)
    assert key.prefix == key.secret[:24] == prefix(key.secret)
    assert key.sha256 == hashlib.sha256(key.secret.encode()).digest() == digest(key.secret)


def test_keys_differ_also_in_their_prefix() -> None:
    keys = [new_key() for _ in range(1000)]
    assert len({key.prefix for key in keys}) == 1000


def test_the_public_prefix_leaves_most_of_the_key_secret() -> None:
    assert len(new_key().secret) - len(new_key().prefix) == 48


def test_a_digest_is_not_the_key() -> None:
    key = new_key()
    assert key.secret.encode() not in key.sha256
