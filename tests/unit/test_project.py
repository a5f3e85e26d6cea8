"""A project is read whole, and every name in it leads somewhere."""

import copy

import pytest

from paquebot.criteria import Condition
from paquebot.export import ContentChoice
from paquebot.options import DefinitionError
from paquebot.project import ProjectDocument
from paquebot.project_parts import ContactList, EncryptionKey, GroupDefinition, RelationalTable, SavedQuery, ServerDefinition
from paquebot.server_keys import ServerCare

PRIVATE_KEY = "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\nabc"
PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"

PROJECT = {
    "version": 1,
    "project": {"name": "municipalites", "label": "Municipalités", "timezone": "America/Toronto", "database": "embedded"},
    "contacts": {
        "table": "municipalities",
        "import": "municipalities.csv",
        "key": ["code"],
        "email": "email",
        "display_order": ["code", "name"],
    },
    "relational_tables": [
        {
            "name": "subscriptions",
            "import": "subscriptions.csv",
            "key": ["code", "newsletter"],
            "profile_of": {"contacts": "code"},
        },
        {"name": "regions", "key": "region"},
    ],
    "queries": [{"name": "desabonnements", "sql": "select 1"}],
    "servers": [
        {"name": "partenaire", "sftp": {"host": "127.0.0.1", "port": 2222}},
        {"name": "quai", "folder": {"path": "./livraisons"}},
    ],
    "encryption_keys": [{"name": "partenaire-2026", "openpgp": PUBLIC_KEY}],
    "exports": [
        {
            "name": "desabonnements-quotidiens",
            "state": "active",
            "destination": {"server": "partenaire", "folder": "/entrant"},
            "schedule": {"every": "day", "at": "06:30"},
            "content": {"query": "desabonnements"},
            "encryption": {"openpgp": "partenaire-2026"},
        },
        {"name": "tous", "destination": {"server": "quai"}},
        {"name": "regions", "content": {"table": "regions"}},
    ],
}


def project(change=lambda written: None):
    written = copy.deepcopy(PROJECT)
    change(written)
    return ProjectDocument.from_document(written)


def refused(change):
    with pytest.raises(DefinitionError) as caught:
        project(change)
    return caught.value


def test_a_whole_project_is_read():
    read = project()
    assert read.project.name == "municipalites"
    assert read.contacts == ContactList("municipalities", "municipalities.csv", ("code",), "email", ("code", "name"))
    assert read.relational_tables == (
        RelationalTable("subscriptions", "subscriptions.csv", ("code", "newsletter"), "code", ()),
        RelationalTable("regions", None, ("region",), None, ()),
    )
    assert read.queries == (SavedQuery("desabonnements", "select 1"),)
    assert read.servers == (
        ServerDefinition("partenaire", "sftp", {"host": "127.0.0.1", "port": 2222}),
        ServerDefinition("quai", "folder", {"path": "./livraisons"}),
    )
    assert read.encryption_keys == (EncryptionKey("partenaire-2026", "openpgp", PUBLIC_KEY),)
    assert [export.name for export in read.exports] == ["desabonnements-quotidiens", "tous", "regions"]
    assert read.exports[0].encryption_keys == ("partenaire-2026",)
    assert read.exports[1].content == ContentChoice("contacts")


def test_a_schedule_without_a_zone_takes_the_projects():
    assert project().exports[0].schedule.timezone == "America/Toronto"


def test_a_project_may_be_nothing_but_a_name():
    read = ProjectDocument.from_document({"version": 1, "project": {"name": "a"}})
    assert (read.project.label, read.project.timezone, read.project.database.kind) == ("a", "UTC", "embedded")
    assert (read.contacts, read.exports) == (None, ())


def test_the_options_of_a_server_are_not_shown_by_its_repr():
    assert "127.0.0.1" not in repr(project())


