"""`siaga send` against the service itself, and against a server that answers as bad days do."""

import asyncio
import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from engine import cli
from engine.app import open_siaga
from engine.cli.send import AMISS, KEPT, TOKEN
from engine.clock import WallClock
from engine.core.judging.instant import HOUR, format_instant, local
from engine.documents.sheets.sheet import read_sheet
from engine.settings import load
from engine.store.memory import MemoryStore
from engine.web.server import serving
from tests.credentials import OPERATOR
from tests.unit.documents.workbook import filled

ROOT = Path(__file__).parents[3]
CONFIG = str(ROOT / "config/siaga.yaml")
AGO = WallClock().now() // HOUR * HOUR - HOUR
"""An hour ago or a little more, on the hour."""
NO_TOKEN = "siaga_x_y"
EVENT = {
    "id": "E1",
    "kind": "disaster.flood",
    "severity": 2,
    "region": "73.15",
    "occurred_at": format_instant(AGO, "WITA"),
    "source": {"desk": "73.15", "channel": "desk"},
}


@pytest.fixture
def siaga_send(tmp_path, capsys, monkeypatch):
    """Run the command with a spool of its own; gives the exit code, what it printed, and its remarks."""

    def run(*arguments: object, token: str = NO_TOKEN) -> tuple[int, str, str]:
        monkeypatch.setenv(TOKEN, token)
        options = ("--config", CONFIG, "--spool", str(tmp_path / "spool"), "--patience", "0")
        with pytest.raises(SystemExit) as ended:
            cli.main(["send", *map(str, arguments), *options])
        printed = capsys.readouterr()
        assert token not in printed.out + printed.err
        return ended.value.code, printed.out, printed.err

    return run


def spooled(tmp_path) -> list[bytes]:
    return [
        line
        for file in sorted((tmp_path / "spool").glob("*.ndjson"))
        for line in file.read_bytes().splitlines()
    ]


@pytest.fixture
def lines_file(tmp_path) -> Path:
    file = tmp_path / "laporan.ndjson"
    file.write_text("".join(json.dumps(EVENT | {"id": f"E{n}"}) + "\n" for n in range(3)))
    return file


# --- the service itself ------------------------------------------------------------------------------------------


@pytest.fixture
def against_siaga(tmp_path):
    """Run work in a thread while a service listens, with its address and a token: for any desk of Sulawesi Selatan."""

    def run(work, region: str = "73", desks: tuple[str, ...] = ("*",)) -> object:
        async def serve():
            overrides = [f"paths.var={tmp_path}/var", "http.port=0", "log.level=error"]
            async with AsyncExitStack() as stack:
                siaga = await open_siaga(load(Path(CONFIG), overrides=overrides), stack, store=MemoryStore())
                token = await siaga.tokens.create(("submit",), region, desks=desks, by=OPERATOR)
                url = await stack.enter_async_context(serving(siaga))
                return await asyncio.to_thread(work, url, token.text)

        return asyncio.run(serve())

    return run


def test_lines_are_taken_in_and_a_second_time_known(against_siaga, siaga_send, lines_file, tmp_path):
    def work(url, token):
        first = siaga_send(lines_file, "--url", url, token=token)
        return first, siaga_send(lines_file, "--url", url, token=token)

    first, second = against_siaga(work)
    assert first[:2] == (
        0,
        "3 diterima, 0 sudah pernah masuk, 0 ditahan untuk diperiksa, 0 ditolak, 0 perlu diperbaiki.\n",
    )
    assert second[:2] == (
        0,
        "0 diterima, 3 sudah pernah masuk, 0 ditahan untuk diperiksa, 0 ditolak, 0 perlu diperbaiki.\n",
    )
    assert spooled(tmp_path) == []


