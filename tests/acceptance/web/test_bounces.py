"""A mail comes back: by the API and by the pipe of a mail server."""

import asyncio
import os
import sys
from pathlib import Path

from engine.answers.bounces import READ_BYTES
from engine.cli.bounce import TRY_AGAIN
from engine.texts.answer_link_token import signed_name
from engine.web.server import serving
from tests.acceptance.web.conftest import Api
from tests.unit.support.returned import VACATION, postfix

ROOT = Path(__file__).parents[3]
PATH = "/v1/inbound/bounce"


async def mailed(api: Api) -> tuple[str, str]:
    """Open an alert; return its id and the sealed name of an e-mail that asks somebody to act."""
    alert_id = await api.open_alert()
    case = await api.siaga.desk.case(alert_id)
    asked = next(n for n in case.notifications.values() if n.channel == "email" and not n.informing)
    assert asked.state == "sent"
    name = signed_name(api._key, asked.id)
    assert asked.rendered.reference.startswith(f"<{name}@")
    return alert_id, name


async def state(api: Api, alert_id: str, name: str) -> tuple[str, str]:
    case = await api.siaga.desk.case(alert_id)
    bounced = case.notifications[name.partition(".")[0]]
    return bounced.state, bounced.reason


async def bring(api: Api, mail: bytes, headers: dict[str, str]) -> int:
    answer = await api.client.post(PATH, content=mail, headers=headers)
    assert answer.status_code != 204 or answer.content == b""
    return answer.status_code


async def test_a_bounce_marks_its_message_failed_once(api: Api):
    """Here both contacts had the message at once: none is left to fall back to. Brought again it says nothing."""
    alert_id, name = await mailed(api)
    headers = await api.bearer("inbound")
    assert await bring(api, postfix(name), headers) == 204
    assert await state(api, alert_id, name) == ("failed", "bounced")
    assert await bring(api, postfix(name), headers) == 204
    scrape = (await api.siaga.exposition()).decode()
    assert 'siaga_bounces_total{result="failed"} 1.0' in scrape
    assert 'siaga_bounces_total{result="settled"} 1.0' in scrape


async def test_whatever_comes_is_dealt_with_and_nothing_is_said(api: Api):
    """No bounce, somebody else's, nothing at all."""
    alert_id, name = await mailed(api)
    headers = await api.bearer("inbound")
    for mail in (b"", VACATION.format(name=name).encode(), postfix(name[:-1]), b"\xff" * 1_000):
        assert await bring(api, mail, headers) == 204
    assert await state(api, alert_id, name) == ("sent", "")


async def test_only_a_pipe_with_the_right_may_bring_mail(api: Api):
    """A desk's token may not, nor may nobody, nor one of a region."""
    alert_id, name = await mailed(api)
    assert await bring(api, postfix(name), {}) == 401
    assert await bring(api, postfix(name), await api.bearer("submit", "operate")) == 403
    assert await bring(api, postfix(name), await api.bearer("inbound", region="94.02")) == 403
    assert await bring(api, b"a" * (READ_BYTES + 1), await api.bearer("inbound")) == 413
    assert await state(api, alert_id, name) == ("sent", "")


async def pipe(url: str, token: str, mail: bytes, tmp_path: Path) -> tuple[int, str]:
    """Run `siaga bounce` as a mail server does; return its exit code and what it said."""
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.cli", "bounce", "--url", url, "--token-file", file),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    _, said = await running.communicate(mail)
    return running.returncode, said.decode()


async def test_the_pipe_brings_a_mail_of_any_length(api: Api, tmp_path):
    """A real process at a real socket; what comes after the report is cut off."""
    alert_id, name = await mailed(api)
    token = (await api.bearer("inbound"))["Authorization"].removeprefix("Bearer ")
    async with serving(api.siaga) as address:
        assert await pipe(address, token, postfix(name) + b"x" * 3 * READ_BYTES, tmp_path) == (0, "")
    assert await state(api, alert_id, name) == ("failed", "bounced")


async def test_what_the_service_did_not_take_the_mail_server_keeps(api: Api, tmp_path):
    """A wrong token, a service that is down, no token at all: the exit code says try again, and what is wrong."""
    async with serving(api.siaga) as address:
        refused = await pipe(address, "siaga_salah_kunci", postfix("a.b"), tmp_path)
    gone = await pipe(address, "siaga_salah_kunci", postfix("a.b"), tmp_path)
    nobody = await pipe(address, "", postfix("a.b"), tmp_path)
    assert {code for code, _ in (refused, gone, nobody)} == {TRY_AGAIN}
    said = ("answered 401", "does not answer", "there is no token")
    assert [words in text for words, (_, text) in zip(said, (refused, gone, nobody), strict=True)] == [
        True
    ] * 3
