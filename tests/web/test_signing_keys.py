"""The project's own signing keys as pages show them, partners' age recipients, rehearsals, and the key of receipts."""

import json
import re

import pytest

from fixtures.crossing import make_export
from paquebot.packaging.encryption.signing import generate

LIST = "/p/letters/keys/"
NEW = "/p/letters/new-signing-key/"
TAKE_IN = "/p/letters/import-signing-key/"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
"""The example of the age specification."""


@pytest.fixture(scope="module")
def elsewhere():
    """A key that was made elsewhere."""
    return generate("Other <other@example.org>", None)


@pytest.fixture
def ours(cast):
    """The generated key `ours`."""
    answer = cast.alice.post(NEW, {"name": "Ours", "user_id": "Ville <exports@example.org>", "algorithm": "ed25519"})
    assert answer.headers["Location"] == "/p/letters/signing-keys/ours/"
    return cast


def test_a_generated_key_shows_its_public_half_alone_and_hands_it_out(ours):
    from paquebot.records.models import SigningKey

    key = SigningKey.objects.get()
    page = ours.bob.get("/p/letters/signing-keys/ours/").text
    assert "Ville &lt;exports@example.org&gt;" in page
    assert "EdDSA (ed25519)" in page
    assert "PRIVATE" not in page + ours.bob.get("/p/letters/signing-keys/").text
    handed = ours.bob.get("/p/letters/signing-keys/ours/public/")
    assert handed.content.decode() == key.public_text
    assert 'filename="ours.public.asc"' in handed.headers["Content-Disposition"]
    assert "PRIVATE" not in key.sealed_key + key.sealed_passphrase


def test_a_key_made_elsewhere_is_taken_in_and_a_wrong_passphrase_is_told_without_showing_the_key(cast, elsewhere):
    private = elsewhere.private_text.reveal()
    wrong = cast.alice.post(TAKE_IN, {"name": "Old", "text": private, "passphrase": "guess"})
    assert (wrong.status_code, "The passphrase does not open this private key." in wrong.text) == (422, True)
    assert private[200:260] not in wrong.text
    taken = cast.alice.post(TAKE_IN, {"name": "Old", "text": private, "passphrase": elsewhere.passphrase.reveal()})
    assert taken.headers["Location"] == "/p/letters/signing-keys/old/"


@pytest.mark.parametrize("user_id", ["x", "two\nlines <a@b.c>", "<a@b.c>"])
def test_a_name_gpg_would_not_take_is_told_beside_its_field(cast, user_id):
    answer = cast.alice.post(NEW, {"name": "Ours", "user_id": user_id, "algorithm": "ed25519"})
    assert answer.status_code == 422
    assert re.search(r'data-errors-of="user_id"[^>]*><p>', answer.text)


def test_only_owners_make_and_delete_and_a_key_in_use_stays(ours):
    from paquebot.records.models import SigningKey
    from paquebot.records.writing import version_of

    assert ours.bob.post(NEW, {"name": "x"}).status_code == 403
    export = make_export(ours.project, "unsubscribed", "Unsubscribed")
    export.definition["encryption"] = {"openpgp": ["partner"], "armour": False, "sign_with": "ours"}
    export.save()
    form = {"version": version_of(SigningKey.objects.get())}
    assert "Not while an export uses it" in ours.alice.get("/p/letters/signing-keys/ours/").text
    ours.alice.post("/p/letters/signing-keys/ours/delete/", form)
    assert SigningKey.objects.count() == 1
    export.delete()
    ours.alice.post("/p/letters/signing-keys/ours/delete/", form)
    assert SigningKey.objects.count() == 0


def test_an_age_recipient_is_kept_rehearsed_and_chosen_by_an_export(ours):
    from paquebot.records.models import EncryptionKey

    ours.alice.post("/p/letters/new-key/", {"name": "Partner", "text": f"# partner\n{RECIPIENT}\n"})
    assert (EncryptionKey.objects.get().kind, EncryptionKey.objects.get().fingerprint) == ("age", RECIPIENT)
    page = ours.alice.post(f"{LIST}partner/rehearsal/", follow=True).text
    assert "came back byte for byte" in page
    assert ours.bob.post(f"{LIST}partner/rehearsal/").status_code == 403
    export = make_export(ours.project, "unsubscribed", "Unsubscribed")
    form = {"part": "packaging", "version": export.version, "made_from": json.dumps(export.definition)}
    ours.alice.post("/p/letters/exports/unsubscribed/", {**form, "packaging-compression": "none", "packaging-age": "partner"})
    export.refresh_from_db()
    assert export.definition["encryption"] == {"age": ["partner"], "armour": False}
    assert ".csv.age" in ours.alice.get("/p/letters/exports/unsubscribed/?open=file").text


def test_a_signature_without_openpgp_keys_is_refused_beside_the_field(ours):
    ours.alice.post("/p/letters/new-key/", {"name": "Partner", "text": RECIPIENT})
    from paquebot.records.models import EncryptionKey

    EncryptionKey.objects.create(project=ours.project, name="pgp", public_text="", fingerprint="F")
    export = make_export(ours.project, "unsubscribed", "Unsubscribed")
    form = {"part": "packaging", "version": export.version, "made_from": json.dumps(export.definition)}
    chosen = {"packaging-compression": "none", "packaging-age": "partner", "packaging-sign_with": "ours"}
    answer = ours.alice.post("/p/letters/exports/unsubscribed/", {**form, **chosen})
    assert (answer.status_code, "signature goes with OpenPGP keys alone" in answer.text) == (422, True)


def test_the_public_key_of_receipts_is_downloaded_and_checks_one(cast, served):
    from paquebot.reporting.receipt import from_pem, sign

    answer = cast.bob.get("/p/letters/receipt-key/")
    assert answer.content.startswith(b"-----BEGIN PUBLIC KEY-----")
    receipt = sign({"rows": 3}, served.keyring.signing_key())
    assert receipt.facts([from_pem(answer.content)]) == {"rows": 3}
