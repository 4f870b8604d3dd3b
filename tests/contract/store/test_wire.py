"""The connection on which commands follow each other: answers in order, refusals apart, and an end that is told."""

import asyncio
from contextlib import suppress

import hiredis
import pytest
from redis import exceptions
from redis.asyncio import Redis

from engine.store.redis.connection import Subscriber, Wire, packed_command


class Server:
    """A server that answers as it is told: each command gets the next answer, None: nothing, and "end" hangs up."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.connections = 0
        self.tasks = []
        self.writers = []
        self.asked = asyncio.Queue()

    async def serve(self, reader, writer):
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        self.writers.append(writer)
        # Cancelled when the test ends; a task that stayed cancelled would raise in the streams of Python 3.11.
        with suppress(asyncio.CancelledError, ConnectionError):
            await self._answer(reader, writer)
        writer.close()
        with suppress(asyncio.CancelledError, ConnectionError):
            await writer.wait_closed()

    async def _answer(self, reader, writer):
        parser = hiredis.Reader()
        while data := await reader.read(65_536):
            parser.feed(data)
            while command := parser.gets():
                if command[0] == b"CLIENT":  # the client introduces itself
                    writer.write(b"+OK\r\n")
                    continue
                self.asked.put_nowait(command)
                answer = self.answers.pop(0) if self.answers else b"+OK\r\n"
                if answer == "end":
                    return
                writer.write(answer or b"")


@pytest.fixture
async def opened():
    """Make wires to servers that answer so."""
    open_ = []

    async def make(*answers, seconds=20.0):
        told = Server(answers)
        server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
        client = Redis(host="127.0.0.1", port=server.sockets[0].getsockname()[1], protocol=2)
        wire = Wire(client, seconds)
        open_.append((told, server, client, wire))
        return told, wire

    yield make
    for told, server, client, wire in open_:
        await wire.close()
        await client.aclose()
        server.close()
        for task in told.tasks:
            task.cancel()
        await asyncio.gather(*told.tasks)


async def ask(wire, *commands):
    """Ask commands in one packet; return answers and errors."""
    answers = [asyncio.get_running_loop().create_future() for _ in commands]
    await wire.ask(list(zip(commands, answers, strict=True)))
    return await asyncio.gather(*answers, return_exceptions=True)


async def test_answers_come_in_order_and_a_refusal_concerns_its_command_alone(opened):
    told, wire = await opened(b"$1\r\na\r\n", b"-NOSCRIPT none\r\n", b":7\r\n")
    first, refused, third = await ask(wire, ("GET", "a"), ("EVALSHA", "x", 0), ("INCR", "c"))
    assert (first, type(refused), third) == (b"a", exceptions.NoScriptError, 7)
    assert (await ask(wire, ("GET", "b")), told.connections) == ([b"OK"], 1)


async def test_what_an_answer_means_the_client_knows(opened):
    _, wire = await opened(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n")
    assert await ask(wire, ("HGETALL", "t")) == [{b"a": b"b"}]


async def test_an_end_is_told_to_all_who_wait_and_the_next_makes_a_new_connection(opened):
    told, wire = await opened(b"+one\r\n", "end")
    one, *others = await ask(wire, ("GET", "a"), ("GET", "b"), ("GET", "c"))
    assert one == b"one"
    assert [type(other) for other in others] == [exceptions.ConnectionError] * 2
    assert (await ask(wire, ("GET", "d")), told.connections) == ([b"OK"], 2)


async def test_an_answer_that_stays_away_ends_the_connection(opened):
    told, wire = await opened(None, seconds=0.05)
    assert [type(found) for found in await ask(wire, ("GET", "a"))] == [exceptions.TimeoutError]
    assert (await ask(wire, ("GET", "b")), told.connections) == ([b"OK"], 2)


async def test_a_primary_that_only_reads_now_is_left(opened):
    told, wire = await opened(b"-READONLY You can't write against a read only replica.\r\n")
    assert [type(found) for found in await ask(wire, ("SET", "a", 1))] == [exceptions.ConnectionError]
    assert (await ask(wire, ("SET", "a", 1)), told.connections) == ([True], 2)


async def test_who_gave_up_waiting_does_not_shift_the_answers_of_the_others(opened):
    _, wire = await opened(b"+one\r\n", b"+two\r\n")
    loop = asyncio.get_running_loop()
    one, two = loop.create_future(), loop.create_future()
    await wire.ask([(("GET", "a"), one), (("GET", "b"), two)])
    one.cancel()
    assert await two == b"two"


async def test_where_nobody_listens_that_is_raised_to_each(opened):
    _, wire = await opened()
    wire._client.connection_pool.connection_kwargs["port"] = 1
    found = await asyncio.gather(*(ask(wire, ("GET", "a")) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, exceptions.ConnectionError) for one in found)


def test_words_are_packed_as_the_server_reads_them():
    assert (
        packed_command(("CONFIG GET", b"a\r\n", 12))
        == b"*4\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n$2\r\n12\r\n"
    )
    assert packed_command(("GET", "é")) == "*2\r\n$3\r\nGET\r\n$2\r\né\r\n".encode()


async def test_an_answer_that_comes_after_its_connection_was_given_up_answers_nobody(opened):
    """What was under way in this process when the connection was given up: another question would get it."""
    told, wire = await opened(None, None)
    first = asyncio.create_task(ask(wire, ("GET", "a")))
    await told.asked.get()
    line = wire._line
    line.end(exceptions.ConnectionError("left"))
    assert [type(found) for found in await first] == [exceptions.ConnectionError]
    second = asyncio.create_task(ask(wire, ("GET", "b")))
    await told.asked.get()
    line.data_received(b"+late\r\n")
    assert not second.done()
    told.writers[1].write(b"+two\r\n")
    assert await second == [b"two"]


async def test_an_answer_that_nobody_asked_for_ends_the_connection(opened):
    told, wire = await opened(b"+one\r\n+more\r\n", b"+two\r\n")
    assert await ask(wire, ("GET", "a")) == [b"one"]
    assert (await ask(wire, ("GET", "b")), told.connections) == ([b"two"], 2)


async def test_who_hears_is_told_of_subscriptions_and_messages_until_the_connection_ends(opened):
    subscribed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    told, wire = await opened(subscribed)
    connection = wire._client.connection_pool.make_connection()
    await connection.connect()
    heard = asyncio.Queue()
    ear = Subscriber(connection, ["a", "b"], heard.put_nowait)
    assert await told.asked.get() == [b"SUBSCRIBE", b"a", b"b"]
    assert [await heard.get(), await heard.get()] == ["a", "b"]
    told.writers[0].write(b"*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$0\r\n\r\n")
    assert await heard.get() == "b"
    told.writers[0].close()
    with pytest.raises(exceptions.ConnectionError):
        await ear.over


async def test_who_may_not_hear_is_told_so(opened):
    _, wire = await opened(b"-NOPERM no\r\n")
    connection = wire._client.connection_pool.make_connection()
    await connection.connect()
    ear = Subscriber(connection, ["a"], lambda channel: None)
    with pytest.raises(exceptions.NoPermissionError):
        await ear.over
