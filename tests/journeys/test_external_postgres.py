"""An installation whose database is a server of its own, given by a URL: the same journey, on TCP."""

from __future__ import annotations

from fixtures.home import install
from fixtures.postgres import fresh_database
from fixtures.tcp_postgres import tcp_postgres
from journeys.projects import FOLDER_SERVER, REGIONS, delivered_folder, export_of, text_of


def test_a_journey_on_a_server_given_by_url(tmp_path):
    with tcp_postgres() as server, fresh_database(server) as database:
        url = database.url()
        assert url.startswith(f"postgresql://{database.user}:") and f"@127.0.0.1:{server.port}/" in url
        installation = install(tmp_path / "home", url)
        installation.apply(text_of(REGIONS, FOLDER_SERVER, "exports:\n", export_of("regions", "quai")))
        (tmp_path / "more.csv").write_text("region\nUne région de plus\n")
        assert installation.document("import", "regions", str(tmp_path / "more.csv"))["added"] == 1
        ran = installation.document("run", "regions", "--wait")
        assert (ran["status"], ran["verification"]) == ("delivered", "read_back_sha256")
        assert ran["rows"] == (delivered_folder(installation) / "regions.csv").read_bytes().count(b"\r\n") - 1
        assert [entry["id"] for entry in installation.document("history")] == [ran["id"]]
        assert not (installation.root / "postgres").exists(), "no server of our own was started"
