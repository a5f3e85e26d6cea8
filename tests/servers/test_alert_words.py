"""The messages themselves, word for word, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fixtures.crossing import make_export
from fixtures.listening import UNREACHABLE, ended, listen

DUE = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)
ENDED = datetime(2026, 11, 23, 11, 31, 5, tzinfo=UTC)
NEXT = "2026-11-24T11:30:00+00:00"
SPACE = "\u00a0"

FAILED_EN = """\
The export “Désabonnements du jour” failed.

Nobody answers at quay.example.org:22.
Check host and port, that the server is running, and that no firewall stands between. Trying again later may be enough.

Step: send
Destination: quay:/entrant
File: daily.csv
Rows: 10 (1 kB)
Due: Monday, November 23, 2026 at 06:30 (America/Toronto)
Ended: Monday, November 23, 2026 at 06:31 (America/Toronto)
Next run: Tuesday, November 24, 2026 at 06:30 (America/Toronto)

See the run: https://paquebot.example.org/p/letters/runs/{run}/

--{trail}
You follow this export in Paquebot. What you are told is chosen on its page, under Alerts.
""".replace("{trail}", " ")

FAILED_FR = """\
L’export «~Désabonnements du jour~» a échoué.

Personne ne répond à quay.example.org:22.
Vérifiez l’hôte et le port, que le serveur fonctionne et qu’aucun pare-feu ne fait obstacle. Réessayer plus tard peut suffire.

Étape~: envoi
Destination~: quay:/entrant
Fichier~: daily.csv
Lignes~: 10 (1~Ko)
Prévu~: lundi 23 novembre 2026 à 6~h~30 (America/Toronto)
Terminée~: lundi 23 novembre 2026 à 6~h~31 (America/Toronto)
Prochaine exécution~: mardi 24 novembre 2026 à 6~h~30 (America/Toronto)

Voir l’exécution~: https://paquebot.example.org/p/letters/runs/{run}/