def test_each_line_that_was_not_taken_in_is_named_and_nothing_is_lost(against_siaga, siaga_send, tmp_path):
    file = tmp_path / "laporan.ndjson"
    bad = EVENT | {"id": "E2", "severity": 9}, EVENT | {"id": "E3", "region": "33"}
    file.write_text("\n".join([json.dumps(EVENT), json.dumps(bad[0]), json.dumps(bad[1]), "{nothing"]))
    code, out, err = against_siaga(
        lambda url, token: siaga_send(file, "--url", url, "--lang", "en", token=token)
    )
    assert code == AMISS
    assert out.splitlines()[0].startswith("row 2: kept aside for somebody to look at (")
    assert "Tingkat: the number is out of range -> check it" in out
    assert "row 3: refused: Daerah: this region lies outside of yours" in out
    assert "row 4: refused: is not JSON -> check quotes and brackets" in out
    assert out.endswith("1 accepted, 0 came before, 1 kept aside, 2 refused, 0 to correct.\n")
    (kept,) = (tmp_path / "spool/refused").iterdir()
    assert str(kept) in err
    assert [json.loads(line)["event"] for line in kept.read_text().splitlines()] == [
        json.dumps(bad[1], separators=(",", ":")),
        "{nothing",
    ]


def test_a_sheet_goes_row_by_row_and_what_is_to_be_corrected_comes_back(against_siaga, siaga_send, tmp_path):
    file, day = tmp_path / "laporan.xlsx", f"{local(AGO, 'WITA'):%d/%m/%Y}"
    head = ["Daerah", "Tanggal", "Jam", "Jenis", "Tingkat", "TPS"]
    clock = f"{local(AGO, 'WITA'):%H.%M}"
    good, bad = (
        ["Kab. Pinrang", day, clock, "Banjir", "waspada", 3],
        [73.15, day, clock, "bnjir", "waspada", "tiga"],
    )
    file.write_bytes(filled([head, good, bad]))

    def work(url, token):
        first = siaga_send(file, "--url", url, "--desk", "73", token=token)
        handed_back = tmp_path / "laporan.perbaiki.csv"
        corrected = handed_back.read_bytes().replace(b"bnjir", b"banjir").replace(b"tiga", b"3")
        (tmp_path / "lagi.csv").write_bytes(corrected)
        second = siaga_send(tmp_path / "lagi.csv", "--url", url, "--desk", "73", token=token)
        return first, second, read_sheet(handed_back.read_bytes())

    first, second, handed_back = against_siaga(work)
    assert first[0] == AMISS
    assert first[1].splitlines() == [
        "baris 3: belum dikirim: Jenis: `bnjir` tidak dikenal -> mungkin maksud Anda `banjir`?",
        "baris 3: belum dikirim: TPS: `tiga` bukan angka -> tulis angka saja, mis. 12 atau 68,16",
        "1 diterima, 0 sudah pernah masuk, 0 ditahan untuk diperiksa, 0 ditolak, 1 perlu diperbaiki.",
    ]
    assert handed_back.headings == (*head, "Perbaikan")
    assert second[0] == 0
    assert second[1].startswith(
        "0 diterima, 1 sudah pernah masuk"
    )  # corrected, it is the row that went in already


def test_one_event_by_words_and_a_sign_of_life(against_siaga, siaga_send):
    def work(url, token):
        one = (
            "--region",
            "Kab. Pinrang",
            "--kind",
            "banjir",
            "--severity",
            "waspada",
            "--field",
            "metrics.tps=3",
        )
        return siaga_send(*one, "--url", url, token=token), siaga_send(
            "--nihil", "--region", "73.15", "--url", url, token=token
        )

    one, nihil = against_siaga(work)
    assert (one[0], nihil[0]) == (0, 0)
    assert one[1].startswith("1 diterima")
    assert nihil[1].startswith("1 diterima")


SHEET = ("Daerah", "Tanggal", "Jam", "Jenis", "Tingkat")
OF_REGENCY = ("73.15", ())
"""The region of a token, and no desk named: it reports for the desk of that regency."""


def rows(*places: tuple[str, ...], head: tuple[str, ...] = SHEET) -> bytes:
    """A sheet with a flood at each place; what follows the place are cells of further columns."""
    at = local(AGO, "WITA")
    what = (f"{at:%d/%m/%Y}", f"{at:%H.%M}", "Banjir", "waspada")
    lines = [head, *((place, *what, *more) for place, *more in places)]
    return "\n".join(";".join(line) for line in lines).encode()


def test_rows_of_districts_report_for_the_desk_of_the_regencys_token(against_siaga, siaga_send, tmp_path):
    """A district has no desk of its own: its rows were refused, since each named its region as its desk."""
    file = tmp_path / "laporan.csv"
    file.write_bytes(rows(("73.15.01",), ("73.15.02",)))
    one = ("--region", "73.15.03", "--kind", "banjir", "--severity", "waspada")

    def work(url, token):
        return siaga_send(file, "--url", url, token=token), siaga_send(*one, "--url", url, token=token)

    sheet, word = against_siaga(work, *OF_REGENCY)
    assert sheet[:2] == (
        0,
        "2 diterima, 0 sudah pernah masuk, 0 ditahan untuk diperiksa, 0 ditolak, 0 perlu diperbaiki.\n",
    )
    assert word[0] == 0


