"""`siaga templates preview` on an installation with an alert: any message of it, in either language, sent to nobody."""

import pytest

from engine import cli


def test_a_notice_reads_as_it_went_out(options, said):
    """The newest alert where none is named: to the Sekretaris Daerah, whose phone and mailbox it does not say."""
    text = said("templates", "preview", "first", *options)
    subject, sender, date, _, headline = text.splitlines()[:5]
    assert subject.startswith("Subject: [AWAS] Kab. Pinrang: ")
    assert sender.startswith("From: Siaga")
    assert date == "Date: Tue, 01 Oct 2024 10:05:00 +0800"
    assert headline.startswith("AWAS: ")
    assert "/a/xxxxxxxxxxxxxxxxxxxxxxxxxx\n" in text
    assert "+62" not in text


def test_an_sms_tells_its_parts_and_a_two_way_route_shows_a_code(options, said):
    """As the route of the settings has it."""
    sms = [*("templates", "preview", "resolved", "--channel", "sms", "--lang", "en"), *options]
    assert said(*sms).endswith(" septets, 1 part)\n")
    asked = said(
        "templates", "preview", "first", "--channel", "sms", *options, "--set", "gateways.sms.two_way=true"
    )
    assert "TERIMA K7QR\n" in asked


def test_the_page_can_be_looked_at(options, said, tmp_path):
    """In a browser, as an old mail client shows it."""
    page = tmp_path / "surat.html"
    said("templates", "preview", "taken_by", "--html", str(page), *options)
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "{{token}}" not in page.read_text()


def test_what_is_not_there_is_said_with_what_is(options, capsys):
    """A message, an alert."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["templates", "preview", "merpati", *options])
    assert (ended.value.code, "taken_by" in capsys.readouterr().err) == (cli.WRONG, True)
    with pytest.raises(SystemExit) as ended:
        cli.main(["templates", "preview", "first", "--alert", "tiada", *options])
    assert (ended.value.code, "there is no alert tiada" in capsys.readouterr().err) == (cli.FAILED, True)
