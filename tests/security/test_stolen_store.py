"""A stolen store gives no link: what it keeps of a token cannot be tried without the key."""

import hashlib
import os

import pytest

from engine.answers.links import key_fingerprints
from engine.core.alerting.alert import Notification
from engine.records.alert_repository import LINKS, NOTIFICATIONS
from engine.runtime.keys import secret_keys
from engine.store.codec import decode
from engine.store.port import Drop, Put, Write
from engine.texts.answer_link_token import as_written, token_for

DIGESTS = ("sha256", "sha1", "md5", "blake2b", "blake2s", "sha512", "sha3_256")


async def tokens(api):
    """Return the tokens of all links that went out."""
    alert = await api.open_alert()
    return [path.removeprefix("/a/") for _, path in await api.links(alert)]


async def kept(api):
    """Return all that a thief reads of the links: ids and values."""
    table = await api.siaga.store.scan("links")
    return b"\n".join(key.encode() + b" " + record.value for key, record in table.items())


async def test_no_digest_of_a_token_can_be_tried_offline(api):
    """At 60 bits a plain digest of an SMS token falls within hours; without the key nothing can be compared.

    Law: docs/specification/trust.md#link-fingerprints.
    """
    found, dump = await tokens(api), await kept(api)
    assert found
    for token in found:
        assert token.encode() not in dump
        for name in DIGESTS:
            digest = hashlib.new(name, as_written(token).encode())
            assert digest.hexdigest().encode() not in dump, name
            assert digest.digest() not in dump, name


async def old_store(api):
    """Turn the links into what a Siaga of before left; return their tokens."""
    found, store = await tokens(api), api.siaga.store
    marks = {}
    for record in (await store.scan(LINKS)).values():
        notification = record.value.decode().rpartition("/")[2]
        (message,) = await store.get(NOTIFICATIONS, [notification])
        channel = decode(message.value, Notification).channel
        token = token_for(api.key, notification, channel)
        marks[hashlib.sha256(token.encode()).hexdigest()] = record.value
    drops = tuple(Drop(LINKS, key) for key in await store.scan(LINKS))
    await store.write(
        Write(
            name="bench",
            puts=tuple(Put(LINKS, mark, value) for mark, value in marks.items()),
            drops=(*drops, Drop("layout", "keyed_links")),
        )
    )
    return found


@pytest.fixture
def api_with_key(api):
    api.key = secret_keys(api.siaga.settings.key_file, os.environ).current
    return api


async def test_links_of_before_open_after_the_migration_and_their_digests_are_gone(api_with_key):
    api = api_with_key
    found = await old_store(api)
    keys = secret_keys(api.siaga.settings.key_file, os.environ)
    assert await key_fingerprints(api.siaga.store, keys) == len(found)
    dump = await kept(api)
    for token in found:
        assert hashlib.sha256(token.encode()).hexdigest().encode() not in dump
        assert (await api.client.get(f"/a/{token}")).status_code == 200
    assert await key_fingerprints(api.siaga.store, keys) == 0


async def test_a_digest_that_no_accepted_key_made_is_dropped(api_with_key):
    api, store = api_with_key, api_with_key.siaga.store
    await tokens(api)
    strange = Put(LINKS, "0" * 64, b"alert/notification")
    await store.write(
        Write(
            name="bench",
            puts=(strange,),
            drops=(Drop("layout", "keyed_links"),),
        )
    )
    await key_fingerprints(store, secret_keys(api.siaga.settings.key_file, os.environ))
    assert "0" * 64 not in await store.scan(LINKS)
