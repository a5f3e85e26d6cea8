"""Destinations as pages show them: made by kind, tested, their host keys approved, their secrets never shown again."""

import re

import pytest

from fixtures.stocked import make_export, version_in

LIST = "/p/letters/destinations/"
NEW = "/p/letters/new-destination/"
PARTNER = {"name": "Partenaire 2026", "host": "sftp.example.org", "port": "2222", "username": "us", "password": "s3cret-word"}


@pytest.fixture
def partner(cast):
    """The destination `partenaire-2026` and its address."""
    assert cast.alice.post(f"{NEW}sftp/", PARTNER).headers["Location"] == f"{LIST}partenaire-2026/"
    cast.address = f"{LIST}partenaire-2026/"
    return cast


def saved(cast, **changed):
    """The settings form as the page shows it, with some fields written."""
    shown = {"host": "sftp.example.org", "port": "2222", "username": "us", "connect_timeout_seconds": "15"}
    shown |= {"keepalive_interval_seconds": "1", "keepalive_count": "3", "do": "save"}
    return cast.alice.post(cast.address, {**shown, "version": version_in(cast.alice.get(cast.address)), **changed})


def secret_of(served, name="password"):
    from paquebot.records.models import Server

    return served.keyring.unseal(Server.objects.get().secrets[name]).reveal()


def test_without_destinations_the_page_says_what_to_do_next(cast):
    assert f'href="{NEW}"' in cast.alice.get(LIST).text
    looked = cast.bob.get(LIST).text
    assert "No destination yet." in looked
    assert NEW not in looked


def test_the_kind_comes_first_and_then_only_its_own_fields(cast):
    kinds = cast.alice.get(NEW).text
    assert f'href="{NEW}sftp/"' in kinds
    assert f'href="{NEW}folder/"' in kinds
    assert 'name="host"' in cast.alice.get(f"{NEW}sftp/").text
    folder = cast.alice.get(f"{NEW}folder/").text
    assert 'name="host"' not in folder
    assert 'name="path"' in folder
    assert cast.alice.get(f"{NEW}pigeon/").status_code == 404


def test_a_secret_is_sealed_never_shown_kept_when_left_empty_and_replaced_when_typed(partner, served):
    from paquebot.records.models import Server

    assert "s3cret-word" not in str(Server.objects.get().secrets) + str(Server.objects.get().options)
    page = partner.alice.get(partner.address).text
    assert "s3cret-word" not in page
    assert "Stored, and never shown." in page
    assert saved(partner, host="other.example.org").status_code == 302
    assert Server.objects.get().options["host"] == "other.example.org"
    assert secret_of(served) == "s3cret-word"
    assert saved(partner, password="an0ther").status_code == 302
    assert secret_of(served) == "an0ther"


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept(cast):
    answer = cast.alice.post(f"{NEW}sftp/", {**PARTNER, "host": "", "port": "99999"})
    assert answer.status_code == 422
    assert 'id="id_host_error"' in answer.text
    assert "65535" in answer.text.split('id="id_port_error"')[1][:400]
    assert 'value="Partenaire 2026"' in answer.text
    assert "s3cret-word" not in answer.text
    cast.alice.post(f"{NEW}sftp/", PARTNER)
    again = cast.alice.post(f"{NEW}sftp/", PARTNER)
    assert "There is already one called “partenaire-2026”" in again.text.split('id="id_name_error"')[1]


def test_a_folder_outside_the_allowed_ones_is_refused_beside_its_field(cast, served):
    from paquebot.records.models import Server

    allowed = str(served.home.allowed_folders[0])
    assert allowed in cast.alice.get(f"{NEW}folder/").text
    refused = cast.alice.post(f"{NEW}folder/", {"name": "etc", "path": "/etc"})
    assert allowed in refused.text.split('id="id_path_error"')[1].split("</div>")[0]
    assert not Server.objects.exists()
    assert cast.alice.post(f"{NEW}folder/", {"name": "quai", "path": "out"}).status_code == 302
    assert (served.home.allowed_folders[0] / "out").is_dir()


