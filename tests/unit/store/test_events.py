"""The archive: what was written is read, what was done to it since is found, an interrupted write is cut off."""

import gzip
import hashlib
import json
import shutil

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY, HOUR
from engine.store.archive.day_file import FIRST, ChainPosition, Damage, DamagedError, pack_block, read_blocks
from engine.store.archive.events import LOCK, Archive
from engine.store.port import START, Entry

NOON = 1_732_665_600_000 + 12 * HOUR  # 2024-11-27 12:00 UTC


def entry(number: int, *, at: int = NOON, events: int = 2, type_: str = "events") -> Entry:
    values = tuple(b'{"id":"%d-%d","kind":"synthetic"}' % (number, n) for n in range(events))
    return Entry(
        f"{at}-{number}", type_, at, values if type_ == "events" else (b'{"since":1,\n"until":2}',), True
    )


ENTRIES = [
    *(entry(n) for n in range(3)),
    entry(3, type_="gap"),
    entry(4, at=NOON + DAY),
    entry(5, at=NOON + DAY, events=1),
    entry(0, at=NOON + 3 * DAY),
]


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path / "archive", "uji")
    assert made.take(ChainPosition())
    yield made
    made.release()


def written(archive: Archive, *, at_once: int = 2) -> Archive:
    for start in range(0, len(ENTRIES), at_once):
        archive.append(ENTRIES[start : start + at_once])
    return archive


def again(archive: Archive, told: ChainPosition) -> Archive:
    """The same folder, as a process that starts finds it."""
    archive.release()
    other = Archive(archive.folder, "uji")
    assert other.take(told)
    return other


def test_what_was_written_is_read_in_order(archive):
    written(archive)
    assert list(archive.entries()) == ENTRIES
    assert [e.position for e in archive.entries(ENTRIES[2].position)] == [e.position for e in ENTRIES[3:]]
    assert list(archive.entries(ENTRIES[-1].position)) == []
    assert archive.at([ENTRIES[5].position, ENTRIES[1].position, "7-7"]) == {
        e.position: e for e in (ENTRIES[1], ENTRIES[5])
    }


def test_nothing_is_an_archive_too(tmp_path):
    empty = Archive(tmp_path / "none", "uji")
    assert (list(empty.entries()), empty.at(["7-7"]), empty.span()) == (
        [],
        {},
        (ChainPosition(), ChainPosition()),
    )
    assert msgspec.structs.astuple(empty.verify()) == (0, 0, 0, ChainPosition(), ())
    assert not empty.folder.exists()


def test_a_day_has_a_file_that_other_tools_read_and_check(archive):
    """Days are those of UTC. The chain goes on from one file to the next."""
    written(archive)
    files = sorted(path.name for path in archive.folder.glob("*.gz"))
    assert files == ["2024-11-27.jsonl.gz", "2024-11-28.jsonl.gz", "2024-11-30.jsonl.gz"]
    chain, entries = FIRST, 0
    for name in files:
        lines = gzip.decompress((archive.folder / name).read_bytes()).decode().splitlines()
        assert json.loads(lines[0])["after"] == chain
        for line in lines:
            rest = "{" + line[len('{"chain":""') + 64 + 1 :]
            chain = hashlib.sha256((chain + rest).encode()).hexdigest()
            assert json.loads(line)["chain"] == chain
        entries += len(lines) - 1
    assert (entries, chain) == (len(ENTRIES), archive.link.chain)


@given(cuts=st.sets(st.integers(1, len(ENTRIES) - 1)))
def test_the_chain_does_not_depend_on_the_appends(tmp_path_factory, cuts):
    """However entries were cut into appends, and whoever wrote them."""
    archive = Archive(tmp_path_factory.mktemp("archive"), "uji")
    archive.take(ChainPosition())
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(ENTRIES)], strict=True):
        archive = again(archive, ChainPosition())
        archive.append(ENTRIES[start:end])
    archive.release()
    assert archive.link == _whole()
    assert archive.verify().damages == ()


def _whole() -> ChainPosition:
    from engine.store.archive.day_file import entry_line, head_line

    link, days = ChainPosition(), {}
    for one in ENTRIES:
        day = {NOON: "2024-11-27", NOON + DAY: "2024-11-28", NOON + 3 * DAY: "2024-11-30"}[one.received_at]
        if day not in days:
            _, link = days[day] = head_line(day, "uji", link)
        _, link = entry_line(one, link)
    return link


# --- what was done to it ---


def lines_of(path) -> list[bytes]:
    with path.open("rb") as file:
        return [line + b"\n" for block in read_blocks(file) for line in block.text.split(b"\n")[:-1]]


@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found(tmp_path_factory, data):
    """In a head, a body or a tail of a block, in any file."""
    archive = Archive(tmp_path_factory.mktemp("archive"), "uji")
    archive.take(ChainPosition())
    told = written(archive).link
    archive.release()
    path = data.draw(st.sampled_from(sorted(archive.folder.glob("*.gz"))))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    for damages in (archive.verify().damages, archive.verify(told).damages):
        assert path.name in {damage.file for damage in damages}


