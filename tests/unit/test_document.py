"""A project file is read with the line of everything that is wrong in it; its secrets are never in it and never shown."""

import textwrap

import pytest

from paquebot.cli.document import load
from paquebot.credentials import Secret
from paquebot.errors import CommandError, describe
from paquebot.options import MISSING_KEY, DefinitionError

PRIVATE_KEY = "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\nabc"
PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"

WHOLE = """\
# A project as code.
version: 1
project:
  name: municipalites
  label: Municipalités du Québec
  timezone: America/Toronto
  database: embedded
contacts:
  table: municipalities
  import: data/municipalities.csv
  key: [code]
  email: email
  display_order: [code, name, email]
relational_tables:
  - {name: subscriptions, import: data/subscriptions.csv, key: [code, newsletter], profile_of: {contacts: code}}
queries:
  - name: desabonnements
    sql: |
      select code, email
      from subscriptions
servers:
  - name: partenaire
    sftp:
      host: env:PARTENAIRE_HOST
      port: 2222
      username: paquebot
      password: env:PARTENAIRE_PASSWORD
      host_key: "SHA256:aRuOLh4y8tfsSL+W1QZvPju+DnB+dCbNUkofxLg9EDI"
  - name: quai
    folder: {path: ./livraisons}
encryption_keys:
  - {name: partenaire-2026, openpgp: file:keys/partenaire.asc}
exports:
  - name: desabonnements-quotidiens
    label: Désabonnements du jour
    state: active
    destination: {server: partenaire, folder: /entrant}
    schedule: {every: week, on: [monday, thursday], at: 18:30, timezone: America/Toronto}
    content: {query: desabonnements}
    production: {mode: complete, when_empty: header_only, if_exists: replace}
    file:
      {name: "desabonnements_{run.local_date:%Y%m%d}", format: csv, delimiter: ",", encoding: utf-8, header: true}
    obfuscation: {algorithm: sha256, fields: {email: {normalise: email}}}
    compression: gzip
    encryption: {openpgp: [partenaire-2026]}
    two_step: true
    confirmation:
      folder: /entrant
      name: "desabonnements_{run.local_date:%Y%m%d}.ok.json"
      content: [export, run, file_name, rows, size_bytes, sha256, columns, finished_at]
"""
SMALL = "version: 1\nproject: {name: a}\n"
ENVIRONMENT = {"PARTENAIRE_HOST": "sftp.example.org", "PARTENAIRE_PASSWORD": "très secret"}


@pytest.fixture
def folder(tmp_path):
    for name in ("data", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "municipalities.csv").write_text("code\n")
    (tmp_path / "data" / "subscriptions.csv").write_text("code\n")
    (tmp_path / "keys" / "partenaire.asc").write_text(PUBLIC_KEY)
    return tmp_path


def write(folder, text):
    file = folder / "projet.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refused(folder, text, environment=ENVIRONMENT):
    with pytest.raises(DefinitionError) as caught:
        load(write(folder, text), environment)
    return caught.value


def refused_on_line(folder, text):
    error = refused(folder, text)
    assert error.message.startswith(f"{folder / 'projet.yaml'}:{error.parameters['line']}: ")
    return error.code, error.parameters["line"]


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_file_is_read(folder):
    document, base, _ = load(write(folder, WHOLE), ENVIRONMENT)
    assert base == folder
    assert document.project.label == "Municipalités du Québec"
    assert document.queries[0].sql == "select code, email\nfrom subscriptions\n"
    assert document.encryption_keys[0].text == PUBLIC_KEY
    assert document.exports[0].schedule.on == ("monday", "thursday")
    assert document.exports[0].schedule.at == ("18:30",)
    assert document.exports[0].file.name == "desabonnements_{run.local_date:%Y%m%d}"


