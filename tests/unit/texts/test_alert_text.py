"""What is said of an alert: why you, why now, what was reported, who knows, what is expected."""

import pytest

from engine.core.alerting.alert import Run, Taking
from engine.core.judging.instant import DAY, HOUR, MINUTE
from tests.unit.texts.sample import (
    ALERT,
    CLASH,
    LATER,
    NOW,
    POLICY,
    RULE,
    TAKEN,
    THREE,
    TOLD,
    change,
    evidence,
    notification,
    teller,
)


def second_step(**fields):
    run = Run(
        step=2,
        round=1,
        started_at=NOW + 30 * MINUTE,
        ends_at=NOW + 90 * MINUTE,
        recipients=("orang-sekda-73",),
    )
    return change(ALERT, runs=(*ALERT.runs, run), **fields)


def why_you(mine, alert=ALERT, told=TOLD, at=NOW) -> list[str]:
    return list(teller(mine, alert, told, at).why_you())


# --- why you ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        ("holder", "Anda dihubungi sebagai Sekretaris Daerah Kab. Pinrang."),
        ("deputy", "Anda dihubungi karena mewakili Sekretaris Daerah Kab. Pinrang."),
        ("on_duty", "Anda dihubungi sebagai petugas piket Sekretaris Daerah Kab. Pinrang."),
    ],
)
def test_people_are_told_as_what_they_were_found(capacity: str, expected: str):
    """Office holder, deputy or on duty."""
    assert why_you(notification(capacity=capacity)) == [expected]


def test_a_person_named_by_the_policy_is_told_so():
    """There is no office to speak of."""
    assert why_you(notification(role="", office="73.15", capacity="person")) == [
        "Anda ditunjuk langsung dalam kebijakan eskalasi."
    ]


def test_who_stands_in_for_an_office_that_cannot_be_reached_is_told_so_without_the_cause():
    """A vacancy and a conflict of interest look the same from outside."""
    assert why_you(notification(office="73")) == [
        "Anda dihubungi sebagai Sekretaris Daerah Provinsi Sulawesi Selatan.",
        "Jabatan yang dituju semula tidak dapat menerima peringatan ini; Anda menggantikannya.",
    ]


def test_who_is_told_in_a_later_step_learns_that_nobody_answered():
    """And since when."""
    assert why_you(notification(office="73", step=2), second_step(), at=NOW + 30 * MINUTE)[1:] == [
        (
            "Peringatan ini naik ke tahap 2 dari 3: sejak pukul 10.15 WITA belum ada pejabat yang menyatakan "
            "menanganinya."
        ),
    ]


def test_a_later_round_is_named():
    """The same official is asked once more."""
    assert why_you(notification("step", round=2))[1:] == [
        "Ini putaran ke-2: sejak pukul 10.15 WITA belum ada pejabat yang menyatakan menanganinya."
    ]


def test_a_risen_level_is_the_reason_given():
    """Before any other reason why the same person hears again."""
    told = (notification(level=2, state="sent", planned_at=NOW - HOUR),)
    assert why_you(notification("step"), told=told)[1:] == ["Tingkatnya naik dari WASPADA menjadi SIAGA."]


def test_who_is_told_again_for_no_other_reason_hears_that_it_is_open():
    """A restart."""
    told = (notification(state="sent", planned_at=NOW - HOUR),)
    assert why_you(notification("step"), told=told)[1:] == [
        "Anda dihubungi lagi: peringatan ini masih terbuka."
    ]


def test_who_is_told_again_because_of_a_new_event_hears_so():
    """What is new is the first line of "why now"."""
    told = (notification(state="sent", planned_at=NOW - HOUR),)
    renewed = change(ALERT, evidence=(*THREE, evidence(4, NOW)), evidence_count=4)
    mine = notification("step")
    assert why_you(mine, renewed, told)[1:] == ["Anda dihubungi lagi karena ada dugaan baru."]
    assert next(teller(mine, renewed, told).why_now()) == (
        "Ada dugaan baru: Rabu, 27 November 2024 pukul 10.15 WITA."
    )
    assert why_you(mine, renewed, (change(told[0], planned_at=NOW + MINUTE),), NOW + HOUR)[1:] == [
        "Anda dihubungi lagi: peringatan ini masih terbuka."
    ]


