"""Mails that came back, as servers write them; synthetic, in the forms of Postfix, Exchange and qmail.

Here: bytes. `name` stands where a bounce names the mail that it is about.
"""

POSTFIX = """\
Return-Path: <>
Date: Wed, 27 Nov 2024 10:16:02 +0800 (WITA)
From: MAILER-DAEMON@surat.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: pentalan@desk.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="51CE0403.1732673762/surat.example"
Message-Id: <20241127021602.8E7D6403@surat.example>

This is a MIME-encapsulated message.

--51CE0403.1732673762/surat.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

--51CE0403.1732673762/surat.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; surat.example
Original-Envelope-Id: {name}
X-Postfix-Queue-ID: 51CE0403
Arrival-Date: Wed, 27 Nov 2024 10:16:01 +0800 (WITA)

Final-Recipient: rfc822; sekda@pinrang.example
Original-Recipient: rfc822;sekda@pinrang.example
Action: {action}
Status: {status}
Diagnostic-Code: X-Postfix; mailbox full

--51CE0403.1732673762/surat.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Return-Path: <pentalan@desk.example>
Message-ID: <{name}@siaga.example>
Subject: [SIAGA] Kab. Pinrang

--51CE0403.1732673762/surat.example--
"""

EXCHANGE = """\
From: postmaster@pinrang.example
To: pentalan@desk.example
Subject: =?utf-8?B?VGlkYWsgdGVya2lyaW0=?=
Content-Type: multipart/report; report-type=delivery-status; boundary=_000_a_
MIME-Version: 1.0

--_000_a_
Content-Type: multipart/alternative; boundary=_001_a_

--_001_a_
Content-Type: text/html

<p>Your message wasn't delivered. 550 5.1.10 RESOLVER.ADR.RecipientNotFound</p>
--_001_a_--
--_000_a_
Content-Type: message/delivery-status

Reporting-MTA: dns;mail.pinrang.example

Final-Recipient: rfc822;sekda@pinrang.example
Action: failed
Status: 5.1.10

--_000_a_
Content-Type: message/rfc822

From: Siaga <siaga@desk.example>
Message-ID:
 <{name}@siaga.example>
Subject: [SIAGA] Kab. Pinrang

isi
--_000_a_--
"""

QMAIL = """\
From: MAILER-DAEMON@surat.example
To: pentalan@desk.example
Subject: failure notice

Hi. This is the qmail-send program at surat.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<sekda@pinrang.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <pentalan@desk.example>
From: Siaga <siaga@desk.example>
Message-ID: <{name}@siaga.example>
"""

VACATION = """\
From: Sekda <sekda@pinrang.example>
To: pentalan@desk.example
Subject: Cuti
Auto-Submitted: auto-replied
In-Reply-To: <{name}@siaga.example>

Saya cuti sampai 5.12.2024. Kantor: 550 meter dari alun-alun.
"""


def postfix(name: str, action: str = "failed", status: str = "5.2.2") -> bytes:
    """A report by the standard."""
    return POSTFIX.format(name=name, action=action, status=status).encode()
