"""Calls of gateways: whatever comes, who does not prove itself changes nothing, and who does breaks nothing."""

import hashlib
import hmac

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.callbacks import Call, Callbacks, NotBelievedError, UnfinishedError, UnreadableError
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.delivery.gateways import Caller
from engine.documents.adapters import Authentication, Callback, InboundDescription, ReportDescription
from engine.escalation.internal_alerts import OWN
from engine.escalation.item_retry import ItemRetry
from engine.records.alert_repository import NOTIFICATIONS
from tests.unit.support.switchboard import SEKDA, Switchboard

SECRET = "rahasia"
REPORTS = ReportDescription(
    state="s", delivered=("1",), failed=("2",), notification="n", reference="r", each="a"
)
HEARD = InboundDescription(sender="from", text="text", id="id")
WAYS = {
    "field": Authentication(by="field", name="secret"),
    "header": Authentication(by="header", name="X-Secret"),
    "basic": Authentication(by="basic"),
    "hmac": Authentication(by="hmac", name="X-Signature"),
    "stamped": Authentication(by="hmac", name="X-Signature", timestamp="X-Timestamp"),
}
TEXTS = st.one_of(st.sampled_from(["1", "2", "sms", SECRET, "", SEKDA, "\ud800"]), st.text(max_size=20))
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["a", "n", "r", "s", "from", "text", "id", "secret"]), inner, max_size=6
        ),
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    TREES.map(lambda tree: msgspec.json.encode(_writable(tree))),
    st.sampled_from([b'{"secret": "\\ud800"}', b"[" * 5_000, b"secret=%ff", b"\xff" * 9, b'{"a": 1e999}']),
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "authorization", "x-secret", "x-signature", "x-timestamp"]),
    st.one_of(
        st.sampled_from(
            ["application/x-www-form-urlencoded", "application/json", "Basic !", "Basic OnM=", "9" * 30]
        ),
        st.text(alphabet=st.characters(max_codepoint=255), max_size=30),
    ),
)
CALLS = st.builds(
    Call,
    HEADERS,
    st.dictionaries(st.sampled_from(["secret", "n", "s", "from", "text"]), st.text(max_size=12), max_size=4),
    BODIES,
)


def _writable(tree):
    """Leave out what JSON cannot write."""
    if isinstance(tree, str):
        return tree.encode("utf-8", "replace").decode()
    if isinstance(tree, list):
        return [_writable(one) for one in tree]
    return {k: _writable(v) for k, v in tree.items()} if isinstance(tree, dict) else tree


def callbacks(board: Switchboard, secret: str = SECRET) -> Callbacks:
    """The same gateway once for each way of proving itself."""
    callers = {
        name: Caller(Callback(authenticate=way, reports=REPORTS, inbound=HEARD), secret)
        for name, way in WAYS.items()
    }
    dispatcher = board.dispatcher
    return Callbacks(
        callers,
        board.clock,
        reports=dispatcher.reports,
        inbound=board.inbound,
        receipts=dispatcher.receipts,
        setbacks=ItemRetry("callbacks", store=board.store, clock=board.clock, metrics=board.metrics),
    )


def proved(way: str, call: Call, now: int) -> Call:
    """Return the call with the proof of a way."""
    headers, stamp = dict(call.headers), str(now // 1_000)
    match way:
        case "field":
            return call._replace(query={**call.query, "secret": SECRET}, body=b"", headers={})
        case "header":
            headers["x-secret"] = f"Bearer {SECRET}"
        case "basic":
            headers["authorization"] = "Basic c2lhZ2E6cmFoYXNpYQ=="
        case _:
            signed = stamp.encode() + b"." + call.body if way == "stamped" else call.body
            headers["x-signature"] = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            headers["x-timestamp"] = stamp
    return call._replace(headers=headers)


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("way", WAYS)
@given(call=CALLS)
@FUZZ
async def test_without_the_proof_nothing_is_read_nor_kept(way: str, call: Call):
    board = Switchboard()
    other = callbacks(board, secret="lain-sekali")
    for take in (other.report, other.hear):
        with pytest.raises(NotBelievedError):
            await take(way, call)
    assert await board.store.scan("receipts") == {}
    assert await board.store.scan(NOTIFICATIONS) == {}


@pytest.mark.parametrize("way", WAYS)
@given(call=CALLS)
@FUZZ
async def test_with_the_proof_whatever_it_holds_is_dealt_with_or_refused(way: str, call: Call):
    board = Switchboard()
    mine = callbacks(board)
    for take in (mine.report, mine.hear):
        try:
            await take(way, proved(way, call, board.clock.now()))
        except UnreadableError:
            continue
        except NotBelievedError:
            assert way in ("header", "basic")  # a body that cannot be read at all
    assert await board.store.scan(NOTIFICATIONS) == {}


class Allergic:
    """An inbound that raises at one text."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def hear(self, sender: str, text: str, *, gateway_id: str = "") -> None:
        if text == "racun":
            raise KeyError(sender)
        self.heard.append(text)


async def test_one_text_that_raises_leaves_the_others_and_is_brought_again():
    """So is one that cannot be read; ops are told of what raised."""
    board, inbound = Switchboard(), Allergic()
    many = Callback(
        authenticate=WAYS["header"], reports=REPORTS, inbound=msgspec.structs.replace(HEARD, each="a")
    )
    found = Callbacks(
        {"g": Caller(many, SECRET)},
        board.clock,
        reports=board.dispatcher.reports,
        inbound=inbound,
        receipts=board.dispatcher.receipts,
        setbacks=ItemRetry("callbacks", store=board.store, clock=board.clock, metrics=board.metrics),
    )

    def call(*texts: str) -> Call:
        items = [{"from": SEKDA, "text": text} if text else {"text": "tanpa nomor"} for text in texts]
        return Call({"x-secret": SECRET}, {}, msgspec.json.encode({"a": items}))

    with pytest.raises(UnfinishedError):
        await found.hear("g", call("satu", "racun", "dua"))
    with pytest.raises(UnreadableError):
        await found.hear("g", call("tiga", "", "empat"))
    assert inbound.heard == ["satu", "dua", "tiga", "empat"]
    assert list(await board.store.planned(OWN)) == [InternalAlertRequest("dead_letter").member]
    assert board.metrics.registry.get_sample_value("siaga_dead_letters_total", {"of": "item"}) == 1


async def test_a_gateway_without_a_secret_is_believed_by_nobody():
    board = Switchboard()
    for way in WAYS:
        with pytest.raises(NotBelievedError):
            await callbacks(board, secret="").report(way, Call({}, {"secret": ""}, b""))


@pytest.mark.parametrize("seconds", [-301, -299, 0, 299, 301])
async def test_a_timestamp_counts_five_minutes_either_way(seconds: int):
    board = Switchboard()
    call = proved("stamped", Call({}, {}, b'{"a": []}'), board.clock.now() + seconds * 1_000)
    if abs(seconds) > 300:
        with pytest.raises(NotBelievedError):
            await callbacks(board).report("stamped", call)
    else:
        await callbacks(board).report("stamped", call)