def test_the_test_tells_each_step_with_its_time_and_leaves_nothing(cast, served):
    cast.alice.post(f"{NEW}folder/", {"name": "quai", "path": "out"})
    answer = cast.alice.post(f"{LIST}quai/test/", {"folder": ""}, headers={"HX-Request": "true"}).text
    assert re.findall(r'<li class="(finding-\w+)">', answer) == ["finding-good"] * 7
    assert len(re.findall(r'finding-time">[^<]*\d[^<]*s<', answer)) == 7
    assert "quai is ready to receive files." in answer
    assert list((served.home.allowed_folders[0] / "out").iterdir()) == []
    (served.home.allowed_folders[0] / "out").rmdir()
    failed = cast.alice.post(f"{LIST}quai/test/", {}).text
    assert re.findall(r'<li class="(finding-\w+)">', failed) == ["finding-bad"]
    assert "Create the folder there" in failed


def test_an_unknown_host_key_is_shown_approved_by_an_owner_and_then_the_test_passes(cast, password_server):
    from paquebot.records.models import Server

    reached = {"host": password_server.host, "port": password_server.port, "username": "partner"}
    cast.alice.post(f"{NEW}sftp/", {**PARTNER, **reached, "name": "partner", "password": password_server.password})
    folder = password_server.folder().remote
    test = cast.alice.post(f"{LIST}partner/test/", {"folder": folder}, headers={"HX-Request": "true"})
    assert f'<code class="fingerprint">{password_server.host_key}</code>' in test.text
    assert "Compare every character" in test.text
    approval = {"option": "host_key", "fingerprint": password_server.host_key, "version": version_in(test)}
    assert cast.bob.post(f"{LIST}partner/approve/", approval).status_code == 403
    assert cast.alice.post(f"{LIST}partner/approve/", approval).status_code == 302
    assert Server.objects.get().options["host_key"] == password_server.host_key
    assert "partner is ready to receive files." in cast.alice.post(f"{LIST}partner/test/", {"folder": folder}).text


def test_a_changed_host_key_offers_nothing_to_approve(cast, password_server):
    reached = {"host": password_server.host, "port": password_server.port, "host_key": "SHA256:" + "A" * 43}
    cast.alice.post(f"{NEW}sftp/", {**PARTNER, **reached, "name": "partner"})
    test = cast.alice.post(f"{LIST}partner/test/", {"folder": ""}).text
    assert "instead of SHA256:AAAA" in test
    assert "/approve/" not in test


def test_the_other_persons_change_is_shown_and_not_overwritten(partner):
    from paquebot.records.models import Server

    version = version_in(partner.alice.get(partner.address))
    saved(partner, host="theirs.example.org")
    answer = saved(partner, host="mine.example.org", version=version)
    assert answer.status_code == 422
    theirs = answer.text.split("It now says:")[1].split("</dl>")[0]
    assert "theirs.example.org" in theirs
    assert 'value="mine.example.org"' in answer.text
    assert Server.objects.get().options["host"] == "theirs.example.org"
    assert saved(partner, host="mine.example.org", version=version_in(answer)).status_code == 302


def test_those_who_may_not_change_it_see_it_without_fields(partner):
    from paquebot.records.models import Server

    page = partner.bob.get(partner.address).text
    assert "sftp.example.org" in page
    assert "stored" in page
    assert 'name="host"' not in page
    partner.bob.post(partner.address, {"host": "evil.example.org", "do": "save"})
    assert Server.objects.get().options["host"] == "sftp.example.org"
    for address in (f"{partner.address}delete/", f"{partner.address}test/", f"{partner.address}approve/", f"{NEW}sftp/"):
        assert partner.bob.post(address).status_code == 403