def test_a_start_anew_is_when_nobody_answered_since():
    """Not the day, months ago, when the alert was opened and perhaps taken."""
    anew = Run(step=1, round=1, started_at=NOW + 90 * DAY, ends_at=NOW + 90 * DAY + HOUR)
    further = change(anew, step=2, started_at=NOW + 90 * DAY + HOUR, ends_at=NOW + 90 * DAY + 2 * HOUR)
    alert = change(second_step(), runs=(*second_step().runs, anew, further))
    said = why_you(notification(office="73", step=2), alert, (), NOW + 90 * DAY + HOUR)
    assert "sejak pukul 10.15 WITA belum ada pejabat" in said[1]
    assert "2024" not in said[1]


def test_an_acting_holder_is_addressed_and_named_as_such():
    """In the salutation, as the reason, and to the others."""
    mine = notification(role="kepala_daerah", status="pj")
    assert teller(mine).salutation() == "Yth. Pj. Bupati Pinrang,"
    assert why_you(mine)[0] == "Anda dihubungi sebagai Pj. Bupati Pinrang."
    assert next(teller(notification(), told=(mine,)).who_knows()) == "Juga dihubungi: Pj. Bupati Pinrang."
    deputy = notification(status="plh", capacity="deputy")
    assert teller(deputy).salutation() == "Yth. yang mewakili Plh. Sekretaris Daerah Kab. Pinrang,"


def test_who_is_informed_need_not_act():
    """And is asked nothing."""
    mine = notification(role="kesbangpol", informing=True)
    assert why_you(mine)[1:] == ["Pesan ini untuk diketahui; Anda tidak diminta bertindak."]
    assert next(teller(mine).expected()) == "Tidak ada tindakan yang diminta."


def test_the_national_desk_hears_that_nobody_answered():
    """Or that nobody could be told at all."""
    mine = notification("unreachable", role="posko_nasional", office="00")
    assert "Semua tahap telah dijalankan sejak pukul 10.15 WITA" in why_you(mine)[1]
    assert "Tidak ada satu pun pejabat yang dapat dihubungi" in why_you(mine, change(ALERT, runs=()))[1]


# --- why now ------------------------------------------------------------------------------------------------


def test_a_count_is_told_against_its_limit_with_trend_and_basis():
    """ "3 kejadian dalam 7 hari; ambang 3"."""
    assert list(teller(notification()).why_now()) == [
        "3 kejadian dalam 7 hari; ambang 3.",
        "Laporan 24 jam terakhir: 1; 24 jam sebelumnya: 1.",
        "Dasar: SKB 2/2022; PP 94/2021 Pasal 5 huruf n",
    ]


def test_what_is_only_alleged_is_counted_as_dugaan():
    """As long as none of it is verified."""
    alert = change(
        ALERT,
        evidence=(evidence(1, NOW - HOUR), evidence(2, NOW - 5 * MINUTE)),
        evidence_count=2,
        figure=2,
        limit=2,
    )
    assert next(teller(notification(), alert).why_now()) == "2 dugaan dalam 7 hari; ambang 2."


def test_a_figure_without_a_window_is_told_against_its_limit():
    """Such as a share or a reading."""
    alert = change(ALERT, rule=change(RULE, within=None), figure=31.5, limit=45)
    assert next(teller(notification(), alert).why_now()) == "Angka sekarang 31,5; ambang 45."


@pytest.mark.parametrize(
    ("words", "figure", "limit", "sides", "expected"),
    [
        (
            {"condition": "compare", "relation": "falls_by"},
            *(12.1, 10, (64, 76.1)),
            "Turun 12,1 poin dari 76,1 menjadi 64 dalam 7 hari; ambang 10 poin.",
        ),
        (
            {"condition": "compare", "relation": "rises_to"},
            *(3, 2, (6, 2)),
            "Naik dari 2 menjadi 6 dalam 7 hari, yaitu 3 kali; ambang 2 kali.",
        ),
        (
            {"condition": "compare", "relation": "falls_below"},
            *(0, 0.5, (0, 4)),
            "Turun dari 4 menjadi 0 dalam 7 hari, yaitu 0 kali; ambang kurang dari 0,5 kali.",
        ),
        (
            {"condition": "compare", "relation": "rises_to"},
            *(None, 2, (6, None)),
            "Sekarang 6 dalam 7 hari; sebelumnya tidak ada pembanding.",
        ),
        (
            {"condition": "share", "within": None},
            *(25, 10, (250, 1000)),
            "250 dari 1.000, yaitu 25%; ambang 10%.",
        ),
        ({"condition": "aggregate"}, 2.5, 2, None, "Angka sekarang 2,5 dalam 7 hari; ambang 2."),
    ],
)
def test_a_figure_of_two_figures_names_both(words, figure, limit, sides, expected):
    """From where to where, or which part of what."""
    alert = change(ALERT, rule=change(RULE, **words), figure=figure, limit=limit, sides=sides)
    assert next(teller(notification(), alert).why_now()) == expected


