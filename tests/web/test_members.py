"""Who may do what: members let in or invited, roles, deactivation, and the owner who is always left."""

from __future__ import annotations

import re

import pytest

from fixtures.crossing import make_export
from fixtures.listening import listen, person, set_mail
from fixtures.pages import PASSWORD, client

PAGE = "/p/letters/administration/"


def member(name):
    return f"{PAGE}members/{person(f'{name}@example.org').id}/"


def role(name):
    from paquebot.records.models import Membership

    row = Membership.objects.filter(user=person(f"{name}@example.org")).first()
    return (row.role, row.is_active) if row else None


def test_owners_alone_administer_and_the_rail_says_so(cast):
    assert cast.alice.get(PAGE).status_code == 200
    assert PAGE in cast.alice.get("/p/letters/").text
    assert PAGE not in cast.bob.get("/p/letters/").text
    for address in (PAGE, member("bob"), f"{PAGE}mail/"):
        assert cast.bob.get(address).status_code == 403
        assert cast.charlie.get(address).status_code == 404
    for address in (
        PAGE,
        member("alice"),
        f"{PAGE}invitations/1/",
        f"{PAGE}mail/",
        f"{PAGE}mail/test/",
        f"{PAGE}mail/letters/",
    ):
        assert cast.bob.post(address, {"do": "deactivate"}).status_code == 403
    assert role("alice") == ("owner", True)


def test_the_list_tells_who_is_in_and_when_they_were_last_seen(cast):
    cast.bob.get("/p/letters/")
    page = cast.alice.get(PAGE).text
    for said in ("Alice", "alice@example.org", "owner", "bob@example.org", "viewer", "Administrator of the installation"):
        assert said in page
    assert "charlie@example.org" not in page
    assert person("bob@example.org").seen_at is not None and person("charlie@example.org").seen_at is None


def test_who_has_an_account_is_let_in_at_once(cast):
    assert cast.alice.post(PAGE, {"email": "Charlie@example.org", "role": "editor"}).status_code == 302
    assert role("charlie") == ("editor", True)
    assert cast.charlie.get("/p/letters/").status_code == 200


@pytest.mark.parametrize(
    "written, told",
    [
        ({"email": "nobody", "role": "viewer"}, "“nobody” is not an e-mail address."),
        ({"email": "bob@example.org", "role": "viewer"}, "bob@example.org is in this project already."),
        ({"email": "", "role": "viewer"}, "This field is required."),
        ({"email": "x@example.org", "role": "king"}, "Select a valid choice."),
    ],
)
def test_who_cannot_be_added_is_told_beside_the_field(cast, written, told):
    answer = cast.alice.post(PAGE, written)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{written["email"]}"' in answer.text or not written["email"]


def invited(cast, email="dan@example.org"):
    page = cast.alice.post(PAGE, {"email": email, "role": "editor"}).text
    return re.search(r"<code>http://localhost(/invitation/[^<]+)</code>", page)[1]


def test_without_a_mail_server_the_link_is_shown_once_and_works_once(cast):
    link = invited(cast)
    assert "/invitation/" not in cast.alice.get(PAGE).text and "dan@example.org" in cast.alice.get(PAGE).text
    visitor = client()
    page = visitor.get(link).text
    assert "into the project “Letters” as dan@example.org" in page
    answer = visitor.post(link, {"name": "Dan", "password": "short"})
    assert answer.status_code == 422 and "too easy to guess" in answer.text and 'value="Dan"' in answer.text
    assert visitor.post(link, {"name": "Dan", "password": PASSWORD}).headers["Location"] == "/p/letters/"
    assert visitor.get("/p/letters/").status_code == 200
    assert role("dan") == ("editor", True)
    gone = client().get(link)
    assert gone.status_code == 410 and "This invitation no longer works" in gone.text


def test_the_link_lies_nowhere_in_the_database(cast):
    from paquebot.records.models import Invitation

    secret = invited(cast).split("/")[2]
    assert secret not in str(Invitation.objects.values().get())