def test_a_destination_is_deleted_unless_an_export_uses_it(partner):
    from paquebot.records.models import Export, Server

    make_export(partner.project, destination={"server": "partenaire-2026"})
    assert "The daily" in partner.bob.get(LIST).text
    version = version_in(partner.alice.get(partner.address))
    refused = partner.alice.post(f"{partner.address}delete/", {"version": version}, follow=True)
    assert "“partenaire-2026” cannot be deleted: it is used by The daily." in refused.text
    Export.objects.all().delete()
    assert partner.alice.post(f"{partner.address}delete/", {"version": version}).headers["Location"] == LIST
    assert not Server.objects.exists()


def test_the_last_delivery_is_told(partner):
    from django.utils import timezone

    from paquebot.records.models import Run

    export = make_export(partner.project, destination={"server": "partenaire-2026"})
    now = timezone.now()
    common = {"project": partner.project, "export": export, "definition": {}, "definition_version": 1, "trigger": "manual"}
    for token, status in (("a", "delivered"), ("b", "failed")):
        Run.objects.create(
            **common,
            token=token,
            status=status,
            server_name="partenaire-2026",
            file_name=f"{token}.csv",
            scheduled_for=now,
            finished_at=now,
        )
    page = partner.bob.get(partner.address).text
    assert "a.csv" in page
    assert "b.csv" not in page


def test_a_certificate_nobody_vouches_for_is_approved_once_and_then_expected(cast, ftpd):
    from paquebot.records.models import Server

    written = {"name": "ftps", "host": ftpd.host, "port": ftpd.ports["explicit"], "username": ftpd.username}
    written |= {"password": ftpd.password, "protection": "explicit", "mode": "passive", "publishing": "rename"}
    written |= {"connect_timeout_seconds": "15", "stall_timeout_seconds": "60"}
    assert cast.alice.post(f"{NEW}ftps/", written).status_code == 302
    address, folder = f"{LIST}ftps/", ftpd.folder()
    shown = cast.alice.post(f"{address}test/", {"folder": folder.remote}).text
    pin = ftpd.certificates["good"].fingerprint
    assert pin in shown
    approval = {"option": "certificate", "fingerprint": pin, "version": version_in(cast.alice.get(address))}
    assert all(f'name="{name}" value="{value}"' in shown for name, value in approval.items())
    assert cast.alice.post(f"{address}approve/", approval).status_code == 302
    assert Server.objects.get(name="ftps").options["certificate"] == pin
    assert "ftps is ready to receive files." in cast.alice.post(f"{address}test/", {"folder": folder.remote}).text
    assert folder.names() == set()


def test_nothing_but_an_identity_can_be_approved(partner):
    from paquebot.records.models import Server

    written = {"option": "host", "fingerprint": "evil.example.org", "version": version_in(partner.alice.get(partner.address))}
    partner.alice.post(f"{partner.address}approve/", written)
    assert Server.objects.get().options["host"] == "sftp.example.org"


def test_risky_kinds_and_choices_are_marked_wherever_they_show(cast):
    risk = "account, password and files can be read and changed on the way."
    assert risk in cast.alice.get(NEW).text
    assert risk in cast.alice.get(f"{NEW}ftp/").text
    assert risk not in cast.alice.get(f"{NEW}sftp/").text
    assert "also what old servers know (risky)" in cast.alice.get(f"{NEW}sftp/").text
    written = {**PARTNER, "algorithms": "legacy", "jump_port": "22", "publishing": "rename"}
    written |= {"connect_timeout_seconds": "15", "keepalive_interval_seconds": "1", "keepalive_count": "3"}
    assert cast.alice.post(f"{NEW}sftp/", written).status_code == 302
    assert "Old algorithms (SHA-1" in cast.alice.get(f"{LIST}partenaire-2026/").text
    assert "tag-risky" in cast.alice.get(LIST).text
