"""Applying a project file again undoes nothing that came in since by another way."""

PROJECT = """
version: 1
project: {name: letters}
contacts: {table: contacts, import: FILE, key: [id]}
queries:
  - {name: unsubscribed, sql: select id from contacts where opt_in = 0}
servers:
  - {name: shelf, folder: {path: shelf}}
exports:
  - {name: unsubscribed, label: LABEL, destination: {server: shelf}, content: {query: unsubscribed}, file: {name: out}}
"""


def test_an_unsubscription_imported_since_survives_an_unchanged_file(installation, tmp_path):
    file, newer = tmp_path / "contacts.csv", tmp_path / "newer.csv"
    file.write_text("id,opt_in\nA-1,1\nA-2,0\n")
    newer.write_text("id,opt_in\nA-1,0\n")
    text = PROJECT.replace("FILE", str(file))
    installation.apply(text.replace("LABEL", "Un"))
    assert installation.document("import", "contacts", str(newer))["changed"] == 1
    assert "contacts" not in installation.apply(text.replace("LABEL", "Deux")).stdout
    assert installation.document("run", "unsubscribed", "--wait")["rows"] == 2
    assert (installation.root / "quay" / "shelf" / "out.csv").read_bytes() == b"id\r\nA-1\r\nA-2\r\n"


def test_a_file_that_did_change_is_imported_again(installation, tmp_path):
    file = tmp_path / "contacts.csv"
    text = PROJECT.replace("FILE", str(file)).replace("LABEL", "Un")
    file.write_text("id,opt_in\nA-1,1\n")
    installation.apply(text)
    file.write_text("id,opt_in\nA-1,1\nA-2,0\n")
    assert "contacts (2)" in installation.apply(text).stdout


def test_a_second_application_on_a_taken_port_is_refused_by_name(installation):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = installation.document("serve", "--port", str(port), exit_code=2)
    assert refused["error"]["code"] == "serve.port_taken"
    assert str(port) in refused["error"]["message"]
