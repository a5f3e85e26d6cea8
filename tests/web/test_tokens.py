"""The tokens of programs: made by owners, shown once, used, revoked."""

import re

PAGE = "/p/letters/administration/tokens/"


def test_a_token_is_shown_once_and_opens_what_it_is_for(cast):
    assert "No program may call the API yet." in cast.alice.get(PAGE).text
    made = cast.alice.post(PAGE, {"name": "CRM", "scope": "read", "days": "30"})
    secret = re.search(r"<code>(pqt_[\w-]{43})</code>", made.text)[1]
    assert made.headers["Cache-Control"] == "no-store"
    again = cast.alice.get(PAGE).text
    assert secret not in again
    assert secret[:12] in again
    assert "never used" in again
    signed = {"authorization": f"Bearer {secret}"}
    assert cast.nobody.get("/api/v1/exports", headers=signed).status_code == 200
    assert "last used" in cast.alice.get(PAGE).text


def test_a_revoked_token_opens_nothing(cast):
    from paquebot.records.tokens import make_token

    row, secret = make_token(cast.project, "CRM", "admin", 30, None)
    cast.alice.post(f"{PAGE}{row.id}/revoke/")
    assert cast.nobody.get("/api/v1/exports", headers={"authorization": f"Bearer {secret.reveal()}"}).status_code == 401
    assert "revoked" in cast.alice.get(PAGE).text


def test_owners_alone_see_and_make_tokens(cast):
    from paquebot.records.models import ApiToken

    assert cast.bob.get(PAGE).status_code == 403
    assert cast.bob.post(PAGE, {"name": "CRM", "scope": "admin", "days": "30"}).status_code == 403
    assert cast.charlie.get(PAGE).status_code == 404
    assert not ApiToken.objects.exists()


def test_what_is_missing_stands_beside_its_field(cast):
    answer = cast.alice.post(PAGE, {"name": "", "scope": "read", "days": "30"})
    assert answer.status_code == 422
    assert "This field is required." in answer.text
    assert cast.alice.post(PAGE, {"name": "CRM", "scope": "everything", "days": "30"}).status_code == 422