def test_a_newer_link_a_withdrawn_one_and_a_week_end_an_invitation(cast):
    from django.utils import timezone

    from paquebot.records.models import Invitation

    first = invited(cast)
    row = Invitation.objects.get()
    page = cast.alice.post(f"{PAGE}invitations/{row.id}/", {"do": "link"}).text
    second = re.search(r"<code>http://localhost(/invitation/[^<]+)</code>", page)[1]
    assert [client().get(link).status_code for link in (first, second)] == [410, 200]
    Invitation.objects.update(expires_at=timezone.now())
    assert client().get(second).status_code == 410
    third = invited(cast)
    cast.alice.post(f"{PAGE}invitations/{Invitation.objects.get().id}/", {"do": "withdraw"})
    assert client().get(third).status_code == 410


def test_with_a_mail_server_the_invitation_leaves_by_it(cast, served, post_office):
    from paquebot.records.alerts.outbox import send_due

    set_mail(served, post_office)
    answer = cast.alice.post(PAGE, {"email": "dan@example.org", "role": "viewer"}, follow=True)
    assert "An invitation is on its way to dan@example.org." in answer.text and "/invitation/" not in answer.text
    assert send_due(served) == 1
    [message] = post_office.messages
    assert message["Subject"] == "You are invited into the project “Letters”"
    text = message.get_body(("plain",)).get_content()
    link = re.search(r"https://paquebot\.example\.org(/invitation/\S+)", text)[1]
    assert client().post(link, {"name": "Dan", "password": PASSWORD}).headers["Location"] == "/p/letters/"


def test_who_made_an_account_meanwhile_signs_in_with_it(cast):
    from paquebot.credentials import Secret
    from paquebot.records.people import add_person

    link = invited(cast)
    add_person("dan@example.org", Secret(PASSWORD), "Dan")
    assert "You have an account already" in client().get(link).text
    assert "You have an account already" in cast.bob.get(link).text
    visitor = client()
    answer = visitor.post(f"/sign-in/?next={link}", {"username": "dan@example.org", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/p/letters/"
    assert role("dan") == ("editor", True)


def test_a_role_is_changed_and_the_last_owner_stays(cast):
    cast.alice.post(member("bob"), {"do": "role", "role": "editor"})
    assert role("bob") == ("editor", True)
    for written in ({"do": "role", "role": "viewer"}, {"do": "deactivate"}):
        answer = cast.alice.post(member("alice"), written)
        assert "Alice is the last active owner of this project." in answer.text
    assert role("alice") == ("owner", True)
    cast.alice.post(member("bob"), {"do": "role", "role": "owner"})
    cast.alice.post(member("alice"), {"do": "role", "role": "viewer"})
    assert (role("alice"), role("bob")) == (("viewer", True), ("owner", True))
    assert cast.alice.get(PAGE).status_code == 403


def test_two_owners_who_deactivate_one_another_leave_one(cast):
    import threading

    from django.db import connections

    from paquebot.errors import CommandError
    from paquebot.records import members
    from paquebot.records.models import Membership

    members.change_role(cast.project, person("bob@example.org").id, "owner")
    ids = [person(f"{name}@example.org").id for name in ("alice", "bob")]
    together, refused = threading.Barrier(2), []

    def act(user):
        together.wait()
        try:
            members.deactivate(cast.project, user)
        except CommandError as error:
            refused.append(error.code)
        connections.close_all()

    threads = [threading.Thread(target=act, args=(user,)) for user in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["member.last_owner"]
    assert Membership.objects.filter(role="owner", is_active=True).count() == 1


def test_a_deactivated_member_is_shut_out_and_comes_back_as_they_were(cast):
    export = make_export(cast.project, "daily", "Unsubscribed of the day")
    listen(export, "bob@example.org", "failed")
    page = cast.alice.get(member("bob")).text
    assert "One export relies on them for its alerts:" in page and "Unsubscribed of the day" in page
    assert "nobody else would hear of a failure" in page
    cast.alice.post(member("bob"), {"do": "deactivate"})
    assert cast.bob.get("/p/letters/").status_code == 404
    assert "You are in no project yet." in cast.bob.get("/").text
    assert "deactivated" in cast.alice.get(PAGE).text
    assert "bob@example.org is in this project, deactivated." in (
        cast.alice.post(PAGE, {"email": "bob@example.org", "role": "viewer"}).text
    )
    cast.alice.post(member("bob"), {"do": "reactivate"})
    assert cast.bob.get("/p/letters/").status_code == 200
    assert role("bob") == ("viewer", True)


def test_exports_nobody_would_hear_of_are_told_to_owners(cast):
    make_export(cast.project, "daily", "Unsubscribed of the day")
    assert "Nobody would hear of a failure of:" in cast.alice.get(PAGE).text
