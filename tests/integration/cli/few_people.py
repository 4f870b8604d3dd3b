"""A directory that is quick to read: the shipped one, of some regions only."""

from pathlib import Path

ROOT = Path(__file__).parents[3]


def few_people(folder: Path, *regions: str) -> Path:
    """Write the people of these regions, their provinces and the nation into a file, and return it."""
    wanted = {"00", *regions, *(region[:2] for region in regions)}
    head, *lines = [
        line for line in (ROOT / "config/directory.csv").read_text().splitlines() if not line.startswith("#")
    ]
    kept = [line for line in lines if line.partition(",")[0] in wanted]
    file = folder / "directory.csv"
    file.write_text("\n".join([head, *kept, ""]))
    return file
