"""E-mail over real SMTP: in clear, under STARTTLS and TLS, signed in or not, and every way a server has of saying no."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest

from fixtures.smtp import ACCOUNT, PASSWORD, free_port, mail_server, signing_in
from paquebot.credentials import Secret
from paquebot.delivery.address import dial
from paquebot.errors import DeliveryError, ReportingError
from paquebot.mail_link import MailLink
from paquebot.options import DefinitionError
from paquebot.reporting.notifiers.base import Message, MessageRefusedError
from paquebot.reporting.notifiers.email import EmailNotifier

MESSAGE = Message(
    address="ana@example.org",
    subject="Échec : désabonnements",
    text="Personne ne répond à l’hôte.\n",
    html="<p>Personne ne répond à l’hôte.</p>",
    identity="abc123",
    sent_at=datetime(2026, 11, 23, 11, 30, tzinfo=UTC),
    language="fr",
    thread="first1",
)


def send(server, message=MESSAGE, **more):
    with EmailNotifier(server.options(**more), dial) as notifier:
        notifier.send(message)


def refused(server, message=MESSAGE, kind=ReportingError, **more):
    with pytest.raises(kind) as caught:
        send(server, message, **more)
    assert server.messages == []
    return caught.value


def test_a_message_arrives_whole_in_both_forms(post_office):
    send(post_office)
    [message] = post_office.messages
    assert post_office.readers == ["ana@example.org"]
    assert message["From"] == "Paquebot <paquebot@example.org>"
    assert message["To"] == "ana@example.org"
    assert message["Subject"] == "Échec : désabonnements"
    assert message["Message-ID"] == "<abc123@example.org>"
    assert message["References"] == message["In-Reply-To"] == "<first1@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Mon, 23 Nov 2026 11:30:00 +0000"
    assert message.get_body(("plain",)).get_content() == "Personne ne répond à l’hôte.\r\n"
    assert message.get_body(("html",)).get_content() == "<p>Personne ne répond à l’hôte.</p>\r\n"


def test_a_subject_of_several_lines_adds_no_header(post_office):
    import dataclasses

    send(post_office, dataclasses.replace(MESSAGE, subject="a\r\nBcc: eve@example.org"))
    assert post_office.readers == ["ana@example.org"]
    assert post_office.messages[0]["Bcc"] is None


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_protects_the_account(certificate, tls):
    context, authority = certificate
    how = {"ssl_context": context, "auth_require_tls": False} if tls == "implicit" else {"tls_context": context}
    with mail_server(**signing_in(**how)) as server:
        send(server, tls=tls, authority=authority, username=ACCOUNT, password=Secret(PASSWORD))
    assert server.subjects == ["Échec : désabonnements"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_nobody_vouches_for_is_refused(certificate, tls):
    how = {"ssl_context": certificate[0]} if tls == "implicit" else {"tls_context": certificate[0]}
    with mail_server(**how) as server:
        assert refused(server, tls=tls).code == "mail.certificate_refused"


def test_starttls_that_is_not_offered_is_not_gone_without(post_office):
    assert refused(post_office, tls="starttls").code == "mail.no_starttls"


def test_the_wrong_choice_of_tls_is_told(post_office):
    error = refused(post_office, tls="implicit")
    assert error.code == "mail.tls_failed"
    assert error.message == f"No TLS connection could be made with 127.0.0.1:{post_office.port}."


def test_a_wrong_password_is_told_without_it():
    with mail_server(**signing_in(auth_require_tls=False)) as server:
        error = refused(server, username=ACCOUNT, password=Secret("not this one"))
        assert (error.code, error.retryable) == ("mail.sign_in_refused", False)
        assert "not this one" not in str(error.parameters)
        send(server, username=ACCOUNT, password=Secret(PASSWORD))
    assert len(server.messages) == 1


def test_a_password_never_travels_in_clear_to_another_machine(post_office, monkeypatch):
    monkeypatch.setattr(MailLink, "_is_this_machine", lambda self: False)
    assert refused(post_office, username=ACCOUNT, password=Secret(PASSWORD)).code == "mail.password_in_clear"


def test_a_server_without_sign_in_says_so(post_office):
    assert refused(post_office, username=ACCOUNT, password=Secret(PASSWORD)).code == "mail.no_sign_in"


@pytest.mark.parametrize(
    "answer, code, kind, retryable",
    [
        ("550 no such user", "mail.reader_refused", MessageRefusedError, False),
        ("451 try later", "mail.reader_not_now", ReportingError, True),
    ],
)
def test_a_reader_nobody_knows_is_another_matter_than_one_to_wait_for(post_office, answer, code, kind, retryable):
    post_office.answers["ana@example.org"] = answer
    error = refused(post_office, kind=kind)
    assert type(error) is kind
    assert (error.code, error.retryable, error.parameters["code"]) == (code, retryable, int(answer[:3]))


@pytest.mark.parametrize("answer, code", [("554 spam", "mail.refused"), ("452 full", "mail.not_now")])
def test_a_message_that_is_refused_leaves_the_next_one_its_chance(post_office, answer, code):
    with EmailNotifier(post_office.options(), dial) as notifier:
        post_office.data_answer = answer
        with pytest.raises(ReportingError) as caught:
            notifier.send(MESSAGE)
        post_office.data_answer = "250 OK"
        notifier.send(MESSAGE)
    assert caught.value.code == code
    assert len(post_office.messages) == 1


def test_nobody_there_and_addresses_that_are_never_dialled():
    with (
        pytest.raises(DeliveryError) as caught,
        EmailNotifier({"host": "127.0.0.1", "port": free_port(), "sender": "a@b.ca"}, dial),
    ):
        pass
    assert (caught.value.code, caught.value.retryable) == ("delivery.unreachable", True)
    with pytest.raises(DeliveryError) as caught, EmailNotifier({"host": "169.254.169.254", "sender": "a@b.ca"}, dial):
        pass
    assert caught.value.code == "delivery.address_refused"


def test_what_is_no_mail_server_is_told():
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        link, _ = listening.accept()
        with link:
            link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    options = {"host": "127.0.0.1", "port": listening.getsockname()[1], "tls": "none", "sender": "a@b.ca"}
    with listening, pytest.raises(ReportingError) as caught, EmailNotifier(options, dial):
        pass
    thread.join()
    assert caught.value.code == "mail.not_smtp"


def test_a_server_that_goes_away_is_told_as_lost(post_office):
    post_office.after = lambda server: server.transport.abort()
    with pytest.raises(ReportingError) as caught:
        send(post_office)
    assert (caught.value.code, caught.value.retryable) == ("mail.connection_lost", True)


@pytest.mark.parametrize(
    "wrong, code",
    [
        ({"sender": "nobody"}, "mail.bad_sender"),
        ({"sender": "a@b.ca\nBcc: eve@example.org"}, "mail.bad_sender"),
        ({"authority": "no certificate"}, "mail.bad_authority"),
        ({"password": "x"}, "mail.no_account"),
        ({"tls": "ssl"}, "definition.wrong_choice"),
        ({"host": ""}, "definition.missing_key"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_dialled(wrong, code):
    with pytest.raises(DefinitionError) as caught:
        EmailNotifier({"host": "h", "sender": "a@b.ca", **wrong}, dial)
    assert caught.value.code == code