def put(value, *path):
    def change(written):
        place = written
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "value, path, section, near",
    [
        ("partenair", ("exports", 0, "destination", "server"), "servers", "partenaire"),
        ("desabonement", ("exports", 0, "content", "query"), "queries", "desabonnements"),
        ("region", ("exports", 2, "content", "table"), "relational_tables", "regions"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_naming_the_nearest(value, path, section, near):
    error = refused(put(value, *path))
    assert error.code == "definition.unknown_name"
    assert error.path == path
    assert f"“{value}” is not in this project." in error.message
    assert error.hint.startswith(f"Did you mean “{near}”? Known under “{section}”: ")


def test_an_unknown_encryption_key_is_refused_at_its_place_in_the_list():
    error = refused(put(["partenaire-2026", "partenaire-2027"], "exports", 0, "encryption", "openpgp"))
    assert error.path == ("exports", 0, "encryption", "openpgp", 1)


def test_a_name_is_refused_with_where_to_describe_it_when_there_is_none_at_all():
    error = refused(put([], "queries"))
    assert error.code == "definition.unknown_name"
    assert error.hint == "Describe it first, under “queries”."


def test_exporting_the_contact_list_needs_one():
    error = refused(put(None, "contacts"))
    assert error.code == "definition.no_contacts"
    assert error.path == ("exports", 1, "content")


@pytest.mark.parametrize("section", ["relational_tables", "queries", "servers", "encryption_keys", "exports"])
def test_a_name_used_twice_is_refused(section):
    error = refused(lambda written: written[section].append(copy.deepcopy(written[section][0])))
    assert error.code == "definition.name_taken"
    assert error.path == (section, len(PROJECT[section]), "name")


def test_a_relational_table_may_not_be_called_as_the_contact_list():
    error = refused(put("municipalities", "relational_tables", 1, "name"))
    assert error.code == "definition.name_taken"
    assert error.hint == "Give each its own name; “contacts” has it already."


def test_things_of_different_kinds_may_share_a_name():
    assert project(put("quai", "exports", 1, "name")).exports[1].name == "quai"


@pytest.mark.parametrize(
    "server, said",
    [
        ({"name": "x"}, "servers[0]: the server has no kind."),
        (
            {"name": "x", "sftp": {}, "folder": {}},
            "servers[0]: a server has exactly one kind, and this one names sftp, folder.",
        ),
        ({"name": "x", "sfpt": {}}, "servers[0]: “sfpt” is not a known key."),
    ],
)
def test_a_server_has_exactly_one_known_kind(server, said):
    assert refused(put([server], "servers")).message == said


def server_alone(**care):
    written = {"version": 1, "project": {"name": "a"}, "servers": [{"name": "x", "folder": {"path": "."}, **care}]}
    return ProjectDocument.from_document(written).servers[0]


def test_a_server_says_how_many_runs_it_takes_and_how_often_it_is_tested():
    told = server_alone(limit=1, canary={"every": "6_hours", "write": False})
    assert (told.kind, told.care) == ("folder", ServerCare(1, "6_hours", False))
    assert server_alone().care == ServerCare(2, "never", True)


@pytest.mark.parametrize(
    ("care", "said"),
    [
        ({"limit": 0}, "servers[0].limit: “limit” must lie between 1 and 20."),
        ({"canary": {"every": "minute"}}, "servers[0].canary.every: “every” cannot be “minute”."),
    ],
)
def test_a_care_that_means_nothing_is_refused(care, said):
    with pytest.raises(DefinitionError) as caught:
        server_alone(**care)
    assert caught.value.message == said


def test_another_kind_of_destination_is_known_as_soon_as_its_plug_in_is():
    written = {"version": 1, "project": {"name": "a"}, "servers": [{"name": "x", "azure": {"bucket": "b"}}]}
    assert ProjectDocument.from_document(written, destination_kinds=("sftp", "azure")).servers[0].kind == "azure"


@pytest.mark.parametrize("version, code", [(2, "definition.wrong_version"), ("1", "definition.wrong_type")])
def test_another_version_of_the_format_is_refused(version, code):
    assert refused(put(version, "version")).code == code


OUTSIDE = {"postgresql": {"host": "db.example.org", "database": "people", "username": "reader"}}


def outside(written):
    """The same project with its rows in a database of its own."""
    written["project"]["database"] = OUTSIDE
    written["contacts"].pop("import")
    written["contacts"].pop("key")
    written["relational_tables"] = [{"name": "Some Letters"}]
    written["exports"] = [{"name": "all"}]


def test_a_project_may_read_a_database_outside():
    read = project(outside)
    assert (read.project.database.kind, read.project.database.options) == ("postgresql", OUTSIDE["postgresql"])
    assert (read.contacts.key, read.contacts.import_file) == ((), None)
    assert read.relational_tables[0].name == "Some Letters"


@pytest.mark.parametrize(
    ("database", "code"),
    [
        ("postgres", "definition.unknown_database"),
        ("postgresql", "definition.no_database_options"),
        ("mysql", "definition.no_database_options"),
        ({"mariadb": {}}, "definition.no_database_options"),
        ({"postgresql": {}, "embedded": {}}, "definition.not_one_database"),
        ({"postgresql": "here"}, "definition.no_database_options"),
        ({"postgresql": {"host": "a", "password": "env:PASSWORD"}}, "definition.reference"),
    ],
)
def test_a_database_that_means_nothing_is_refused(database, code):
    assert refused(put(database, "project", "database")).code == code


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"import": "people.csv"}, "definition.import_outside"),
        ({"table": "a/b"}, "definition.name_outside"),
        ({"table": "x" * 81}, "definition.name_outside"),
    ],
)
def test_a_table_outside_has_what_its_database_gives_it(part, code):
    def change(written):
        outside(written)
        written["contacts"].update(part)

    assert refused(change).code == code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"trigger": {"kind": "source"}}, "definition.no_changes_told"),
    ],
)
def test_what_needs_a_snapshot_is_refused_of_a_database_outside(more, code):
    def change(written):
        outside(written)
        written["exports"][0].update(more)

    assert refused(change).code == code


