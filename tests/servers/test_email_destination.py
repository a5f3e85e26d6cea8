"""A file as the attachment of a message, handed to a real mail server: whole, once, or not at all."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from fixtures.smtp import ACCOUNT, PASSWORD, mail_server, signing_in
from paquebot.credentials import Secret
from paquebot.delivery.doctor import examine
from paquebot.delivery.email import EmailDestination
from paquebot.errors import DeliveryError, UncertainError
from paquebot.options import DefinitionError, read

READERS = ["ann@example.org", "bob@example.org"]


def destination_at(server, **more):
    return EmailDestination(read(EmailDestination.OPTIONS, {**server.options(), "recipients": READERS, **more}))


def sent(server, path="in/liste é.csv.gpg", content=b"a,b\r\n1,2\r\n", **more):
    with destination_at(server, **more) as destination:
        return destination.send(path, iter([content]), len(content))


def refused(server, kind=DeliveryError, **more):
    with pytest.raises(kind) as found:
        sent(server, **more)
    assert found.value.hint
    return found.value


@pytest.mark.parametrize("size", [0, 1, 57, 58, 1_000_003])
def test_every_reader_gets_the_very_bytes_under_their_name(post_office, size):
    content = os.urandom(size)
    assert sent(post_office, content=content) == len(content)
    (message,) = post_office.messages
    (attached,) = message.iter_attachments()
    assert attached.get_content() == content
    assert attached.get_filename() == "liste é.csv.gpg"
    assert post_office.readers == READERS
    assert message["To"] == "ann@example.org, bob@example.org"
    assert message["From"] == "Paquebot <paquebot@example.org>"
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Date"].datetime.tzinfo is not None


def test_blocks_that_end_anywhere_make_one_file(post_office):
    blocks = [os.urandom(size) for size in (1, 56, 57, 58, 4096, 3)]
    with destination_at(post_office) as destination:
        destination.send("a.bin", iter(blocks), sum(map(len, blocks)))
    (attached,) = post_office.messages[0].iter_attachments()
    assert attached.get_content() == b"".join(blocks)


def test_subject_and_text_say_the_name_of_the_file(post_office):
    sent(post_office, subject="Fichier {file} du jour", text=".{file}\n.fin\n")
    (message,) = post_office.messages
    assert message["Subject"] == "Fichier liste é.csv.gpg du jour"
    assert message.get_body().get_content().splitlines() == [".liste é.csv.gpg", ".fin"]


def test_it_signs_in_over_starttls(certificate):
    context, authority = certificate
    with mail_server(**signing_in(tls_context=context, require_starttls=True)) as server:
        options = {"tls": "starttls", "username": ACCOUNT, "authority": authority}
        sent(server, **options, password=Secret(PASSWORD))
        assert len(server.messages) == 1
        error = refused(server, **options, password=Secret("un autre"))
    assert (error.code, error.retryable) == ("mail.sign_in_refused", False)


def test_a_file_above_the_limit_is_refused_before_anything_is_said(post_office):
    error = refused(post_office, content=bytes(1_000_001), most_megabytes=1)
    assert (error.code, error.retryable) == ("delivery.attachment_too_large", False)
    assert "1000001" in error.message
    assert post_office.messages == []


def test_a_server_that_takes_less_says_so_by_the_announced_size():
    with mail_server(data_size_limit=10_000) as server:
        error = refused(server, content=bytes(20_000))
        assert (error.code, server.messages) == ("mail.sender_refused", [])


@pytest.mark.parametrize(
    ("answer", "code", "heals"),
    [("550 no such user", "mail.reader_refused", False), ("450 later", "mail.reader_not_now", True)],
)
def test_unless_every_reader_is_taken_nobody_gets_anything(post_office, answer, code, heals):
    post_office.answers["bob@example.org"] = answer
    error = refused(post_office)
    assert (error.code, error.retryable) == (code, heals)
    assert post_office.messages == []


@pytest.mark.parametrize(("answer", "code", "heals"), [("554 spam", "mail.refused", False), ("451 busy", "mail.not_now", True)])
def test_a_message_the_server_does_not_take_is_no_delivery(post_office, answer, code, heals):
    post_office.data_answer = answer
    error = refused(post_office)
    assert (error.code, error.retryable) == (code, heals)


def test_a_link_that_breaks_before_the_last_line_leaves_nothing(post_office):
    def breaking():
        yield bytes(100_000)
        raise ConnectionResetError

    with pytest.raises(DeliveryError) as found, destination_at(post_office) as destination:
        destination.send("a.bin", breaking(), 200_000)
    assert (found.value.code, found.value.retryable) == ("mail.connection_lost", True)
    assert post_office.messages == []


def test_an_answer_that_never_came_is_told_as_unknown():
    with _hanging_up_after_the_last_line() as port:
        destination = EmailDestination(
            read(
                EmailDestination.OPTIONS,
                {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "a@example.org", "recipients": READERS},
            )
        )
        with pytest.raises(UncertainError) as found, destination:
            destination.send("a.bin", iter([b"x"]), 1)
    assert found.value.code == "delivery.mail_outcome_unknown"


class _hanging_up_after_the_last_line:  # noqa: N801  # read as a verb
    """A server that takes everything, and is gone in place of its last answer."""

    def __enter__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self._listening.getsockname()[1]

    def __exit__(self, *_):
        self._thread.join(10)
        self._listening.close()

    def _serve(self):
        link, _ = self._listening.accept()
        with link, link.makefile("rwb") as lines:
            lines.write(b"220 ready\r\n")
            lines.flush()
            for line in lines:
                word = line.strip().upper()
                if word == b".":
                    return
                if word == b"DATA" or word[:4] in (b"EHLO", b"RSET", b"MAIL", b"RCPT"):
                    lines.write(b"354 go on\r\n" if word == b"DATA" else b"250 OK\r\n")
                    lines.flush()


def test_the_doctor_signs_in_and_sends_nothing(post_office):
    found = examine(destination_at(post_office), "")
    assert [finding.error for finding in found] == [None] * len(found)
    assert {"name", "connect"} <= {finding.step for finding in found}
    assert post_office.messages == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"recipients": []}, "definition.empty_list"),
        ({"recipients": ["nobody"]}, "alerts.bad_address"),
        ({"subject": "{name}"}, "mail.unknown_place"),
        ({"text": "}"}, "mail.unknown_place"),
        ({"most_megabytes": 0}, "definition.out_of_bounds"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(post_office, wrong, code):
    with pytest.raises(DefinitionError) as found:
        destination_at(post_office, **wrong)
    assert found.value.code == code
