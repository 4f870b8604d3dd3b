"""A store that goes away in the middle of a round: what was committed is answered, so that nobody gives it again."""

import asyncio
from collections import Counter

import pytest

from engine.core.alerting.command import Comment, EscalateNow
from engine.errors import StoreUnavailableError
from engine.escalation.alert_commands import AlertCommands
from engine.store.memory import MemoryStore
from engine.store.port import Write, WriteOutcome
from tests.credentials import OPERATOR
from tests.unit.support.switchboard import Switchboard

NAMES = {EscalateNow: "escalate", Comment: "comment"}
ENTRIES = {EscalateNow: "escalated_by_hand", Comment: "commented"}


class Away(MemoryStore):
    """A store that is away at the n-th crossing of one side of a write's name."""

    def __init__(self) -> None:
        super().__init__(crash_point=self._cross)
        self.away: tuple[str, str, int] | None = None
        self._crossed = Counter[tuple[str, str]]()

    def _cross(self, name: str, side: str) -> None:
        self._crossed[name, side] += 1
        if self.away == (name, side, self._crossed[name, side]):
            raise StoreUnavailableError


def command(kind: type, who: str):
    if kind is EscalateNow:
        return EscalateNow(person=who, is_operator=True)
    return Comment(person=who, note_digest=f"catatan {who}")


async def until_answered(desk: AlertCommands, alert: str, given: object) -> None:
    """What a client does: it gives a command again while it is answered 503."""
    while True:
        try:
            assert await desk.change(alert, given, NAMES[type(given)], by=OPERATOR) is not None
        except StoreUnavailableError:
            continue
        return


@pytest.mark.parametrize("kind", [EscalateNow, Comment])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_each_command_takes_effect_once(kind: type, side: str, nth: int):
    """Three people at once on two alerts, which takes two writes at least; the store is away at each of them."""
    store = Away()
    board = Switchboard(store=store)
    one, two = await board.open(), await board.open(2)
    store.away = NAMES[kind], side, nth
    given = [(one, command(kind, "a")), (two, command(kind, "b")), (one, command(kind, "c"))]
    await asyncio.gather(*(until_answered(board.desk, alert, what) for alert, what in given))
    found = {
        alert: sorted(
            entry.person for entry in await board.desk.history(alert) if entry.name == ENTRIES[kind]
        )
        for alert in (one, two)
    }
    assert found == {one: ["a", "c"], two: ["b"]}


async def test_a_command_of_which_nothing_is_known_is_not_answered():
    """The store stays away: whoever gave it is told so, and no answer is made up."""
    store = Away()
    board = Switchboard(store=store)
    alert = await board.open()
    store.away = "escalate", "before", 1
    with pytest.raises(StoreUnavailableError):
        await board.desk.change(alert, command(EscalateNow, "a"), "escalate", by=OPERATOR)
    names = [entry.name for entry in await board.desk.history(alert)]
    assert "escalated_by_hand" not in names


class Deaf(MemoryStore):
    """A store that does a write and is away after that, also for questions: nobody can know that it was done."""

    deaf_after: str = ""
    away = False

    async def write(self, write: Write) -> WriteOutcome:
        outcome = await super().write(write)
        if write.name == self.deaf_after:
            self.deaf_after, self.away = "", True
            raise StoreUnavailableError
        return outcome

    async def log(self, log: str, start: int = 0, limit: int | None = None) -> list[bytes]:
        if self.away:
            self.away = False
            raise StoreUnavailableError
        return await super().log(log, start, limit)


@pytest.fixture
def kept_in() -> Deaf:
    """The store under the app."""
    return Deaf()


@pytest.mark.parametrize(
    ("path", "body", "name", "entry"),
    [
        ("escalate", None, "escalate", "escalated_by_hand"),
        ("comments", {"note": "masih kosong"}, "comment", "commented"),
    ],
)
async def test_a_client_that_sends_again_with_its_key_repeats_nothing(api, kept_in, path, body, name, entry):
    """The first request was done and answered 503; the second has the same key, a third has another."""
    alert = await api.open_alert()
    kept_in.deaf_after = name
    token = await api.bearer("operate")
    statuses = []
    for key in ("a", "a", "b"):
        headers = token | {"Idempotency-Key": key}
        sent = await api.client.post(f"/v1/alerts/{alert}/{path}", json=body, headers=headers)
        statuses.append(sent.status_code)
    assert statuses == [503, 200, 200]
    assert [one.name for one in await api.siaga.desk.history(alert)].count(entry) == 2
