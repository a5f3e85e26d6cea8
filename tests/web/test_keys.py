"""Keys as pages show them: public ones are taken in, private ones are refused and never shown again."""

import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from fixtures.stocked import make_export, version_in

LIST = "/p/letters/keys/"
NEW = "/p/letters/new-key/"


@pytest.fixture(scope="module")
def partner_keys():
    """Two public keys, one that expired, and a private one, as text."""
    home = Path(tempfile.mkdtemp(prefix="keys-"))  # short: an agent's socket lives in it

    def gpg(*arguments):
        command = [
            "gpg",
            "--homedir",
            home,
            "--batch",
            "--no-tty",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout

    try:
        gpg("--quick-generate-key", "one@example.org", "future-default", "default", "20d")
        gpg("--quick-generate-key", "two@example.org", "future-default", "default", "never")
        gpg(
            "--faked-system-time",
            "20200101T120000",
            "--quick-generate-key",
            "old@example.org",
            "future-default",
            "default",
            "9d",
        )
        found = {name: gpg("--armor", "--export", f"{name}@example.org") for name in ("one", "two", "old")}
        yield {**found, "private": gpg("--armor", "--export-secret-keys", "one@example.org")}
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def kept(cast, partner_keys):
    """The key `partner`."""
    assert cast.alice.post(NEW, {"name": "Partner", "text": partner_keys["one"]}).headers["Location"] == f"{LIST}partner/"
    return cast


def test_a_pasted_key_is_kept_with_its_fingerprint_and_its_days(kept, partner_keys):
    from paquebot.records.models import EncryptionKey

    key = EncryptionKey.objects.get()
    assert key.public_text.strip() == partner_keys["one"].strip()
    page = kept.bob.get(f"{LIST}partner/").text
    assert " ".join(key.fingerprint[start : start + 4] for start in range(0, 40, 4)) in page
    shown = kept.bob.get(LIST).text
    assert "state-warn" in shown
    assert "20 days left" in shown or "19 days left" in shown
    key.expires_on -= timedelta(days=30)
    key.save()
    assert "expired on" in kept.bob.get(LIST).text


def test_a_key_comes_from_a_file_too(cast, partner_keys):
    from paquebot.records.models import EncryptionKey

    file = SimpleUploadedFile("partner.asc", partner_keys["two"].encode())
    assert cast.alice.post(NEW, {"name": "file", "file": file}).status_code == 302
    assert EncryptionKey.objects.get().expires_on is None


def test_a_private_key_is_refused_with_its_hint_and_not_shown_again(cast, partner_keys):
    from paquebot.records.models import EncryptionKey

    answer = cast.alice.post(NEW, {"name": "partner", "text": partner_keys["private"]})
    assert answer.status_code == 422
    told = answer.text.split('id="id_text_error"')[1]
    assert "This is a secret key; it was not kept. Paste the public key." in told
    assert partner_keys["private"].splitlines()[3] not in answer.text
    assert 'value="partner"' in answer.text
    file = SimpleUploadedFile("partner.asc", partner_keys["private"].encode())
    assert "it was not kept" in cast.alice.post(NEW, {"name": "partner", "file": file}).text.split('id="id_file_error"')[1]
    assert not EncryptionKey.objects.exists()


def test_what_is_no_key_and_what_expired_is_refused_beside_the_field(cast, partner_keys):
    nonsense = cast.alice.post(NEW, {"name": "partner", "text": "hello"}).text
    assert "This is not one OpenPGP public key." in nonsense.split('id="id_text_error"')[1]
    assert ">\nhello</textarea>" in nonsense
    assert "expired on 2020-01-10" in cast.alice.post(NEW, {"name": "partner", "text": partner_keys["old"]}).text
    assert "Paste the key, or choose its file." in cast.alice.post(NEW, {"name": "partner"}).text


def test_a_newer_key_takes_its_place_unless_somebody_was_faster(kept, partner_keys):
    from paquebot.records.models import EncryptionKey

    version = version_in(kept.alice.get(f"{LIST}partner/"))
    before = EncryptionKey.objects.get().fingerprint
    assert kept.alice.post(f"{LIST}partner/", {"text": partner_keys["two"], "version": version}).status_code == 302
    assert EncryptionKey.objects.get().fingerprint != before
    late = kept.alice.post(f"{LIST}partner/", {"text": partner_keys["one"], "version": version})
    assert late.status_code == 422
    assert "Somebody else changed “partner”" in late.text
    assert EncryptionKey.objects.get().fingerprint != before


def test_a_key_is_deleted_unless_an_export_uses_it(kept):
    from paquebot.records.models import EncryptionKey, Export

    make_export(kept.project, encryption={"openpgp": ["partner"]})
    version = version_in(kept.alice.get(f"{LIST}partner/"))
    refused = kept.alice.post(f"{LIST}partner/delete/", {"version": version}, follow=True)
    assert "“partner” cannot be deleted: it is used by The daily." in refused.text
    Export.objects.all().delete()
    assert kept.alice.post(f"{LIST}partner/delete/", {"version": version}).headers["Location"] == LIST
    assert not EncryptionKey.objects.exists()


def test_a_viewer_changes_nothing(kept, partner_keys):
    from paquebot.records.models import EncryptionKey

    before = EncryptionKey.objects.get().fingerprint
    kept.bob.post(f"{LIST}partner/", {"text": partner_keys["two"]})
    assert EncryptionKey.objects.get().fingerprint == before
    assert kept.bob.post(f"{LIST}partner/delete/").status_code == 403
    assert kept.bob.get(NEW).status_code == 403