--{trail}
Vous suivez cet export dans Paquebot. Ce qui vous est signalé se choisit sur sa page, sous Alertes.
""".replace("~", SPACE).replace("{trail}", " ")


@pytest.fixture
def export(cast):
    from paquebot.export import ExportDefinition

    export = make_export(cast.project, "daily")
    schedule = {"every": "day", "at": ["06:30"], "timezone": "America/Toronto"}
    changed = {
        **export.definition,
        "label": "Désabonnements du jour",
        "schedule": schedule,
        "destination": {"server": "quay", "folder": "/entrant"},
    }
    export.definition = ExportDefinition.from_document(changed).to_document()
    export.save()
    listen(export, "alice@example.org", "failed", "delivered", "late", "recovered", "nothing_to_export", "held")
    return export


def told(language, notice=None, *, as_person=True):
    from paquebot.language import translator
    from paquebot.records.alerts.letters import compose
    from paquebot.records.models import Notice

    notice = notice or Notice.objects.first()
    notice.facts["next_at"] = NEXT
    translate = translator(language)
    letter = compose(notice, language, translate, "https://paquebot.example.org", as_person=as_person)
    return letter.subject, letter.text(translate), letter.html(language)


def failure(export, **more):
    from paquebot.records.models import RunStep

    run = ended(export, "queued", error=UNREACHABLE, scheduled_for=DUE, finished_at=ENDED, **more)
    RunStep.objects.create(run=run, attempt=1, name="send", status="failed", started_at=DUE)
    run.status = "failed"
    run.save()
    from paquebot.records.alerts.telling import announce_end

    announce_end(run.id)
    return run


def test_a_failure_in_english(export):
    run = failure(export)
    subject, text, _ = told("en")
    assert subject == "[Letters] Failed: Désabonnements du jour"
    assert text == FAILED_EN.replace("{run}", str(run.id))


def test_a_failure_in_french(export):
    run = failure(export)
    subject, text, _ = told("fr")
    assert subject == f"[Letters] Échec{SPACE}: Désabonnements du jour"
    assert text == FAILED_FR.replace("{run}", str(run.id))


def test_the_html_says_the_same_and_lets_nothing_through(export):
    export.definition["label"] = "<script>a & b"
    export.save()
    run = failure(export)
    _, text, html = told("en")
    assert "<script>" in text and "<script>" not in html
    assert "&lt;script&gt;a &amp; b" in html
    for said in ("Nobody answers at quay.example.org:22.", "quay:/entrant", "Tuesday, November 24, 2026 at 06:30"):
        assert said in html
    assert f'<a href="https://paquebot.example.org/p/letters/runs/{run.id}/">See the run</a>' in html
    assert "src=" not in html and "<link" not in html


def test_repeats_are_counted_in_both_languages(export):
    for _ in range(3):
        failure(export)
    assert told("en")[0] == "[Letters] Failed: Désabonnements du jour (3rd failure in a row)"
    assert told("fr")[0] == f"[Letters] Échec{SPACE}: Désabonnements du jour (3ᵉ échec de suite)"


@pytest.mark.parametrize(
    "count, english, french", [(2, "2nd", "2ᵉ"), (11, "11th", "11ᵉ"), (21, "21st", "21ᵉ"), (33, "33rd", "33ᵉ")]
)
def test_ordinals(count, english, french):
    from paquebot.records.figures import ordinal

    assert (ordinal(count, "en"), ordinal(count, "fr")) == (english, french)


def test_a_delivery_names_what_left_and_how_it_was_proved(export):
    ended(
        export,
        "delivered",
        scheduled_for=DUE,
        finished_at=ENDED,
        rows=1412,
        size_bytes=58200,
        verification="read_back_sha256",
        remote_path="/entrant/daily.csv",
    )
    subject, text, _ = told("fr", as_person=False)
    assert subject == f"[Letters] Livré{SPACE}: Désabonnements du jour"
    assert f"L’export «{SPACE}Désabonnements du jour{SPACE}» est livré." in text
    assert f"Destination{SPACE}: quay:/entrant/daily.csv\n" in text
    assert f"Lignes{SPACE}: 1\u202f412 (58,2{SPACE}Ko)\n" in text
    assert f"Comparé par{SPACE}: SHA-256 du fichier relu\n" in text
    assert "Une personne qui s’occupe de cet export dans Paquebot y a inscrit votre adresse." in text


def test_each_event_has_its_own_words_in_both_languages(export):
    from paquebot.records.models import Notice

    ended(export, "failed", scheduled_for=DUE, error=UNREACHABLE)
    ended(export, "nothing_to_export", scheduled_for=DUE)
    ended(export, "held", scheduled_for=DUE)
    ended(export, "missed", scheduled_for=DUE)
    heads = {notice.event: (told("en", notice)[0], told("fr", notice)[0]) for notice in Notice.objects.all()}
    assert {event: (en[10:], fr[10:]) for event, (en, fr) in heads.items()} == {
        "failed": ("Failed: Désabonnements du jour", f"Échec{SPACE}: Désabonnements du jour"),
        "nothing_to_export": ("Nothing to export: Désabonnements du jour", f"Rien à exporter{SPACE}: Désabonnements du jour"),
        "recovered": ("Back to normal: Désabonnements du jour", f"Retour à la normale{SPACE}: Désabonnements du jour"),
        "held": ("Held: Désabonnements du jour", f"Fichier retenu{SPACE}: Désabonnements du jour"),
        "late": ("Late: Désabonnements du jour", f"Retard{SPACE}: Désabonnements du jour"),
    }


def test_the_link_leads_to_the_page_of_the_run_or_of_the_export(export):
    from django.urls import reverse

    from paquebot.records.alerts.letters import path_of
    from paquebot.records.alerts.telling import tell_undelivered
    from paquebot.records.models import Notice

    run = failure(export)
    assert path_of(Notice.objects.first()) == reverse("run", args=["letters", run.id])
    tell_undelivered(export, NEXT_DUE, NEXT_DUE)
    assert path_of(Notice.objects.first()) == reverse("export", args=["letters", "daily"])


NEXT_DUE = datetime(2026, 11, 25, 11, 30, tzinfo=UTC)