@pytest.mark.parametrize("kind", ["sqlite", "folder"])
def test_files_that_others_write_are_not_read_twice(kind):
    def change(written, kind=kind):
        outside(written)
        written["project"]["database"] = {kind: {"path": "/srv/rows"}}
        written["exports"][0]["production"] = {"twice": True}

    assert refused(change).code == "definition.no_snapshot"


def test_what_is_planned_for_projects_is_refused_by_saying_so():
    assert refused(put([], "integrations")).message == "definition: “integrations” is known but not built yet in this version."


def test_a_group_names_its_members_or_says_what_they_meet():
    groups = [
        {"name": "pilotes", "members": ["46005", " 48028 "]},
        {"name": "grandes-villes", "where": {"field": "population", "op": ">=", "value": 100000}},
    ]
    assert project(put(groups, "groups")).groups == (
        GroupDefinition("pilotes", members=("46005", "48028")),
        GroupDefinition("grandes-villes", Condition("population", ">=", 100000)),
    )


@pytest.mark.parametrize(
    ("group", "code", "path"),
    [
        ({"name": "a"}, "definition.group_not_one", ("groups", 0)),
        ({"name": "a", "members": ["1"], "where": {"field": "b", "op": "is_set"}}, "definition.group_not_one", ("groups", 0)),
        ({"name": "a", "members": ["1", " "]}, "definition.empty_member", ("groups", 0, "members", 1)),
        ({"name": "a", "members": [1]}, "definition.wrong_type", ("groups", 0, "members", 0)),
        ({"name": "a", "where": {"feild": "b"}}, "criterion.unknown_key", ("groups", 0, "where", "feild")),
    ],
)
def test_a_group_that_means_nothing_is_refused(group, code, path):
    error = refused(put([group], "groups"))
    assert (error.code, error.path) == (code, path)


def test_an_export_of_a_group_that_is_not_there_is_refused():
    groups = [{"name": "grandes-villes", "members": ["1"]}]

    def change(written):
        written["groups"] = groups
        written["exports"][1]["content"] = {"contacts": {"group": "grande-ville"}}

    error = refused(change)
    assert (error.code, error.path) == ("definition.unknown_name", ("exports", 1, "content", "contacts", "group"))
    assert "“grandes-villes”" in error.hint


@pytest.mark.parametrize(
    "path", [("servers", 0, "sftp", "password"), ("servers", 0, "sftp", "host"), ("encryption_keys", 0, "openpgp")]
)
@pytest.mark.parametrize("value", ["env:PARTNER", "file:/etc/shadow"])
def test_a_reference_that_nobody_resolved_is_refused(path, value):
    error = refused(put(value, *path))
    assert error.code == "definition.reference"
    assert error.path == path
    assert value not in error.message


@pytest.mark.parametrize(
    "text, code",
    [
        (PRIVATE_KEY, "definition.private_key"),
        (PUBLIC_KEY + PRIVATE_KEY, "definition.private_key"),
        ("ssh-ed25519 AAAA", "definition.not_a_public_key"),
    ],
)
def test_only_a_public_key_is_taken(text, code):
    error = refused(put(text, "encryption_keys", 0, "openpgp"))
    assert error.code == code
    assert "abc" not in error.message


def test_an_active_export_that_lacks_its_schedule_is_refused_at_its_place():
    error = refused(put(None, "exports", 0, "schedule"))
    assert error.code == "export.no_schedule"
    assert error.message == "exports[0]: the export has neither a schedule nor a trigger."


@pytest.mark.parametrize("query", [{"name": "q"}, {"name": "q", "sql": "select 1", "build": {"table": "people"}}])
def test_a_query_is_either_sql_or_built(query):
    with pytest.raises(DefinitionError) as refused:
        ProjectDocument.from_document({"version": 1, "project": {"name": "p"}, "queries": [query]})
    assert refused.value.code == "definition.query_not_one"
    assert refused.value.path == ("queries", 0)
