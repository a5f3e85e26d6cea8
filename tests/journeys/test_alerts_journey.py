"""A run fails at night on a real installation, and the right people find it in their mail, each in their language."""

from __future__ import annotations

from fixtures.home import eventually
from fixtures.listening import set_mail

PROJECT = """\
version: 1
project: {name: letters, label: Lettres, timezone: America/Toronto}
contacts: {table: municipalities, import: "{demo}/data/municipalities.csv", key: [code], email: email}
servers:
  - {name: quai, folder: {path: quai}}
exports:
  - name: daily
    label: Désabonnements du jour
    destination: {server: quai}
    file: {name: daily}
    production: {if_exists: refuse}
    schedule: {every: day, at: "06:30"}
    deliver_by: "07:00"
    alerts:
      - {on: [failed, late, recovered], to: [alice@example.org, relais@example.org]}
      - {on: [delivered], addresses: [partenaire@example.net]}
"""


def test_who_listens_is_applied_told_and_left_alone_where_a_file_says_nothing(installation, records, post_office):
    from paquebot.credentials import Secret
    from paquebot.records.alerts.listening import alerts_document
    from paquebot.records.models import Export, Letter, User
    from paquebot.records.people import add_person, let_in

    add_person("root@example.org", Secret("a sentence that is long"))
    installation.apply(PROJECT)
    export = Export.objects.select_related("project").get()
    assert "alerts" not in export.definition and export.definition["deliver_by"] == "07:00"
    for email, language in (("alice@example.org", "fr"), ("relais@example.org", "en")):
        let_in(add_person(email, Secret("a sentence that is long")), export.project, "viewer")
        User.objects.filter(email=email).update(language=language)
    asked = [
        {"on": ["failed", "late", "recovered"], "to": ["alice@example.org", "relais@example.org"]},
        {"on": ["delivered"], "addresses": ["partenaire@example.net"]},
    ]
    assert alerts_document(export) == asked
    assert "changed" not in installation.apply(PROJECT).stdout
    silent = PROJECT.partition("    alerts:")[0]
    installation.apply(silent)
    assert alerts_document(export) == asked
    set_mail(records, post_office)
    with installation.running("worker"):
        for _ in range(2):
            installation.document("run", "daily", "--wait", exit_code=0 if not Letter.objects.exists() else 1)
        eventually(lambda: len(post_office.messages) == 3, "three messages")
    assert sorted(zip(post_office.readers, post_office.subjects, strict=True)) == [
        ("alice@example.org", "[Lettres] Échec\u00a0: Désabonnements du jour"),
        ("partenaire@example.net", "[Lettres] Delivered: Désabonnements du jour"),
        ("relais@example.org", "[Lettres] Failed: Désabonnements du jour"),
    ]
    failed = next(m for m in post_office.messages if m["To"] == "alice@example.org").get_body(("plain",)).get_content()
    assert "Étape\u00a0:" in failed and "daily.csv" in failed and "Prochaine exécution" in failed
    installation.apply(silent + "    alerts: []\n")
    assert alerts_document(export) == []
