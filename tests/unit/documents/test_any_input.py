"""Whatever stands in a file, loading ends with findings, never with an exception."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.documents.directory import COLUMNS, inline_directory, load_directory
from engine.documents.finding import Finding, Findings, UnusableError
from engine.documents.policies import inline_policies, read_policies
from engine.documents.reference_data import ANYTHING, ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import inline_rules, read_rules
from engine.documents.yaml_tree import MappingNode, compose

REGIONS = load_regions(Path("config/regions.csv"))
KNOWN = ReferenceData(
    kinds=frozenset({"neutrality.asn", "conflict.clash"}), regions=REGIONS, policies=frozenset({"a"})
)
EXAMPLE = Path("tests/unit/documents/golden/ten-mistakes.yaml").read_bytes()
SHIPPED = [
    path.read_bytes() for path in (*sorted(Path("rules").glob("*.yaml")), Path("config/policies.yaml"))
]

RULE_KEYS = """
version defaults lists filters rules id title short_title owner why guide level watch per alert_when hold_for clear_when
keep_open_for after_opening tell_again wait_for_late late_horizon effective escalate active like kind region severity
any unless where at_least at_most above below equals in_list matches exists count distinct value every_event within
weight of field one_of event quiet_for from until every growing_to
"""
OTHER_KEYS = """
policies steps to wait channels need inform when repeat times from_step acknowledge grade expires remind quiet hours
levels digest at on_exhausted role person people contacts channel priority away assignments position status valid_from
valid_to deputies deputy roster
"""
VALUE_WORDS = """
a siaga always by_hand no_longer_true neutrality.asn neutrality.* 73.15 73.* 10:00 no ~ 0s 7d 30m -1 0 3 1e9 0x1F
2024-11-26 all never sekda sms email +628110000001 a@b.example metrics.tps ( ((?:a{999}){999})
"""
KEYS = [*RULE_KEYS.split(), *OTHER_KEYS.split()]
WORDS = [
    *KEYS,
    *VALUE_WORDS.split(),
    "2024-11-27 06:00",
    "22:00-05:00 local",
    "2024-11-27T07:00:00+07:00",
    "0001-01-01T00:00:00+09:00",
    "9999-12-31 23:59 WIT",
]
SCALARS = st.sampled_from(WORDS) | st.text(max_size=20) | st.integers().map(str)
VALUES = st.recursive(
    SCALARS | SCALARS.map(lambda word: f"{word!r}"),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=25,
)
BYTES = st.binary(max_size=6) | st.sampled_from(WORDS).map(str.encode)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.integers(0, 40),
        st.binary(max_size=6) | st.sampled_from(WORDS).map(str.encode),
    ),
    min_size=1,
    max_size=6,
)


def load_as_everything(text: bytes) -> list[Finding]:
    """Load one text as each kind of file, and print all there is to say."""
    found = [*read_rules([("x.yaml", text)], KNOWN).findings, *read_rules([("x", text)], ANYTHING).findings]
    findings = Findings()
    node = compose(text, "x.yaml", findings)
    if node is not None:
        found += read_policies(node, Findings(), REGIONS).findings
        for read in (inline_policies, inline_directory):
            try:
                read(node, findings, REGIONS)
            except UnusableError:
                assert findings.errors  # the one exception of the readers; it always leaves a finding
    if isinstance(node, MappingNode):
        found += inline_rules(node).findings
    found += findings
    for finding in found:
        assert finding.format("id")
        assert finding.format("en")
        assert finding.as_json()
        assert finding.line >= 1 <= finding.column
    return found


@given(st.binary(max_size=300))
def test_bytes(text: bytes):
    load_as_everything(text)


@given(VALUES)
def test_any_value_under_any_key(value: str):
    load_as_everything(value.encode(errors="replace"))


@given(st.sampled_from(SHIPPED), CHANGES)
def test_shipped_files_with_accidents(text: bytes, changes: list[tuple[int, int, bytes]]):
    changed = bytearray(text)
    for start, length, put in changes:
        place = start % (len(changed) + 1)
        changed[place : place + length] = put
    load_as_everything(bytes(changed))


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
def test_a_rule_of_any_keys(keys: dict[str, str]):
    lines = "\n    ".join(f"{key}: {value}" for key, value in {"id": "a", **keys}.items())
    load_as_everything(f"version: 1\nrules:\n  - {lines}\n".encode(errors="replace"))


@given(st.text(max_size=200) | st.lists(st.text(max_size=8), max_size=30).map(",".join))
def test_any_table(tmp_path_factory, text: str):
    path = tmp_path_factory.mktemp("table") / "directory.csv"
    path.write_text(",".join(COLUMNS) + "\n" + text, encoding="utf-8", errors="replace")
    assert load_directory(path, REGIONS) is not None


def test_many_mistakes_are_all_found():
    """Findings do not hide each other: of a hundred bad rules each has its finding."""
    rules = "".join(f"  - {{id: r{number}, levl: siaga}}\n" for number in range(100))
    findings = read_rules([("x.yaml", b"version: 1\nrules:\n" + rules.encode())], KNOWN).findings
    assert sum(finding.code == "unknown_key" for finding in findings) == 100