def test_a_single_report_is_enough_where_the_rule_says_so():
    """Together with how many came since."""
    alert = change(
        CLASH, evidence_count=2, evidence=(*CLASH.evidence, evidence(10, NOW, kind="conflict.clash"))
    )
    assert list(teller(notification(), alert).why_now())[:2] == [
        "Satu laporan seperti ini langsung membuka peringatan.",
        "Sejauh ini 2 kejadian.",
    ]


def test_no_trend_is_told_from_evidence_that_is_not_all_there():
    """An alert keeps a part of its evidence; a count of the part would mislead."""
    alert = change(ALERT, evidence_count=4)
    assert not any("24 jam" in line for line in teller(notification(), alert).why_now())


# --- what was reported --------------------------------------------------------------------------------------


def test_the_newest_evidence_stands_first_with_place_time_and_source():
    """Verified or not, and by which way it came."""
    reported = teller(notification()).reported()
    assert reported.items == (
        "27/11 pkl 10.10 WITA, Kab. Pinrang: Dugaan pelanggaran netralitas ASN (belum diverifikasi; sumber: media)",
        "26/11 pkl 04.15 WITA, Kab. Pinrang: Pelanggaran netralitas ASN (sudah diverifikasi; sumber: Bawaslu)",
        (
            "22/11 pkl 10.15 WITA, Kab. Pinrang: Dugaan pelanggaran netralitas ASN "
            "(belum diverifikasi; sumber: aduan masyarakat)"
        ),
    )
    assert reported.lines == ("1 dari 3 sudah diverifikasi; selebihnya masih dugaan.",)


def test_at_most_five_pieces_of_evidence_are_listed_and_the_rest_counted():
    """A message is read on a phone."""
    many = tuple(evidence(number, NOW - number * HOUR) for number in range(8))
    reported = teller(notification(), change(ALERT, evidence=many, evidence_count=1_200)).reported()
    assert len(reported.items) == 6
    assert reported.items[-1] == "... dan 1.195 laporan lain sebelumnya"


@pytest.mark.parametrize(
    ("verifications", "expected"),
    [
        (("unverified", "refuted"), "Belum ada yang diverifikasi; semuanya masih dugaan."),
        (("verified", "verified"), "Semuanya sudah diverifikasi."),
    ],
)
def test_verification_is_summed_up(verifications: tuple[str, ...], expected: str):
    """The word is dugaan until it is verified."""
    several = tuple(evidence(n, NOW, verification=v) for n, v in enumerate(verifications))
    assert teller(notification(), change(ALERT, evidence=several)).reported().lines == (expected,)


def test_a_source_without_a_name_is_not_stated():
    """Rather than a word of the database."""
    alert = change(ALERT, evidence=(evidence(1, NOW, channel="merpati"),))
    assert "sumber: tidak disebut" in teller(notification(), alert).reported().items[0]


# --- who knows ----------------------------------------------------------------------------------------------


def test_others_are_named_by_office_and_nobody_twice():
    """Neither oneself nor whom no message can reach."""
    told = (
        *TOLD,
        notification(role="bkpsdm", state="sent", channel="sms"),
        notification(role="inspektorat", state="failed"),
        notification(role="satpolpp", held="quiet_hours"),
    )
    assert list(teller(notification(), told=told).who_knows()) == [
        "Juga dihubungi: Kepala BKPSDM Kab. Pinrang; Kepala Badan Kesbangpol Kab. Pinrang.",
        "Belum ada yang menyatakan menangani.",
    ]


def test_offices_stand_from_the_regency_up_and_the_informed_last():
    """The first told first: that is the order in which the matter went up."""
    told = (
        notification(role="posko", informing=True),
        notification(role="posko_nasional", office="00"),
        notification(role="kesbangpol", office="73"),
        notification(role="satpolpp"),
        notification(role="bpbd", planned_at=NOW - HOUR),
    )
    assert next(teller(notification(), told=told).who_knows()) == (
        "Juga dihubungi: Kepala Pelaksana BPBD Kab. Pinrang; Kepala Satpol PP Kab. Pinrang; Kepala Badan Kesbangpol "
        "Provinsi Sulawesi Selatan; Posko Nasional Desk Pilkada; Posko Desk Pilkada Kab. Pinrang."
    )


