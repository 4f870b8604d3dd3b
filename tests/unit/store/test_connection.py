"""What goes to the server in one packet, and what does not wait for others."""

import asyncio

import pytest

from engine.store.redis.connection import HEAVY, CommandBatcher


class Server:
    """Answers each command with its last word, and remembers packets in order."""

    def __init__(self):
        self.packets = []

    async def execute_command(self, *words):
        self.packets.append([words])
        await asyncio.sleep(0)
        if words[-1] == b"refused" * HEAVY:
            raise ValueError("refused")
        return words[-1]

    def send(self, commands):
        """Take a packet, as the wire does."""
        self.packets.append([words for words, _ in commands])
        for words, answer in commands:
            if words[-1] == "refuse":
                answer.set_exception(ValueError("refused"))
            else:
                answer.set_result(words[-1])
        return True


async def test_what_is_asked_in_one_turn_goes_in_one_packet_and_who_asks_alone_goes_alone():
    server = Server()
    together = CommandBatcher(server, server)
    assert await asyncio.gather(together.ask("GET", "a"), together.ask("GET", "b")) == ["a", "b"]
    assert await together.ask("GET", "c") == "c"
    assert server.packets == [[("GET", "a"), ("GET", "b")], [("GET", "c")]]


async def test_a_heavy_command_is_on_its_way_before_the_next_task_works():
    """Else the server had nothing to do while all requests of one turn are judged, and the door nothing after it."""
    server = Server()
    together = CommandBatcher(server, server)
    sent = []

    async def request(events):
        sent.append(len(server.packets))  # what was sent before this request was looked at
        return await together.ask("EVALSHA", events)

    bodies = [bytes([n]) * HEAVY for n in range(3)]
    assert await asyncio.gather(*map(request, bodies)) == bodies
    assert sent == [0, 1, 2]


async def test_who_asks_a_heavy_command_hears_what_went_wrong_with_it():
    with pytest.raises(ValueError, match="refused"):
        await CommandBatcher(Server(), Server()).ask("EVALSHA", b"refused" * HEAVY)


async def test_several_commands_go_in_one_packet_and_the_first_refusal_is_raised():
    server = Server()
    together = CommandBatcher(server, server)
    assert await together.ask_all([("GET", "a"), ("GET", "b")]) == ["a", "b"]
    assert server.packets == [[("GET", "a"), ("GET", "b")]]
    with pytest.raises(ValueError, match="refused"):
        await together.ask_all([("GET", "a"), ("GET", "refuse"), ("GET", "refuse")])
