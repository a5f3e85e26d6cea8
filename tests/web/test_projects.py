"""A project made from its page."""

from fixtures.pages import signed_in

NEW = "/projects/new/"


def boss():
    from paquebot.records.models import User

    return signed_in(User.objects.get(email="root@example.org"))


def test_an_administrator_makes_a_project_that_can_take_its_first_rows(laked, served, tmp_path):
    from paquebot.records.importing import Target, import_file
    from paquebot.records.models import Project

    made = boss().post(NEW, {"label": "Été à Québec", "timezone": "America/Toronto", "name": ""})
    assert made.headers["Location"] == "/p/ete-a-quebec/"
    project = Project.objects.get(name="ete-a-quebec")
    assert (project.label, project.timezone) == ("Été à Québec", "America/Toronto")
    file = tmp_path / "people.csv"
    file.write_text("id\n1\n")
    assert import_file(served, Target(project, "people", ("id",)), file).added == 1


def test_what_is_wrong_stands_beside_its_field(laked):
    from paquebot.records.models import Project

    taken = boss().post(NEW, {"label": "Letters", "timezone": "UTC"})
    assert "There is already a project “letters”." in taken.text.split('id="id_name_error"')[1]
    assert 'value="Letters"' in taken.text
    assert 'id="id_timezone_error"' in boss().post(NEW, {"label": "New", "timezone": "Mars/Base"}).text
    assert 'id="id_name_error"' in boss().post(NEW, {"label": "???", "timezone": "UTC"}).text
    assert Project.objects.count() == 1


def test_names_that_differ_by_a_hyphen_do_not_share_a_lake(laked, served):
    from paquebot.records.projects import start_project

    first, second = (start_project(served, name, "", "UTC") for name in ("a-b", "a_b"))
    assert first.lake_schema != second.lake_schema


def test_only_administrators_make_projects(laked):
    assert laked.alice.get(NEW).status_code == 403
    assert laked.alice.post(NEW, {"label": "Mine", "timezone": "UTC"}).status_code == 403
    assert NEW in boss().get("/").text or boss().get("/").status_code == 302