def test_a_long_list_is_counted_off():
    """Six offices are enough to see who is in it."""
    roles = ("bpbd", "satpolpp", "kpu", "bawaslu", "kapolres", "dandim", "kejari", "tapem")
    told = tuple(notification(role=role, state="sent") for role in roles)
    assert next(teller(notification(), told=told).who_knows()).endswith("; dan 2 lainnya.")


def test_who_took_read_or_declined_it_is_told_by_office():
    """And oneself is "Anda"."""
    alert = change(TAKEN, seen=("orang-kesbangpol", "orang-bkpsdm"), declined=("orang-operator",))
    assert list(teller(notification(), alert, at=LATER).who_knows())[1:] == [
        "Kepala BKPSDM Kab. Pinrang menangani sejak pukul 10.27 WITA.",
        "Sudah membaca: Kepala Badan Kesbangpol Kab. Pinrang.",
        "Bukan wewenang: petugas Posko Desk Pilkada.",
    ]
    mine = change(TAKEN, takings=(Taking(person="orang-sekda", at=LATER, via="sms", grade=3),))
    assert "Anda menangani sejak pukul 10.27 WITA." in list(
        teller(notification(), mine, at=LATER).who_knows()
    )


def test_the_only_one_told_hears_so():
    """Nobody else will do it."""
    assert next(teller(notification(), told=()).who_knows()) == "Selain Anda, belum ada yang dihubungi."


# --- what is expected ---------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_before_the_step_ends():
    """With what happens otherwise, and the procedure."""
    assert list(teller(notification()).expected()) == [
        (
            "Mohon jawab sebelum pukul 10.45 WITA. Buka tautan pesan ini dan tekan Terima bila Anda menanganinya, atau "
            "Selesai bila sudah beres."
        ),
        (
            "Bila belum ada yang menangani pada pukul 10.45 WITA, peringatan ini diteruskan kepada Sekretaris Daerah "
            "Provinsi Sulawesi Selatan."
        ),
        "SOP: netralitas asn",
    ]


def test_a_step_that_the_level_does_not_reach_is_passed_over():
    """A waspada alert goes straight from the regency to the nation by this policy."""
    said = list(teller(notification(), change(ALERT, level=2)).afterwards())
    assert said[0].endswith("diteruskan kepada Direktur Jenderal Otonomi Daerah.")


def test_after_the_last_step_the_next_round_is_announced_and_after_the_last_round_the_end():
    """Nobody is promised a step that will not come."""
    last = Run(step=3, round=1, started_at=NOW, ends_at=NOW + HOUR)
    alert = change(ALERT, runs=(last,))
    mine = notification(step=3, role="dirjen_otda", office="00")
    ends = next(teller(mine, alert).afterwards())
    assert ends.endswith("Posko Nasional Desk Pilkada diberi tahu bahwa tidak ada yang menjawab.")
    again = change(alert, policy=change(POLICY, rounds_after_first=1, from_step=2))
    assert "Provinsi Sulawesi Selatan" in next(teller(mine, again).afterwards())


def test_a_deadline_that_has_passed_is_not_told():
    """A message that was held back asks for an answer at once."""
    said = teller(notification(), at=NOW + 31 * MINUTE).asked()
    assert said == "Mohon jawab segera."


def test_a_deadline_on_another_day_has_its_date():
    """A step of a day."""
    run = change(ALERT.runs[0], ends_at=NOW + DAY)
    said = teller(notification(), change(ALERT, runs=(run,))).asked()
    assert said == "Mohon jawab sebelum Kamis, 28 November 2024 pukul 10.15 WITA."


def test_a_taken_alert_asks_nothing_but_says_when_it_opens_again():
    """Unless it never does."""
    assert next(teller(notification(), TAKEN, at=LATER).expected()) == (
        "Bila belum selesai pada pukul 22.27 WITA, peringatan ini dibuka kembali dan para pejabat dihubungi lagi."
    )
    assert list(teller(notification(), change(TAKEN, expires_at=None), at=LATER).expected()) == [
        "SOP: netralitas asn"
    ]


@pytest.mark.parametrize(
    ("guide", "expected"),
    [("sop/bencana.md", "bencana"), ("a/c_d.pdf", "c d"), ("SOP 1/24", "SOP 1/24"), 2 * ("https://a/b.md",)],
)
def test_a_procedure_is_named_by_its_file_or_where_it_lies(guide: str, expected: str):
    """A path says nothing to an official; an address does."""
    alert = change(ALERT, rule=change(RULE, guide=guide))
    assert list(teller(notification(), alert).expected())[-1] == f"SOP: {expected}"
