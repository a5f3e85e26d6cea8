"""The mail server: set by an administrator of the installation, tried on the spot, and what did not leave."""

from __future__ import annotations

import re

import pytest

from fixtures.crossing import make_export
from fixtures.listening import FULL, ended, listen, person, set_mail
from fixtures.pages import client, signed_in
from fixtures.smtp import PASSWORD, free_port, mail_server, signing_in

PAGE = "/p/letters/administration/mail/"


@pytest.fixture
def root(cast):
    return signed_in(person("root@example.org"))


def written(server, **more):
    return {
        **server.options(),
        "timeout_seconds": "5",
        "pages_url": "https://paquebot.example.org",
        "version": "",
        "do": "save",
        **more,
    }


def version(page):
    return re.search(r'name="version" value="([0-9a-f]*)"', page.text)[1]


def test_it_is_saved_tried_and_the_message_arrives(cast, root, post_office):
    assert root.post(PAGE, written(post_office)).status_code == 302
    answer = root.post(f"{PAGE}test/")
    assert "The mail server took the test message for root@example.org." in answer.text
    [message] = post_office.messages
    assert (message["Subject"], message["To"]) == ("Paquebot can write to you", "root@example.org")
    assert "https://paquebot.example.org" in message.get_body(("plain",)).get_content()


def test_what_is_in_the_way_is_told_in_one_sentence_and_a_hint(cast, root, post_office):
    port = free_port()
    root.post(PAGE, written(post_office, port=port))
    answer = root.post(f"{PAGE}test/")
    assert f"Nobody answers at 127.0.0.1:{port}." in answer.text
    french = root.post(f"{PAGE}test/", headers={"accept-language": "fr"})
    assert f"Personne ne répond à 127.0.0.1:{port}." in french.text.replace("\N{NO-BREAK SPACE}", " ")


def test_nothing_is_tried_before_there_is_a_server(cast, root):
    assert "No mail server is set yet. Save its settings first, then try it." in root.post(f"{PAGE}test/").text


def test_the_password_is_sealed_never_shown_and_stays_when_nothing_is_written(cast, root):
    from paquebot.records.models import Channel

    with mail_server(**signing_in(auth_require_tls=False)) as server:
        root.post(PAGE, written(server, username="paquebot", password=PASSWORD))
        page = root.get(PAGE)
        assert PASSWORD not in page.text and "Stored, and never shown." in page.text
        root.post(PAGE, written(server, username="paquebot", sender="other@example.org", version=version(page)))
        assert Channel.objects.get().options["sender"] == "other@example.org"
        root.post(f"{PAGE}test/")
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"host": ""}, "This field is required."),
        ({"sender": "nobody"}, "“nobody” cannot be a sender."),
        ({"password": "x"}, "There is a password, and no account it belongs to."),
        ({"pages_url": "ftp://x"}, "Write it as https://name.example.org"),
        ({"authority": "nothing"}, "This is not a certificate in PEM text."),
    ],
)
def test_what_cannot_be_is_told_beside_the_field_and_kept(cast, root, post_office, wrong, told):
    from paquebot.records.models import Channel

    answer = root.post(PAGE, written(post_office, **wrong))
    assert answer.status_code == 422
    assert told in answer.text
    assert "Paquebot &lt;paquebot@example.org&gt;" in answer.text or "sender" in wrong
    assert not Channel.objects.exists()


def test_somebody_elses_change_is_not_overwritten(cast, root, post_office):
    root.post(PAGE, written(post_office))
    answer = root.post(PAGE, written(post_office, sender="late@example.org"))
    assert answer.status_code == 422 and "Somebody else changed" in answer.text
    assert "late@example.org" in answer.text


def test_owners_look_and_try_but_do_not_change(cast, root, post_office):
    from paquebot.records.models import Channel

    root.post(PAGE, written(post_office))
    page = cast.alice.get(PAGE).text
    assert "an administrator of the installation sets it" in page and 'name="host"' not in page
    assert cast.alice.post(PAGE, written(post_office, host="evil.example.org")).status_code == 403
    assert cast.alice.post(PAGE, {"do": "forget"}).status_code == 403
    assert Channel.objects.get().options["host"] == "127.0.0.1"
    cast.alice.post(f"{PAGE}test/")
    assert post_office.readers == ["alice@example.org"]


def test_it_can_be_taken_away_again(cast, root, post_office):
    from paquebot.records.models import Channel

    root.post(PAGE, written(post_office))
    root.post(PAGE, {"do": "forget", "version": version(root.get(PAGE))})
    assert not Channel.objects.exists()


def test_owners_look_after_the_letters_of_their_project_alone(cast, root, served, post_office):
    from paquebot.records.models import Letter, Project

    export = make_export(cast.project, "daily", "Unsubscribed of the day")
    listen(export, "alice@example.org", "failed")
    ended(export, "failed", error=FULL)
    other = Project.objects.create(name="other", lake_schema="o", lake_role="o", lake_password="")
    elsewhere = Letter.objects.create(
        project=other, address="x@example.org", purpose="invitation", token="t", next_at=Letter.objects.get().next_at
    )
    page = cast.alice.get(PAGE).text
    assert "Failed: Unsubscribed of the day" in page and "x@example.org" not in page
    assert "x@example.org" in root.get(PAGE).text
    cast.alice.post(f"{PAGE}letters/", {"do": "drop", "letter": str(elsewhere.id)})
    elsewhere.refresh_from_db()
    assert elsewhere.state == "waiting"
    cast.alice.post(f"{PAGE}letters/", {"do": "drop"})
    assert list(Letter.objects.order_by("id").values_list("state", flat=True)) == ["withdrawn", "waiting"]


def test_a_refused_letter_leaves_once_it_is_tried_again(cast, root, served, post_office):
    from paquebot.records.alerts.outbox import send_due

    export = make_export(cast.project, "daily")
    listen(export, "alice@example.org", "failed")
    set_mail(served, post_office)
    post_office.answers["alice@example.org"] = "550 no"
    ended(export, "failed", error=FULL)
    send_due(served)
    assert "does not take messages for this reader (550)." in cast.alice.get(PAGE).text
    del post_office.answers["alice@example.org"]
    cast.alice.post(f"{PAGE}letters/", {"do": "again"})
    assert send_due(served) == 1
    assert "Nothing waits." in cast.alice.get(PAGE).text


def test_a_forgotten_password_leaves_by_the_mail_server(cast, served, post_office):
    from paquebot.records.alerts.outbox import send_due

    set_mail(served, post_office)
    client().post("/sign-in/forgotten/", {"email": "bob@example.org"})
    assert list(served.home.mail.iterdir()) == []
    assert send_due(served) == 1
    [message] = post_office.messages
    assert message["Subject"] == "Choose another password for Paquebot"
    link = re.search(r"https://paquebot\.example\.org(/sign-in/password/\S+)", message.get_body(("plain",)).get_content())[1]
    form = client().get(link, follow=True).redirect_chain[-1][0]
    assert form.endswith("/set-password/")