def test_imports_become_absolute_whatever_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir("/")
    document = load(write(folder, WHOLE), ENVIRONMENT).document
    assert document.contacts.import_file == str(folder / "data" / "municipalities.csv")
    assert document.relational_tables[0].import_file == str(folder / "data" / "subscriptions.csv")


def test_what_came_by_reference_is_a_secret(folder):
    document = load(write(folder, WHOLE), ENVIRONMENT).document
    assert document.servers[0].options["password"] == Secret("très secret")
    assert document.servers[0].options["host"] == Secret("sftp.example.org")
    assert "très secret" not in repr(document)


def server(value, key="password"):
    return SMALL + f"servers:\n  - name: s\n    sftp: {{host: h, username: u, {key}: {value}}}\n"


@pytest.mark.parametrize("kept", ["s e:c#ret", "s e:c#ret\n", "s e:c#ret\r\n"])
def test_a_password_in_a_file_is_read_without_the_new_line_at_its_end(folder, kept):
    (folder / "password").write_bytes(kept.encode())
    document = load(write(folder, server("file:password"))).document
    assert document.servers[0].options["password"] == Secret("s e:c#ret")


def test_a_key_in_a_file_keeps_every_line(folder):
    (folder / "id").write_text("-----BEGIN\nabc\n-----END\n")
    document = load(write(folder, server("file:id", "private_key"))).document
    assert document.servers[0].options["private_key"] == Secret("-----BEGIN\nabc\n-----END\n")


def test_a_mark_at_the_head_of_the_file_is_skipped(folder):
    assert load(write(folder, b"\xef\xbb\xbf" + SMALL.encode())).document.project.name == "a"


def test_values_are_what_they_look_like(folder):
    text = SMALL + textwrap.dedent("""\
        queries:
          - {name: "2026", sql: no}
          - {name: on, sql: 2026-11-24}
          - {name: "010", sql: 012}
          - {name: empty, sql: "null"}
    """)
    document = load(write(folder, text)).document
    assert [(query.name, query.sql) for query in document.queries] == [
        ("2026", "no"),
        ("on", "2026-11-24"),
        ("010", "012"),
        ("empty", "null"),
    ]


def test_anchors_and_merged_keys_work_and_ones_own_word_comes_last(folder):
    text = SMALL + textwrap.dedent("""\
        contacts: {table: people, key: code}
        exports:
          - &first
            name: first
            compression: gzip
            two_step: false
          - <<: *first
            name: second
            compression: zstd
    """)
    first, second = load(write(folder, text)).document.exports
    assert (first.compression, first.two_step) == ("gzip", False)
    assert (second.name, second.compression, second.two_step) == ("second", "zstd", False)


def test_of_several_merged_sets_the_first_has_the_last_word(folder):
    text = SMALL + textwrap.dedent("""\
        contacts: {table: people, key: code}
        exports:
          - &gzip {name: first, compression: gzip}
          - &zstd {name: second, compression: zstd, two_step: false}
          - {<<: [*gzip, *zstd], name: third}
    """)
    third = load(write(folder, text)).document.exports[2]
    assert (third.name, third.compression, third.two_step) == ("third", "gzip", False)


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_key_is_refused_by_name_line_and_nearest(folder):
    error = refused(folder, WHOLE.replace("compression: gzip", "compresion: gzip"))
    assert error.code == "definition.unknown_key"
    assert error.message == f"{folder / 'projet.yaml'}:44: exports[0]: “compresion” is not a known key."
    assert error.hint.startswith("Did you mean “compression”? Known keys here: ")
    assert (error.parameters["line"], error.parameters["column"]) == (44, 5)


