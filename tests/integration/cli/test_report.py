"""`siaga report`: the report as it would go out, of what an installation judged, and nothing sent."""

import pytest

from engine import cli


def test_a_report_is_printed_and_nothing_is_sent(options, said, tmp_path):
    before = sorted(tmp_path.rglob("*.eml"))
    page = tmp_path / "laporan.html"
    text = said("report", "--region", "73", "--at", "2024-10-01 18:00 WITA", "--html", str(page), *options)
    assert text.splitlines()[0] == "Laporan situasi Provinsi Sulawesi Selatan, 01/10 pkl 18.00 WITA"
    assert "LAPORAN SITUASI: Provinsi Sulawesi Selatan, Selasa, 1 Oktober 2024 pukul 18.00 WITA" in text
    assert "Laporan masuk: 3 dari 1 daerah." in text
    assert "- Kab. Pinrang: 1 AWAS" in text
    assert "<html" in page.read_text()
    assert sorted(tmp_path.rglob("*.eml")) == before
    assert "SITUATION REPORT: Indonesia" in said("report", "--lang", "en", *options)


def test_a_region_that_does_not_exist_is_wrong_usage(options, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "--region", "99", *options])
    assert ended.value.code == cli.WRONG
    assert "--region 99" in capsys.readouterr().err
