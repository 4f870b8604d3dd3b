"""Gateways and their descriptions: what they say, and each mistake at its place."""

from pathlib import Path

import pytest

from engine.documents.adapters import load_adapter
from engine.documents.check import inspect
from engine.documents.gateways import load_gateways
from engine.settings import Paths

HOME = Path(__file__).parents[3]
KANNEL = """version: 1
gateways:
  - id: kannel
    channel: sms
    order: 2
    prefixes: ["+62"]
    adapter: kannel.yaml
    url: http://127.0.0.1:13013/
    user: siaga
    password_env: SIAGA_KANNEL_PASSWORD
    callback_env: SIAGA_KANNEL_CALLBACK
    profile: {two_way: true, dlr_trust: low, dlr_timeout: 20m, banned_words: [otp], sender_id: "1500"}
"""
SEND = 'version: 1\nsend: {url: "{url}/kirim", query: {t: "{text}"}}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the shipped descriptions."""
    (tmp_path / "adapters").symlink_to(HOME / "config/adapters")
    return tmp_path


def found(folder: Path, text: str) -> list[tuple[str, int, int]]:
    """The findings of a gateways file."""
    (folder / "gateways.yaml").write_text(text)
    return [(f.code, f.line, f.column) for f in load_gateways(folder / "gateways.yaml").findings]


def described(folder: Path, text: str) -> list[tuple[str, int, int]]:
    """The findings of a description."""
    (folder / "uji.yaml").write_text(text)
    return [(f.code, f.line, f.column) for f in load_adapter(folder / "uji.yaml").findings]


def test_a_gateway_is_read_with_its_description(folder: Path):
    assert found(folder, KANNEL) == []
    (kannel,) = load_gateways(folder / "gateways.yaml").expect()
    assert (kannel.id, kannel.channel, kannel.order, kannel.prefixes) == ("kannel", "sms", 2, ("+62",))
    assert (kannel.url, kannel.password_env) == ("http://127.0.0.1:13013", "SIAGA_KANNEL_PASSWORD")
    profile = kannel.profile
    assert (profile.two_way, profile.dlr_trust, profile.dlr_timeout) == (True, "low", 1_200_000)
    assert (profile.banned_words, profile.sender_id) == (("otp",), "1500")
    assert kannel.adapter.callback.reports.failed == ("2", "16")


def test_what_is_not_written_has_the_defaults_of_the_design(folder: Path):
    text = "version: 1\ngateways: [{id: a, channel: sms, adapter: kannel.yaml, url: http://a, callback_env: A}]\n"
    assert found(folder, text) == []
    profile = load_gateways(folder / "gateways.yaml").expect()[0].profile
    assert (profile.two_way, profile.concat, profile.unicode, profile.url_ok) == (False, False, False, True)
    assert (profile.dlr_trust, profile.dlr_timeout, profile.banned_words) == (None, 600_000, ())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("id: kannel", "id: outbox-sms"), [("id_taken", 3, 9)]),
        (("channel: sms", "channel: faks"), [("not_a_choice", 4, 14)]),
        (("kannel.yaml", "tidakada.yaml"), [("file_unreadable", 1, 1)]),
        (("http://127.0.0.1:13013/", "127.0.0.1"), [("not_an_address", 8, 10)]),
        (("SIAGA_KANNEL_PASSWORD", "A\n    timeout: 2m"), [("timeout_too_long", 11, 14)]),
        (("SIAGA_KANNEL_PASSWORD", "A\n    timeout: 50s"), []),
        (("password_env: SIAGA_KANNEL_PASSWORD", "password: rahasia"), [("secret_in_file", 10, 5)]),
        (("SIAGA_KANNEL_PASSWORD", "rahasia!"), [("not_a_variable", 10, 19)]),
        (("dlr_trust: low", "dlr_trust: tinggi"), [("not_a_choice", 12, 41)]),
        (("two_way: true", "twoway: true"), [("unknown_key", 12, 15)]),
        (("dlr_timeout: 20m", "dlr_timeout: 20"), [("duration_without_unit", 12, 59)]),
        (("two_way: true", "rate: 20"), [("not_a_rate", 12, 21)]),
        (("two_way: true", "rate: 20/s"), []),
        (("    callback_env: SIAGA_KANNEL_CALLBACK\n", ""), [("required", 3, 5)]),
    ],
)
def test_each_mistake_is_found_at_its_place(folder: Path, change, expected):
    assert found(folder, KANNEL.replace(*change)) == expected