@pytest.mark.parametrize(
    "before, after, code, line",
    [
        ("version: 1", "version: 2", "definition.wrong_version", 2),
        ("version: 1\n", "", "definition.missing_key", 1),
        ("version: 1", "verison: 1", "definition.unknown_key", 2),
        ("  label: Municipalités", "  labbel: Municipalités", "definition.unknown_key", 5),
        ("America/Toronto\n  database", "America/Torronto\n  database", "definition.unknown_timezone", 6),
        ("  key: [code]\n", "", "definition.missing_key", 8),
        ("[code, name, email]", "[code, name, code]", "definition.repeated", 13),
        ("key: [code, newsletter], ", "", "definition.missing_key", 15),
        ("port: 2222", "prot: 2222", "definition.unknown_key", 25),
        ("port: 2222", "port: 222222", "definition.out_of_bounds", 25),
        ("      username: paquebot\n", "", "definition.missing_key", 23),
        ("{server: partenaire,", "{server: partenair,", "definition.unknown_name", 37),
        ("at: 18:30", "at: 18h30", "schedule.bad_time", 38),
        ("thursday]", "jeudi]", "definition.wrong_choice", 38),
        ('local_date:%Y%m%d}", format', 'lcal_date:%Y%m%d}", format', "export.unknown_variable", 42),
        ('local_date:%Y%m%d}", format', 'local_date:%A}", format', "export.bad_file_name_template", 42),
        ("header: true", "header: yes", "definition.wrong_type", 42),
        ("[partenaire-2026]", "[partenaire-2027]", "definition.unknown_name", 45),
        ("data/subscriptions", "data/subscription", "definition.no_referred_file", 15),
        ("keys/partenaire", "keys/partner", "definition.no_referred_file", 32),
        ("query: desabonnements", "query: desabonnement", "definition.unknown_name", 39),
        ("compression: gzip", "state: active", "definition.repeated_key", 44),
        ("    destination: {server: partenaire, folder: /entrant}\n", "", "export.no_destination", 34),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder, before, after, code, line):
    assert before in WHOLE
    assert refused_on_line(folder, WHOLE.replace(before, after, 1)) == (code, line)


@pytest.mark.parametrize(
    "after, added, said, line",
    [(14, "integrations: []\n", "integrations", 14)],
)
def test_what_is_known_but_not_built_is_refused_by_saying_so_with_its_line(folder, after, added, said, line):
    lines = WHOLE.splitlines(keepends=True)
    error = refused(folder, "".join([*lines[: after - 1], added, *lines[after - 1 :]]))
    assert error.code == "definition.not_built_yet"
    assert f"projet.yaml:{line}: " in error.message
    assert f"“{said}” is known but not built yet in this version." in error.message


def test_a_wrong_key_is_told_before_a_missing_variable(folder):
    error = refused(folder, WHOLE.replace("two_step", "two_steps"), {})
    assert error.code == "definition.unknown_key"


def test_an_error_found_later_can_be_given_its_line(folder):
    positions = load(write(folder, WHOLE), ENVIRONMENT).positions
    with pytest.raises(DefinitionError) as caught, positions.explaining():
        raise DefinitionError(MISSING_KEY, ("contacts", "display_order", 1), key="nom", explanation="x")
    assert caught.value.parameters["line"] == 13
    assert caught.value.message.startswith(f"{folder / 'projet.yaml'}:13: contacts.display_order[1]: ")


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["password", "private_key", "passphrase"])
@pytest.mark.parametrize("value", ["hunter2", "12345", "[hunter2]", "env;hunter2"])
def test_a_secret_may_not_stand_in_the_file(folder, key, value):
    error = refused(folder, server(value, key))
    assert error.code == "definition.plain_secret"
    assert error.parameters["line"] == 5
    assert value.strip("[]") not in repr(describe(error))


@pytest.mark.parametrize("environment", [{}, {"PARTNER": ""}])
def test_a_variable_that_is_not_set_is_named(folder, environment):
    error = refused(folder, server("env:PARTNER"), environment)
    assert error.message == (
        f"{folder / 'projet.yaml'}:5: servers[0].sftp.password: the environment variable PARTNER is not set."
    )


def test_what_is_no_name_of_a_variable_is_not_shown(folder):
    error = refused(folder, server('"env:hunter2!"'))
    assert error.code == "definition.bad_variable"
    assert "hunter2" not in repr(describe(error))


