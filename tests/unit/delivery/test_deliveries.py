"""Deliveries: what a stop leaves behind."""

import asyncio

from engine.delivery.deliveries import Deliveries, Delivery, SendSlots


async def test_a_stop_lets_what_is_under_way_end():
    """A gateway that answers in a moment is heard: its message does not go again after the next start."""
    answered, ended = asyncio.Event(), []

    async def delivery() -> None:
        await answered.wait()
        ended.append("sent")

    deliveries = Deliveries(SendSlots({}), patience=60)
    deliveries.start(Delivery("", delivery()))
    closing = asyncio.create_task(deliveries.close())
    await asyncio.sleep(0)
    answered.set()
    await closing
    assert ended == ["sent"]


async def test_a_stop_does_not_wait_for_a_gateway_that_hangs():
    """It is given up, and goes again after the next start."""
    ended = []

    async def delivery() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("given up")

    deliveries = Deliveries(SendSlots({}), patience=0.001)
    deliveries.start(Delivery("", delivery()))
    await deliveries.close()
    assert ended == ["given up"]