@pytest.mark.parametrize(
    ("profile", "entry", "expected"),
    [("", "", None), ("rate: 20/s", "", (20, 1_000)), ("rate: 20/s", "rate: 600/m,", (600, 60_000))],
)
def test_a_rate_stands_in_the_profile_or_beside_it(folder: Path, profile: str, entry: str, expected):
    text = f"version: 1\ngateways: [{{id: a, channel: email, host: a, {entry} profile: {{{profile}}}}}]\n"
    assert found(folder, text) == []
    assert load_gateways(folder / "gateways.yaml").expect()[0].profile.rate == expected


def test_two_gateways_have_two_names(folder: Path):
    assert found(folder, KANNEL + KANNEL.split("gateways:\n")[1]) == [("id_taken", 13, 9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SEND, []),
        (SEND.replace("{text}", "{teks}"), [("unknown_placeholder", 2, 39)]),
        (SEND.replace("query:", "form: {}, json: {}, query:"), [("two_bodies", 2, 38)]),
        (SEND.replace("query:", "accepted: {body: '('}, query:"), [("not_re2", 2, 45)]),
        (SEND.replace("query:", "reference: {body: 'x'}, query:"), [("not_re2", 2, 46)]),
        (
            SEND.replace("query:", "failures: [{status: 9}], query:"),
            [("number_out_of_bounds", 2, 48), ("required", 2, 39)],
        ),
        (SEND + "balance: {url: '{url}/{to}'}\n", [("unknown_placeholder", 3, 16)]),
        (SEND + "callback: {authenticate: {by: field}}\n", [("required", 3, 26)]),
        (
            SEND + "callback: {authenticate: {by: basic}, reports: {state: s, delivered: a, failed: b}}\n",
            [("required", 3, 48)],
        ),
    ],
)
def test_each_mistake_of_a_description_is_found_at_its_place(tmp_path: Path, text: str, expected):
    assert sorted(described(tmp_path, text)) == sorted(expected)


def test_a_secret_is_never_quoted(folder: Path):
    (folder / "gateways.yaml").write_text(KANNEL.replace("SIAGA_KANNEL_PASSWORD", "rahasia!"))
    (finding,) = load_gateways(folder / "gateways.yaml").findings
    assert "rahasia" not in finding.text("id").message + finding.text("en").message


def test_siaga_check_looks_into_gateways_and_descriptions(folder: Path):
    (folder / "gateways.yaml").write_text(KANNEL.replace("channel: sms", "channel: faks"))
    (folder / "uji.yaml").write_text(SEND.replace("{text}", "{teks}"))
    looked = inspect([folder / "gateways.yaml", folder / "uji.yaml"], Paths())
    assert sorted(finding.code for finding in looked.findings) == ["not_a_choice", "unknown_placeholder"]


@pytest.mark.parametrize("name", ["kannel.yaml", "json.yaml"])
def test_the_shipped_descriptions_are_valid(name: str):
    assert load_adapter(HOME / "config/adapters" / name).findings == ()


def test_the_shipped_gateways_file_is_valid_and_its_examples_would_be(folder: Path):
    shipped = (HOME / "config/gateways.yaml").read_text(encoding="utf-8")
    assert found(folder, shipped) == []
    examples = [line[2:] for line in shipped.splitlines() if line.startswith("#   ")]
    assert found(folder, "version: 1\ngateways:\n" + "\n".join(examples)) == []
    assert [g.id for g in load_gateways(folder / "gateways.yaml").expect()] == ["kannel", "surat", "kait"]