def test_a_file_that_is_not_text_is_refused_without_its_content(folder):
    (folder / "key.gpg").write_bytes(b"secret\xff\xfe")
    error = refused(folder, WHOLE.replace("keys/partenaire.asc", "key.gpg"))
    assert error.code == "definition.referred_not_text"
    assert error.__cause__ is None


@pytest.mark.parametrize("name", ["nowhere", ".", "keys"])
def test_a_file_that_cannot_be_read_is_named(folder, name):
    error = refused(folder, server(f"file:{name}"))
    assert error.code == "definition.no_referred_file"
    assert error.parameters["name"] == name


def test_a_private_key_of_the_partner_is_refused(folder):
    (folder / "keys" / "partenaire.asc").write_text(PRIVATE_KEY)
    error = refused(folder, WHOLE)
    assert (error.code, error.parameters["line"]) == ("definition.private_key", 32)


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2 x", "%hunter2", '"hunter2', "[hunter2", "a: hunter2: b"])
def test_broken_yaml_is_told_by_its_place_alone(folder, value):
    error = refused(folder, server(value))
    assert error.code in ("definition.bad_yaml", "definition.unknown_tag")
    assert error.parameters["line"] in (5, 6)
    assert "hunter2" not in repr(describe(error))
    assert error.__cause__ is None


# ── files that are no project ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text, code, line",
    [
        ("", "definition.missing_key", 1),
        ("# nothing\n", "definition.missing_key", 1),
        ("- a\n- b\n", "definition.wrong_type", 1),
        ("just text\n", "definition.wrong_type", 1),
        (SMALL + "---\n" + SMALL, "definition.bad_yaml", 3),
        (SMALL + "\tqueries: []\n", "definition.bad_yaml", 3),
        (SMALL + "queries: [\n", "definition.bad_yaml", 4),
        (SMALL + "? [a, b]\n: c\n", "definition.not_a_key", 3),
        (SMALL + "queries: !!python/object:os.system []\n", "definition.unknown_tag", 3),
        (SMALL + "queries: !!int abc\n", "definition.unknown_tag", 3),
        (SMALL + "project: {name: b}\n", "definition.repeated_key", 3),
        (SMALL + "queries:\n  - {name: a, name: b, sql: x}\n", "definition.repeated_key", 4),
        (SMALL + "queries:\n  - <<: [a]\n", "definition.bad_merge", 4),
        (SMALL + "queries: &q [*q]\n", "definition.too_big", 1),
        (SMALL + "queries: " + "[" * 5000 + "\n", "definition.too_big", 1),
        (SMALL.encode() + "label: é".encode("latin-1"), "definition.not_utf8", 3),
        (SMALL.encode("utf-16"), "definition.not_utf8", 1),
        (SMALL.encode() + b"\x00", "definition.bad_yaml", 3),
    ],
)
def test_what_is_no_project_file_is_refused(folder, text, code, line):
    error = refused(folder, text)
    assert (error.code, error.parameters["line"]) == (code, line)


def test_aliases_that_multiply_are_stopped(folder):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        bomb += f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]\n"
    assert refused(folder, SMALL + bomb).code == "definition.too_big"


def test_merges_that_multiply_are_stopped(folder):
    bomb = "a0: &a0 {k: v}\n"
    for level in range(1, 20):
        bomb += f"a{level}: &a{level} {{<<: [" + ", ".join([f"*a{level - 1}"] * 10) + "]}\n"
    assert refused(folder, SMALL + bomb).code == "definition.too_big"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError) as caught:
        load(tmp_path / "nowhere.yaml")
    assert caught.value.code == "definition.no_file"
    assert caught.value.message == f"The file {tmp_path / 'nowhere.yaml'} cannot be read."


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(CommandError) as caught:
        load(tmp_path)
    assert caught.value.code == "definition.no_file"
