"""The first person, signing in and out, a forgotten password."""

import re
import subprocess
import sys

from fixtures.pages import PASSWORD, client

FIRST = {"name": "Alice", "email": "Alice@Example.org", "password": PASSWORD}


def test_a_fresh_installation_leads_everybody_to_its_first_page(served):
    visitor = client()
    for address in ("/", "/p/letters/", "/sign-in/"):
        assert visitor.get(address).headers["Location"] == "/welcome/"


def test_the_first_person_owns_the_installation_and_is_signed_in(served):
    from paquebot.records.models import User

    visitor = client()
    assert visitor.post("/welcome/", FIRST).headers["Location"] == "/"
    assert User.objects.get().is_administrator
    assert User.objects.get().email == "alice@example.org"
    assert "No project yet." in visitor.get("/").text
    assert client().post("/welcome/", {**FIRST, "email": "eve@example.org"}).headers["Location"] == "/sign-in/"
    assert User.objects.count() == 1


def test_what_was_typed_is_kept_and_the_password_is_not(served):
    answer = client().post("/welcome/", {**FIRST, "password": "short"})
    assert answer.status_code == 422
    assert 'value="Alice@Example.org"' in answer.text
    assert "too easy to guess" in answer.text
    assert "short" not in re.findall(r'value="([^"]*)"', answer.text)


def test_signing_in_leads_back_and_signing_out_ends_it(cast):
    visitor = client()
    answer = visitor.post("/sign-in/?next=/p/letters/history/", {"username": "BOB@example.org", "password": PASSWORD})
    assert answer.headers["Location"] == "/p/letters/history/"
    assert visitor.get("/p/letters/").status_code == 200
    assert visitor.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert visitor.get("/p/letters/").status_code == 302


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(cast):
    answers = [
        client().post("/sign-in/", {"username": email, "password": "wrong"}) for email in ("bob@example.org", "no@x.org")
    ]
    told = {re.search(r'role="alert">.*?<p>(.*?)</p>', answer.text, re.DOTALL)[1] for answer in answers}
    assert told == {"This e-mail and this password do not go together."}


def test_after_five_wrong_passwords_the_right_one_is_refused_too(cast):
    visitor = client()
    for _ in range(5):
        last = visitor.post("/sign-in/", {"username": "bob@example.org", "password": "wrong"})
    assert last.status_code == 429
    refused = visitor.post("/sign-in/", {"username": "bob@example.org", "password": PASSWORD})
    assert refused.status_code == 429
    assert "Too many attempts" in refused.text
    other = client().post("/sign-in/", {"username": "alice@example.org", "password": PASSWORD})
    assert other.status_code == 302


def test_a_forgotten_password_is_changed_by_a_link_that_works_once(cast, served):
    asked = client().post("/sign-in/forgotten/", {"email": "bob@example.org"})
    assert asked.headers["Location"] == "/sign-in/forgotten/sent/"
    [mail] = served.home.mail.iterdir()
    link = re.search(r"http://localhost(/sign-in/password/\S+)", mail.read_text())[1]
    visitor = client()
    page = visitor.get(link, follow=True)
    form = page.redirect_chain[-1][0]
    changed = visitor.post(form, {"new_password1": "another sentence entirely"})
    assert changed.headers["Location"] == "/sign-in/password-changed/"
    entered = client().post("/sign-in/", {"username": "bob@example.org", "password": "another sentence entirely"})
    assert entered.status_code == 302
    assert "no longer works" in client().get(link, follow=True).text


def test_a_second_message_within_minutes_does_not_leave_and_an_unknown_person_gets_none(cast, served):
    for email in ("bob@example.org", "bob@example.org", "nobody@example.org"):
        client().post("/sign-in/forgotten/", {"email": email})
    assert len(list(served.home.mail.iterdir())) == 1


def test_people_are_added_by_the_command_line(cast, pages_installation):
    arguments = ["user", "add", "Dan@example.org", "--project", "letters", "--role", "editor", "--json"]
    added = subprocess.run(
        [sys.executable, "-m", "paquebot.cli.main", *arguments],
        env=pages_installation.environment,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"role": "editor"' in added.stdout
    assert PASSWORD not in added.stdout + added.stderr
    visitor = client()
    visitor.post("/sign-in/", {"username": "dan@example.org", "password": PASSWORD})
    assert visitor.get("/p/letters/").status_code == 200
