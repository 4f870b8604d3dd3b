"""Tokens: a secret that is shown once, a scope, and a revocation that counts everywhere within seconds."""

import pytest

from engine.clock import ManualClock
from engine.core.judging.instant import DAY
from engine.people.tokens import CACHE_SECONDS, CACHE_SIZE, RIGHTS, TABLE, Tokens
from engine.store.memory import MemoryStore
from tests.credentials import OPERATOR
from tests.unit.support.country import NOW


class Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Counting(MemoryStore):
    """A store that counts how often it is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes: list[str] = []

    async def get(self, table, ids):
        self.reads += 1
        return await super().get(table, ids)

    async def write(self, write):
        self.writes.append(write.name)
        return await super().write(write)


class Office:
    def __init__(self) -> None:
        self.store, self.clock, self.watch = Counting(), ManualClock(NOW), Watch()
        self.tokens = Tokens(self.store, self.clock, self.watch)


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_rotated_token_and_its_successor_are_valid_for_the_overlap(office):
    """Same rights, region and label; afterwards only the new one."""
    old, old_text = await office.tokens.create(["submit"], region="73", label="Desk Sulsel", by=OPERATOR)
    new, new_text = await office.tokens.rotate(old.id, 2 * DAY, by=OPERATOR)
    assert (new.rights, new.region, new.label) == (old.rights, old.region, old.label)
    assert new_text != old_text
    for days, valid in ((0, True), (1, True), (2, False)):
        office.clock.set(NOW + days * DAY)
        office.watch.seconds += CACHE_SECONDS
        assert (await office.tokens.check(f"Bearer {old_text}") is not None) is valid
        assert await office.tokens.check(f"Bearer {new_text}") is not None
    assert await office.tokens.rotate(old.id, DAY, by=OPERATOR) is None
    assert await office.tokens.rotate("tidakada", DAY, by=OPERATOR) is None
    kept = {token.id: token for token in await office.tokens.list()}
    assert kept[old.id].successor == new.id


async def test_a_second_rotation_does_not_prolong_the_first(office):
    old, _ = await office.tokens.create(["submit"], by=OPERATOR)
    await office.tokens.rotate(old.id, DAY, by=OPERATOR)
    await office.tokens.rotate(old.id, 9 * DAY, by=OPERATOR)
    assert next(t.ends_at for t in await office.tokens.list() if t.id == old.id) == NOW + DAY


async def test_a_token_has_its_rights_in_its_region(office):
    token, text = await office.tokens.create(
        ["submit", "read"], region="73", label="Desk Sulsel", by=OPERATOR
    )
    scope = await office.tokens.check(f"Bearer {text}")
    assert (scope.rights, scope.region, scope.token_id) == ({"submit", "read"}, "73", token.id)
    assert [scope.covers(code) for code in ("73", "73.15", "73.15.03", "33", "00")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert text.startswith(f"siaga_{token.id}_")


async def test_the_secret_is_nowhere_in_the_store(office):
    _, text = await office.tokens.create(RIGHTS, by=OPERATOR)
    secret = text.split("_", 2)[2]
    stored = b"".join(record.value for record in (await office.store.scan(TABLE)).values())
    assert secret.encode() not in stored
    assert len(secret) >= 43


async def test_what_is_no_token_opens_nothing(office):
    token, text = await office.tokens.create(["submit"], by=OPERATOR)
    _, other = await office.tokens.create(["submit"], by=OPERATOR)
    foreign = f"siaga_{token.id}_{other.split('_', 2)[2]}"
    for header in (
        text,
        f"Basic {text}",
        "Bearer",
        "Bearer ",
        "Bearer siaga",
        f"Bearer siaga_{token.id}",
        f"Bearer siaga_{token.id}_",
        f"Bearer {text}x",
        f"Bearer {text[:-1]}",
        f"Bearer {foreign}",
        "Bearer siaga_unknown_secret",
        "Bearer siaga_../x_secret",
        "Bearer \udcff",
        f"Bearer siaga_{'a' * 5_000}_x",
    ):
        assert await office.tokens.check(header) is None
    assert await office.tokens.check(f"bearer  {text}") is not None


async def test_the_hot_route_does_not_ask_the_store_each_time(office):
    _, text = await office.tokens.create(["submit"], by=OPERATOR)
    await office.tokens.check(f"Bearer {text}")
    reads = office.store.reads
    for _ in range(100):
        await office.tokens.check(f"Bearer {text}")
    assert office.store.reads == reads


async def test_a_revocation_counts_here_at_once_and_elsewhere_within_seconds(office):
    """Law: docs/specification/trust.md#tokens-and-requests."""
    token, text = await office.tokens.create(["submit"], by=OPERATOR)
    elsewhere = Tokens(office.store, office.clock, office.watch)
    for tokens in (office.tokens, elsewhere):
        assert await tokens.check(f"Bearer {text}")
    await office.tokens.revoke(token.id, by=OPERATOR)
    assert await office.tokens.check(f"Bearer {text}") is None
    office.watch.seconds = CACHE_SECONDS
    assert await elsewhere.check(f"Bearer {text}") is None


async def test_revoking_twice_keeps_the_first_instant_and_nobody_is_nobody(office):
    token, _ = await office.tokens.create(["submit"], by=OPERATOR)
    first = await office.tokens.revoke(token.id, by=OPERATOR)
    office.clock.set(NOW + DAY)
    assert await office.tokens.revoke(token.id, by=OPERATOR) == first
    assert first.revoked_at == NOW
    assert await office.tokens.revoke("nobody", by=OPERATOR) is None


async def test_use_is_noted_by_the_day_and_only_once_a_day(office):
    _, text = await office.tokens.create(["submit"], by=OPERATOR)
    for seconds in range(0, 50, 5):
        office.watch.seconds = float(seconds)
        await office.tokens.check(f"Bearer {text}")
    assert office.store.writes.count("use_token") == 1
    office.clock.set(NOW + DAY)
    office.watch.seconds = 100.0
    await office.tokens.check(f"Bearer {text}")
    (token,) = await office.tokens.list()
    assert token.used_on == (NOW + DAY) // DAY
    assert office.store.writes.count("use_token") == 2


async def test_the_list_has_all_tokens_oldest_first(office):
    labels = ["pertama", "kedua", "ketiga"]
    for label in labels:
        await office.tokens.create(["read"], label=label, by=OPERATOR)
        office.clock.set(office.clock.now() + 1)
    await office.tokens.revoke((await office.tokens.list())[1].id, by=OPERATOR)
    listed = await office.tokens.list()
    assert [token.label for token in listed] == labels
    assert [token.revoked_at is None for token in listed] == [True, False, True]


async def test_rights_stand_once_and_in_one_order(office):
    token, _ = await office.tokens.create(["read", "submit", "read"], by=OPERATOR)
    assert token.rights == ("submit", "read")


async def test_the_cache_is_bounded(office):
    for _ in range(CACHE_SIZE + 20):
        _, text = await office.tokens.create(["read"], by=OPERATOR)
        await office.tokens.check(f"Bearer {text}")
    assert len(office.tokens._cache) == CACHE_SIZE
