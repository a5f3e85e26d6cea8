"""Every destination keeps the promises of the contract, against a real server where there is one."""

import uuid

import asyncssh
import pytest

from paquebot.delivery.folder import FolderDestination
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.delivery.sftp import SftpDestination
from paquebot.options import read
from paquebot.testing.destinations import DestinationConformance, Place


class TestMemory(DestinationConformance):
    @pytest.fixture
    def place(self):
        name = str(uuid.uuid4())
        store = MemoryDestination.STORES[name] = MemoryStore(folders={"/", "/in"})
        yield Place(
            lambda: MemoryDestination(read(MemoryDestination.OPTIONS, {"store": name})),
            "/in",
            lambda: {path.removeprefix("/in/") for path in store.files},
        )
        del MemoryDestination.STORES[name]


class TestFolder(DestinationConformance):
    @pytest.fixture
    def place(self, tmp_path):
        (tmp_path / "in").mkdir()
        return Place(
            lambda: FolderDestination(read(FolderDestination.OPTIONS, {"path": str(tmp_path)})),
            "in",
            lambda: {file.name for file in (tmp_path / "in").iterdir()},
        )


class TestSftpWithAKey(DestinationConformance):
    """OpenSSH, the key under a passphrase."""

    @pytest.fixture
    def place(self, sshd):
        folder = sshd.folder()
        key = asyncssh.import_private_key(sshd.private_key).export_private_key("pkcs8-pem", passphrase="mot de passe")
        options = {
            "host": sshd.host,
            "port": sshd.port,
            "username": sshd.username,
            "private_key": key.decode(),
            "passphrase": "mot de passe",
            "host_key": sshd.host_key,
        }
        secrets = (*key.decode().splitlines()[1:-1], "mot de passe")
        return Place(lambda: SftpDestination(read(SftpDestination.OPTIONS, options)), folder.remote, folder.names, secrets)


class TestSftpWithAPassword(DestinationConformance):
    """asyncssh's own server."""

    @pytest.fixture
    def place(self, password_server):
        folder = password_server.folder()
        options = {
            "host": password_server.host,
            "port": password_server.port,
            "username": password_server.username,
            "password": password_server.password,
            "host_key": password_server.host_key,
        }
        return Place(
            lambda: SftpDestination(read(SftpDestination.OPTIONS, options)),
            folder.remote,
            folder.names,
            (password_server.password,),
        )