@pytest.mark.parametrize("change", ["removed", "put in", "changed", "swapped"])
@pytest.mark.parametrize("file", ["2024-11-27", "2024-11-28"])
def test_a_line_removed_put_in_changed_or_swapped_is_found(archive, file, change):
    """Also where the compression was done anew and is as it should be (docs/specification/rules.md#archive)."""
    written(archive).release()
    path = archive.folder / f"{file}.jsonl.gz"
    lines = lines_of(path)
    if change == "removed":
        del lines[1]
    elif change == "put in":
        lines.insert(2, lines[1])
    elif change == "changed":
        lines[1] = lines[1].replace(b"synthetic", b"Synthetic")
    else:
        lines[1:3] = reversed(lines[1:3])
    path.write_bytes(pack_block(lines))
    found = archive.verify().damages
    assert found == (Damage(path.name, 2 if change == "put in" else 1, "chain"),)
    with pytest.raises(DamagedError, match=r"2024-11-2[78]\.jsonl\.gz, line"):
        list(archive.entries())


@pytest.mark.parametrize("name", ["2024-11-27", "2024-11-28"])
def test_a_day_that_is_gone_is_found(archive, name):
    written(archive).release()
    (archive.folder / f"{name}.jsonl.gz").unlink()
    assert [damage.kind for damage in archive.verify().damages] == ["missing"]


def test_lines_gone_from_the_end_are_found_by_what_the_store_says(archive):
    """Of a day that is over the next file tells; of the last one only the store does."""
    told = written(archive).link
    archive.release()
    path = archive.folder / "2024-11-27.jsonl.gz"
    path.write_bytes(pack_block(lines_of(path)[:-1]))
    assert archive.verify().damages == (Damage("2024-11-28.jsonl.gz", 0, "missing"),)
    path = archive.folder / "2024-11-30.jsonl.gz"
    path.unlink()
    assert archive.verify(told).damages[-1] == Damage("2024-11-28.jsonl.gz", 3, "end")


def test_another_namespace_is_another_archive(archive):
    written(archive).release()
    found = Archive(archive.folder, "lain").verify().damages
    assert [damage.kind for damage in found] == ["missing"] * 3


# --- interrupted writes ---


@given(data=st.data())
def test_a_torn_write_is_cut_off_and_written_again(tmp_path_factory, data):
    """Whatever part of the last append reached the disk, writing goes on and ends as if nothing had been."""
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder, "uji")
    archive.take(ChainPosition())
    done = data.draw(st.integers(0, len(ENTRIES) - 1))
    told = archive.append(ENTRIES[:done])
    before = {path: path.stat().st_size for path in folder.glob("*.gz")}
    archive.append(ENTRIES[done : done + 1])
    (path,) = [path for path in folder.glob("*.gz") if path.stat().st_size != before.get(path)]
    size = path.stat().st_size
    left = data.draw(st.integers(before.get(path, 0), size))
    with path.open("r+b") as file:
        file.truncate(left)
    archive = again(archive, told)
    assert archive.link == told if left < size else archive.link != told
    rest = [one for one in ENTRIES if one not in list(archive.entries())]
    archive.append(rest)
    archive.release()
    assert (list(archive.entries()), archive.link, archive.verify().damages) == (ENTRIES, _whole(), ())


def test_who_reads_beside_the_writer_sees_whole_blocks(archive):
    written(archive)
    with (archive.folder / "2024-11-30.jsonl.gz").open("ab") as file:
        file.write(pack_block([b"{}\n"])[:40])
    reader = Archive(archive.folder, "uji")
    assert list(reader.entries()) == ENTRIES
    assert reader.verify(archive.link).damages == ()
    assert [damage.kind for damage in reader.verify().damages] == ["torn"]
    assert reader.span() == (ChainPosition(), archive.link)


def test_what_the_stream_cannot_give_again_is_never_cut_off(archive):
    """A torn block that the store says was archived is damage, and nobody writes behind it."""
    told = written(archive).link
    archive.release()
    path = archive.folder / "2024-11-30.jsonl.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError, match="torn"):
        Archive(archive.folder, "uji").take(told)
    assert path.read_bytes() == content[:-1]


@pytest.mark.parametrize(
    "told", [ChainPosition(f"{NOON + 4 * DAY}-0", "a" * 64), ChainPosition(ENTRIES[2].position, "a" * 64)]
)
def test_an_archive_that_is_not_the_stores_is_not_written_to(archive, told):
    """It lacks what the store says was archived, or has something else in its place."""
    written(archive).release()
    with pytest.raises(DamagedError, match="end"):
        Archive(archive.folder, "uji").take(told)


def test_only_one_writes(archive):
    """A second process stands by, until the first one is gone."""
    other = Archive(archive.folder, "uji")
    assert not other.take(ChainPosition())
    archive.release()
    assert other.take(ChainPosition())
    other.release()


def test_nobody_else_reads_it(archive):
    """Neither the folder nor any file in it."""
    written(archive)
    places = [archive.folder, *archive.folder.iterdir()]
    assert archive.folder / LOCK in places
    assert all(place.stat().st_mode & 0o077 == 0 for place in places)


def test_a_write_that_fails_leaves_the_file_as_it_was(archive, tmp_path):
    """An entry that cannot be written is not half there."""
    written(archive)
    copy = tmp_path / "copy"
    shutil.copytree(archive.folder, copy)
    broken = msgspec.structs.replace(entry(9, at=NOON + 3 * DAY, type_="gap"), values=(b"\xff",))
    with pytest.raises(UnicodeDecodeError):
        archive.append([broken])
    assert [p.read_bytes() for p in sorted(copy.glob("*.gz"))] == [
        p.read_bytes() for p in sorted(archive.folder.glob("*.gz"))
    ]
    assert archive.link == _whole()


def test_the_first_position_of_all_is_the_start():
    assert ChainPosition().position == START
