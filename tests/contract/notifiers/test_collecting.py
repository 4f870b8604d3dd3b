"""The collecting gateway behaves as it is told, towards everybody or one address."""

import msgspec
import pytest

from notifiers.base import DeliveryError, Message
from notifiers.collecting import Collecting, CollectingSettings

MESSAGE = Message(id="a", channel="sms", to="+628110000001", text="SIAGA: dugaan")
OTHER = msgspec.structs.replace(MESSAGE, to="+628110000002")


@pytest.mark.parametrize(
    ("state", "reason", "transient"),
    [
        ("down", "refused_connection", True),
        ("slow", "timeout", True),
        ("refuses", "recipient_refused", False),
    ],
)
async def test_a_state_is_the_failure_it_stands_for(state, reason, transient):
    """And nothing is kept; `up` ends it."""
    gateway = Collecting(CollectingSettings(channel="sms"))
    gateway.become(state)
    with pytest.raises(DeliveryError) as failed:
        await gateway.send(MESSAGE)
    assert (failed.value.reason, failed.value.transient) == (reason, transient)
    assert gateway.accepted == []
    gateway.become("up")
    await gateway.send(MESSAGE)
    assert gateway.accepted == [MESSAGE]


async def test_one_address_may_be_apart():
    """Others are served meanwhile; `up` for all ends that too."""
    gateway = Collecting(CollectingSettings(channel="sms"))
    gateway.become("refuses", MESSAGE.to)
    await gateway.send(OTHER)
    with pytest.raises(DeliveryError):
        await gateway.send(MESSAGE)
    gateway.become("up")
    await gateway.send(MESSAGE)
    assert [message.to for message in gateway.accepted] == [OTHER.to, MESSAGE.to]
