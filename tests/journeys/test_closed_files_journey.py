"""Signed and age-closed files through whole runs, from a project file whose secrets come by reference."""

from __future__ import annotations

import json
import subprocess

import pyrage
import pytest

from journeys.projects import FOLDER_SERVER, REGIONS, delivered_folder, export_of, recipient, text_of
from paquebot.packaging.encryption.signing import generate

KEYS = """
encryption_keys:
  - {name: partenaire, openpgp: env:PARTNER_OPENPGP}
  - {name: autre, age: env:PARTNER_AGE}
signing_keys:
  - {name: nous, openpgp: env:OUR_KEY, passphrase: env:OUR_PASSPHRASE}
"""


@pytest.fixture(scope="module")
def partner():
    with recipient() as made:
        yield made


def test_a_partner_checks_our_signature_another_opens_with_age_and_both_receipts_hold(installation, records, partner, tmp_path):
    own, identity = generate("Ville <exports@example.org>", None), pyrage.x25519.Identity.generate()
    installation.environment.update(
        PARTNER_OPENPGP=partner.public_key,
        PARTNER_AGE=str(identity.to_public()),
        OUR_KEY=own.private_text.reveal(),
        OUR_PASSPHRASE=own.passphrase.reveal(),
    )
    signed = export_of("signe", "quai", more="encryption: {openpgp: partenaire, sign_with: nous}")
    aged = export_of("age", "quai", more="encryption: {age: [autre], armour: true}")
    project = text_of(REGIONS, FOLDER_SERVER, KEYS, "exports:\n", signed, aged)
    installation.apply(project)
    assert "signing key" not in installation.apply(project).stdout

    runs = {name: installation.document("run", name, "--wait") for name in ("signe", "age")}
    folder = delivered_folder(installation)
    arrived = {name: (folder / run["file_name"]).read_bytes() for name, run in runs.items()}
    importing = ["gpg", "--homedir", partner.home, "--batch", "--quiet", "--import"]
    subprocess.run(importing, input=own.public_text.encode(), capture_output=True, check=True)
    checked = subprocess.run(
        ["gpg", "--homedir", partner.home, "--batch", "--quiet", "--status-fd", "2", "--decrypt"],
        input=arrived["signe"],
        capture_output=True,
        check=True,
    )
    plain = checked.stdout
    assert plain.startswith(b"region,municipalities,population\r\n")
    assert f"VALIDSIG {own.fingerprint}" in checked.stderr.decode()
    assert runs["age"]["file_name"] == "age.csv.age"
    assert pyrage.decrypt(arrived["age"], [identity]) == plain

    # The receipts name the keys, and hold for the delivered file as for what the partner opened.
    from paquebot.records.models import Receipt
    from paquebot.reporting.receipt import Receipt as Signed
    from paquebot.reporting.receipt import as_pem

    kept = Receipt.objects.get(run_id=runs["signe"]["id"])
    facts = json.loads(kept.document)
    assert (facts["key_fingerprints"], facts["signed_by"]) == ([partner.fingerprint], own.fingerprint)
    receipt, key, file = tmp_path / "receipt.json", tmp_path / "key.pem", tmp_path / "opened.csv"
    receipt.write_bytes(Signed(kept.document, kept.signature).to_file())
    key.write_bytes(as_pem(records.keyring.signing_key().public_key()))
    file.write_bytes(plain)
    told = installation.document("verify", str(receipt), str(file), "--key", str(key))
    assert (told["verified"], told["file"]) == (True, "plain")
    file.write_bytes(plain.replace(b"region", b"regiom", 1))
    differs = installation.document("verify", str(receipt), str(file), exit_code=1)["error"]["code"]
    assert differs == "receipt.size_differs"
    assert installation.document("verify", str(receipt), str(file), "--key", str(receipt), exit_code=2)["error"]["code"] == (
        "receipt.not_a_key"
    )

    # Rehearsed from the command line; no secret stands in what the database says of the key.
    told = installation.document("test-key", "partenaire")
    assert (told["ok"], told["fingerprint"]) == (True, partner.fingerprint)
    from paquebot.records.models import SigningKey

    row = SigningKey.objects.get()
    assert own.passphrase.reveal() not in f"{row.sealed_key}{row.sealed_passphrase}"


def test_a_private_key_written_into_the_project_file_is_refused(installation):
    text = text_of(REGIONS, 'signing_keys:\n  - {name: nous, openpgp: "BEGIN PGP PRIVATE KEY BLOCK"}\n')
    file = installation.root.parent / "plain.yaml"
    file.write_text(text)
    assert installation.document("apply", str(file), exit_code=2)["error"]["code"] == "definition.plain_secret"
