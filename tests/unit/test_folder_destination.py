"""A folder destination stays inside the folders the administrator allows, and a memory one counts like a small disk."""

import os

import pytest

from paquebot.delivery import folder as folder_module
from paquebot.delivery.folder import FolderDestination, resolve_folder
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.errors import DeliveryError


@pytest.fixture
def quay(tmp_path):
    (tmp_path / "quay" / "in").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return (tmp_path / "quay").resolve()


@pytest.fixture
def destination(quay):
    with FolderDestination({"path": str(quay)}) as connected:
        yield connected


def code_of(refused):
    return refused.value.code


class TestResolving:
    def test_a_relative_path_starts_at_the_first_allowed_folder(self, quay, tmp_path):
        assert resolve_folder("./livraisons", (quay, tmp_path / "elsewhere")) == quay / "livraisons"

    def test_a_relative_path_starts_at_the_base_when_there_is_one(self, quay):
        assert resolve_folder("today", (quay,), quay / "in") == quay / "in" / "today"

    def test_an_absolute_path_may_lie_in_any_allowed_folder(self, quay, tmp_path):
        allowed = (quay, tmp_path / "elsewhere")
        assert resolve_folder(str(tmp_path / "elsewhere" / "a"), allowed) == (tmp_path / "elsewhere" / "a").resolve()

    @pytest.mark.parametrize("path", ["/etc", "../elsewhere", "in/../in", "/"])
    def test_what_lies_elsewhere_is_refused_and_the_allowed_folders_are_listed(self, quay, path):
        with pytest.raises(DeliveryError) as refused:
            resolve_folder(path, (quay,))
        assert code_of(refused) == "delivery.folder_not_allowed"
        assert str(quay) in refused.value.hint

    def test_a_folder_whose_name_only_begins_like_an_allowed_one_is_refused(self, quay):
        with pytest.raises(DeliveryError):
            resolve_folder(f"{quay}-private", (quay,))

    def test_a_link_that_leads_elsewhere_is_refused(self, quay, tmp_path):
        (quay / "link").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DeliveryError) as refused:
            resolve_folder("link/inside", (quay,))
        assert code_of(refused) == "delivery.folder_not_allowed"

    def test_an_allowed_folder_may_itself_be_reached_by_a_link(self, quay, tmp_path):
        (tmp_path / "shortcut").symlink_to(quay)
        assert resolve_folder("in", (tmp_path / "shortcut",)) == quay / "in"

    def test_without_allowed_folders_nothing_is_allowed(self):
        with pytest.raises(DeliveryError):
            resolve_folder("anything", ())


class TestFolder:
    def test_paths_may_be_absolute_inside_the_folder(self, destination, quay):
        destination.send(f"{quay}/in/a.csv", iter([b"yes"]), 3)
        assert (quay / "in" / "a.csv").read_bytes() == b"yes"

    @pytest.mark.parametrize("folder", ["/etc", "in/../../elsewhere", "/"])
    def test_a_folder_outside_is_told_before_anything_runs(self, quay, folder):
        with pytest.raises(DeliveryError) as refused:
            FolderDestination.check_folder({"path": str(quay)}, folder)
        assert refused.value.code == "delivery.path_refused"

    @pytest.mark.parametrize("folder", ["", "in/deeper", "QUAY/in"])
    def test_a_folder_inside_is_fine_before_anything_runs(self, quay, folder):
        FolderDestination.check_folder({"path": str(quay)}, folder.replace("QUAY", str(quay)))

    @pytest.mark.parametrize("path", ["../elsewhere/a.csv", "/tmp/a.csv", "in/../../elsewhere/a.csv", "link/a.csv", "."])
    def test_no_verb_leaves_the_folder(self, destination, quay, tmp_path, path):
        (quay / "link").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "a.csv").write_bytes(b"private")
        (quay / "mine").write_bytes(b"mine")
        for verb in (
            lambda: destination.send(path, iter([b"x"]), 1),
            lambda: destination.size(path),
            lambda: list(destination.read(path)),
            lambda: destination.publish("mine", path, replace=True),
            lambda: destination.publish(path, "yours", replace=True),
            lambda: destination.remove(path),
        ):
            with pytest.raises(DeliveryError) as refused:
                verb()
            assert code_of(refused) == "delivery.path_refused"
        assert (tmp_path / "elsewhere" / "a.csv").read_bytes() == b"private"

    def test_a_link_in_place_of_a_file_is_neither_read_nor_written_through(self, destination, quay, tmp_path):
        (tmp_path / "elsewhere" / "a.csv").write_bytes(b"private")
        (quay / "a.csv").symlink_to(tmp_path / "elsewhere" / "a.csv")
        with pytest.raises(DeliveryError):
            list(destination.read("a.csv"))
        with pytest.raises(DeliveryError) as refused:
            destination.send("a.csv", iter([b"x"]), 1)
        assert code_of(refused) == "delivery.name_taken"
        assert destination.size("a.csv") is None
        assert (tmp_path / "elsewhere" / "a.csv").read_bytes() == b"private"

    def test_a_missing_folder_is_named_when_entering(self, quay):
        with pytest.raises(DeliveryError) as refused, FolderDestination({"path": str(quay / "nowhere")}):
            pass
        assert code_of(refused) == "delivery.folder_missing"

    def test_files_are_not_for_everybody_to_read(self, destination, quay):
        before = os.umask(0)
        try:
            destination.send("a.csv", iter([b"x"]), 1)
        finally:
            os.umask(before)
        assert (quay / "a.csv").stat().st_mode & 0o777 == 0o640

    def test_more_than_the_disk_can_hold_is_refused_before_a_byte_is_written(self, destination, quay):
        with pytest.raises(DeliveryError) as refused:
            destination.send("a.csv", iter([b"x"]), 1 << 60)
        assert code_of(refused) == "delivery.no_space"
        assert not (quay / "a.csv").exists()

    def test_where_there_are_no_hard_links_a_taken_name_is_refused_all_the_same(self, destination, quay, monkeypatch):
        def no_links(*_args, **_options):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(folder_module.os, "link", no_links)
        (quay / ".a.part").write_bytes(b"newer")
        (quay / "a.csv").write_bytes(b"old")
        with pytest.raises(DeliveryError) as refused:
            destination.publish(".a.part", "a.csv", replace=False)
        assert code_of(refused) == "delivery.name_taken"
        destination.publish(".a.part", "b.csv", replace=False)
        assert (quay / "a.csv").read_bytes() == b"old"
        assert (quay / "b.csv").read_bytes() == b"newer"


class TestMemory:
    def test_a_store_can_be_full_beforehand_or_on_the_way(self):
        MemoryDestination.STORES["full"] = MemoryStore(capacity_bytes=5)
        with MemoryDestination({"store": "full"}) as destination:
            with pytest.raises(DeliveryError) as beforehand:
                destination.send("/a", iter([b"123456"]), 6)
            assert code_of(beforehand) == "delivery.no_space"
            assert destination.size("/a") is None
            with pytest.raises(DeliveryError) as on_the_way:
                destination.send("/a", iter([b"123", b"456"]), 5)
            assert code_of(on_the_way) == "delivery.no_space"
            assert destination.size("/a") == 3

    def test_it_answers_only_while_connected(self):
        with pytest.raises(DeliveryError) as refused:
            MemoryDestination({"store": "quiet"}).size("/a")
        assert code_of(refused) == "delivery.connection_lost"
