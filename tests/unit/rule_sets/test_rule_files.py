"""Procedures: read from one folder and nowhere else, as they are at the moment."""

from pathlib import Path

import pytest

from engine.rule_sets.rule_files import LONGEST_BYTES, Procedures


async def test_a_file_is_read_as_it_is_now(tmp_path: Path):
    """A correction shows without a reload."""
    file = tmp_path / "docs/sop/banjir.md"
    file.parent.mkdir(parents=True)
    procedures = Procedures(tmp_path / "docs")
    for text in ("Satu", "Dua"):
        file.write_text(text)
        assert await procedures.text("sop/banjir.md") == text


@pytest.mark.parametrize(
    "guide",
    [
        "../rahasia.md",
        "{root}/rahasia.md",
        "sop/tautan.md",
        "sop",
        "sop/tiada.md",
        "sop/panjang.md",
        "x\0.md",
        "",
        "https://example.org/x.md",
        "Perbup 4/2024",
        "sop/lain.txt",
    ],
)
async def test_what_is_no_short_file_of_the_folder_is_not_shown(tmp_path: Path, guide: str):
    """Nor what a name or a link leads to outside of it."""
    folder = tmp_path / "docs/sop"
    folder.mkdir(parents=True)
    (tmp_path / "rahasia.md").write_text("rahasia")
    (folder / "tautan.md").symlink_to(tmp_path / "rahasia.md")
    (folder / "panjang.md").write_text("x" * (LONGEST_BYTES + 1))
    (folder / "lain.txt").write_text("lain")
    assert await Procedures(tmp_path / "docs").text(guide.replace("{root}", str(tmp_path))) == ""
