"""Two machines, one database, one bucket: what one of them wrote, the other reads and sends."""

from __future__ import annotations

import shutil

import pytest

from fixtures.home import install
from journeys.projects import REGIONS, export_of, text_of

FOLDER = "servers:\n  - {name: quai, folder: {path: quai}}\n"


@pytest.fixture
def two(tmp_path, database, object_store):
    """Two machines that share nothing on disk but the partner's folder."""
    shared = {
        "PAQUEBOT_STORAGE": f"s3://{object_store.bucket}/{database.database}?endpoint={object_store.endpoint}",
        "AWS_ACCESS_KEY_ID": object_store.access_key,
        "AWS_SECRET_ACCESS_KEY": object_store.secret_key,
        "PAQUEBOT_SECRET_KEY": "the same long key on every machine, made by openssl",
        "PAQUEBOT_FOLDERS": str(tmp_path / "partner"),
    }
    (tmp_path / "partner").mkdir()
    machines = [install(tmp_path / name, database.url()) for name in ("north", "south")]
    for machine in machines:
        machine.environment.update(shared)
    return machines


def test_rows_imported_on_one_machine_are_exported_by_another_and_the_file_sent_again_by_the_first(two, tmp_path, object_store):
    north, south = two
    north.apply(text_of(REGIONS, FOLDER, "exports:\n", export_of("regions", "quai")))
    made = south.document("run", "regions", "--wait")
    assert (made["status"], made["verification"]) == ("delivered", "read_back_sha256")
    (delivered,) = (tmp_path / "partner").rglob("regions.csv")
    first = delivered.read_bytes()
    assert first.startswith(b"region,municipalities,population\r\n")
    assert not (north.root / "artifacts").exists(), "it was made on the other machine"
    (artifact,) = (south.root / "artifacts").iterdir()

    shutil.rmtree(south.root / "artifacts")
    delivered.unlink()
    again = north.document("retry", str(made["id"]), "--wait")
    assert (again["status"], again["sha256"]) == ("delivered", made["sha256"])
    assert delivered.read_bytes() == first
    assert [file.name for file in (north.root / "artifacts").iterdir()] == [artifact.name]

    (tmp_path / "more.csv").write_text("region\nUne région de plus\n")
    assert south.document("import", "regions", str(tmp_path / "more.csv"))["added"] == 1
    assert north.document("run", "regions", "--wait")["rows"] == made["rows"] + 1
    for kept in object_store.contents():
        assert b"Une r" not in kept, "what lies in the bucket is encrypted"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"PAQUEBOT_STORAGE": "file:///tmp"}, "store.bad_storage"),
        ({"PAQUEBOT_STORAGE": "s3://"}, "store.bad_storage"),
        ({"PAQUEBOT_STORAGE": "s3://b?secret=1"}, "store.bad_storage"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "store.no_storage_key"),
        ({"PAQUEBOT_SECRET_KEY": ""}, "store.key_not_shared"),
    ],
)
def test_a_storage_that_cannot_be_shared_is_refused_before_anything_is_opened(two, changed, code):
    from paquebot.errors import StoreError
    from paquebot.records.storage import depot_from

    with pytest.raises(StoreError) as caught:
        depot_from({**two[0].environment, **changed})
    assert caught.value.code == code


def test_a_storage_that_does_not_answer_keeps_nothing_and_says_so(tmp_path, two):
    from fixtures.serving import free_port
    from paquebot.errors import StoreError
    from paquebot.mirror import Mirror
    from paquebot.packaging.artifact import ArtifactStore
    from paquebot.records.storage import depot_from

    silent = {**two[0].environment, "PAQUEBOT_STORAGE": f"s3://b?endpoint=http://127.0.0.1:{free_port()}"}
    store = ArtifactStore(tmp_path / "artifacts", b"k" * 32, Mirror(depot_from(silent), "artifacts/"))
    with pytest.raises(StoreError) as caught:
        store.seal("run-1", iter([b"rows"]))
    assert (caught.value.code, caught.value.retryable) == ("store.storage_failed", True)
    assert not list((tmp_path / "artifacts").iterdir())


def test_a_removed_artifact_is_gone_for_everybody(tmp_path, two):
    from paquebot.errors import PackagingError
    from paquebot.mirror import Mirror
    from paquebot.packaging.artifact import ArtifactStore
    from paquebot.records.storage import depot_from

    depot = depot_from(two[0].environment)
    first, second = (ArtifactStore(tmp_path / name, b"k" * 32, Mirror(depot, "artifacts/")) for name in ("a", "b"))
    large = b"rows " * 3_000_000
    kept = first.seal("run-1", iter([large]))
    assert b"".join(second.open(kept.location, kept.wrapped_key).read(5)) == large[5:]
    first.remove(kept.location)
    third = ArtifactStore(tmp_path / "c", b"k" * 32, Mirror(depot, "artifacts/"))
    with pytest.raises(PackagingError) as caught:
        third.open(kept.location, kept.wrapped_key)
    assert caught.value.code == "packaging.artifact_gone"