def test_a_row_in_the_name_of_another_desk_is_named_before_anything_is_sent(
    against_siaga, siaga_send, tmp_path
):
    file = tmp_path / "laporan.csv"
    head = (*SHEET, "Desk")
    file.write_bytes(rows(("73.15.01", ""), ("73.15.02", "73.16"), ("73.15.02", "73.15"), head=head))
    code, out, _ = against_siaga(
        lambda url, token: siaga_send(file, "--url", url, "--lang", "en", token=token), *OF_REGENCY
    )
    assert code == AMISS
    assert out.splitlines() == [
        "row 3: not sent: Desk: this desk is not yours -> write the name of your own desk, or leave it empty",
        "2 accepted, 0 came before, 0 kept aside, 0 refused, 1 to correct.",
    ]


def test_a_token_with_names_of_its_own_reports_by_its_first_one(against_siaga, siaga_send, tmp_path):
    file = tmp_path / "laporan.csv"
    file.write_bytes(rows(("73.15.01",)))
    code, out, _ = against_siaga(
        lambda url, token: siaga_send(file, "--url", url, token=token), "73", ("hotline", "73.15")
    )
    assert (code, out.split(",")[0]) == (0, "1 diterima")


def test_a_token_for_any_desk_reports_for_the_region_of_each_row(against_siaga, siaga_send, tmp_path):
    file = tmp_path / "laporan.csv"
    file.write_bytes(rows(("73.15",), ("73.16",)))
    code, out, _ = against_siaga(lambda url, token: siaga_send(file, "--url", url, token=token))
    assert (code, out.split(",")[0]) == (0, "2 diterima")


def test_while_the_service_is_away_rows_wait_in_the_spool_for_their_region(siaga_send, tmp_path):
    """Law: docs/specification/trust.md#desk-of-a-spool."""
    file = tmp_path / "laporan.csv"
    file.write_bytes(rows(("73.15",)))
    code, _, err = siaga_send(file, "--url", "http://127.0.0.1:9")
    assert code == KEPT
    assert "Desk token ini belum diketahui" in err
    (kept,) = spooled(tmp_path)
    assert json.loads(kept)["source"]["desk"] == "73.15"


def test_a_token_of_another_region_or_right_keeps_all_in_the_spool(
    against_siaga, siaga_send, lines_file, tmp_path
):
    code, _, err = against_siaga(lambda url, token: siaga_send(lines_file, "--url", url, token=f"{token}x"))
    assert code == AMISS
    assert "the service refuses this token (401)" in err
    assert len(spooled(tmp_path)) == 3


# --- bad days ----------------------------------------------------------------------------------------------------


@contextmanager
def answering(*answers):
    """A server that gives these answers (status, headers, body), the last one for good; gives address and bodies."""
    bodies: list[bytes] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = answers[min(len(bodies), len(answers) - 1)]
            bodies.append(body)
            text = answer(body) if callable(answer) else answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def taken(body: bytes) -> bytes:
    return json.dumps(
        {"accepted": len(body.splitlines()), "duplicate": 0, "quarantined": [], "rejected": []}
    ).encode()


def test_what_finds_nobody_waits_for_the_next_flush(siaga_send, lines_file, tmp_path):
    code, out, err = siaga_send(lines_file, "--url", "http://127.0.0.1:9")
    assert (code, len(spooled(tmp_path))) == (KEPT, 3)
    assert "Belum semua terkirim" in err
    assert out.startswith("0 diterima")
    with answering((202, {}, taken)) as (url, bodies):
        assert siaga_send("--flush", "--url", url)[0] == 0
    assert (len(bodies[0].splitlines()), spooled(tmp_path)) == (3, [])
    assert siaga_send("--flush", "--url", "http://127.0.0.1:9")[0] == 0  # nothing waits


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_an_answer_that_passes_keeps_it(status: int, siaga_send, lines_file, tmp_path):
    with answering((status, {"Retry-After": "9"}, b"")) as (url, _):
        assert siaga_send(lines_file, "--url", url)[0] == KEPT
    assert len(spooled(tmp_path)) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>welcome</html>"),
        (302, b""),
        (404, b""),
        (202, b"no json"),
        (202, b'{"accepted": 2}'),
        (202, b'{"accepted": 2, "rejected": [{"index": 7, "reason": "x"}]}'),
        (422, b"{}"),
    ],
)
def test_an_answer_that_is_none_of_a_siaga_takes_nothing_off(
    status: int, body: bytes, siaga_send, lines_file, tmp_path
):
    with answering((status, {"Location": "http://127.0.0.1:9/"}, body)) as (url, bodies):
        assert siaga_send(lines_file, "--url", url)[0] == AMISS
    assert (len(bodies), len(spooled(tmp_path))) == (1, 3)


def test_what_is_too_large_goes_in_parts(siaga_send, lines_file, tmp_path):
    with answering((413, {}, b""), (413, {}, b""), (202, {}, taken)) as (url, bodies):
        assert siaga_send(lines_file, "--url", url)[:2] == (
            0,
            "3 diterima, 0 sudah pernah masuk, 0 ditahan untuk diperiksa, 0 ditolak, 0 perlu diperbaiki.\n",
        )
    assert [len(body.splitlines()) for body in bodies] == [3, 2, 1, 1, 1]
    assert spooled(tmp_path) == []


def test_killed_after_the_service_took_it_the_next_flush_sends_the_same_again(
    siaga_send, lines_file, tmp_path
):
    """Nobody knows then that it was taken; the ids are the same, so the service counts duplicates."""
    options = ("--config", CONFIG, "--spool", str(tmp_path / "spool"))
    environment = os.environ | {TOKEN: NO_TOKEN, "PYTHONPATH": str(ROOT)}
    killed: list[subprocess.Popen[bytes]] = []

    def take_and_kill(body: bytes) -> bytes:
        killed[0].kill()
        return taken(body)

    with answering((202, {}, take_and_kill), (202, {}, taken)) as (url, bodies):
        command = [sys.executable, "-m", "engine.cli", "send", str(lines_file), "--url", url, *options]
        with (
            contextlib.suppress(ConnectionError),
            subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as sender,
        ):
            killed.append(sender)
        assert sender.returncode == -signal.SIGKILL
        assert siaga_send("--flush", "--url", url)[0] == 0
    assert bodies[0] == bodies[1]
    assert spooled(tmp_path) == []


def test_a_dry_run_sends_and_keeps_nothing(siaga_send, tmp_path):
    file = tmp_path / "laporan.ndjson"
    file.write_text("\n".join(json.dumps(EVENT | {"severity": severity}) for severity in (2, 7)))
    code, out, _ = siaga_send(file, "--dry-run", "--url", "http://127.0.0.1:9")
    assert code == AMISS
    assert out.splitlines() == [
        "baris 2: belum dikirim: Tingkat: angkanya di luar batas -> periksa angkanya",
        "Diperiksa saja: 1 laporan dapat dikirim, 1 perlu diperbaiki. Tidak ada yang dikirim.",
    ]
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--flush", "x.csv"),
        ("--nihil",),
        ("--region", "73.15"),
        ("--field", "a", "--region", "73"),
        ("nowhere.csv",),
    ],
)
def test_wrong_usage_is_2(arguments, siaga_send, tmp_path):
    code, _, err = siaga_send(*arguments)
    assert (code, err[:7]) == (cli.FAILED if "nowhere.csv" in arguments else cli.WRONG, "siaga: ")
    assert not (tmp_path / "spool").exists()


def test_a_file_that_is_no_sheet_is_wrong_usage_and_says_why(siaga_send, tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    code, _, err = siaga_send(tmp_path / "a.xlsx")
    assert code == cli.WRONG
    assert "tidak dapat dibaca sebagai CSV atau XLSX" in err


def test_the_token_may_lie_in_a_file(siaga_send, lines_file, tmp_path):
    (tmp_path / "token").write_text("siaga_a_b\n")
    with answering((202, {}, taken)) as (url, _):
        assert siaga_send(lines_file, "--url", url, "--token-file", tmp_path / "token")[0] == 0
    (tmp_path / "token").write_text("")
    assert siaga_send(lines_file, "--token-file", tmp_path / "token")[0] == cli.WRONG
