"""Every destination keeps the promises of the contract, against a real server where there is one."""

import uuid

import asyncssh
import pytest

from paquebot.delivery.azure import AzureDestination
from paquebot.delivery.folder import FolderDestination
from paquebot.delivery.ftp import FtpDestination
from paquebot.delivery.ftps import FtpsDestination
from paquebot.delivery.gcs import GcsDestination
from paquebot.delivery.memory import MemoryDestination, MemoryStore
from paquebot.delivery.s3 import S3Destination
from paquebot.delivery.sftp import SftpDestination
from paquebot.delivery.webdav import WebDavDestination
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


def ftp_place(ftpd, kind, way, **more):
    folder = ftpd.folder()
    options = {"host": ftpd.host, "port": ftpd.ports[way], "username": ftpd.username, "password": ftpd.password, **more}
    return Place(lambda: kind(read(kind.OPTIONS, options)), folder.remote, folder.names, (ftpd.password,))


class TestFtpsExplicit(DestinationConformance):
    """ProFTPD, which takes no data connection without the session of the control connection."""

    @pytest.fixture
    def place(self, ftpd):
        return ftp_place(ftpd, FtpsDestination, "explicit", ca_certificate=ftpd.authority)


class TestFtpsImplicitAndActive(DestinationConformance):
    """Protected from the first byte, the server opening the data connections, its certificate approved by a person."""

    @pytest.fixture
    def place(self, ftpd):
        pin = ftpd.certificates["good"].fingerprint
        return ftp_place(ftpd, FtpsDestination, "implicit", protection="implicit", mode="active", certificate=pin)


class TestFtpWithoutProtection(DestinationConformance):
    @pytest.fixture
    def place(self, ftpd):
        return ftp_place(ftpd, FtpDestination, "plain")


class TestS3(DestinationConformance):
    """SeaweedFS; parts of 5 MiB, so that larger files travel in several."""

    @pytest.fixture
    def place(self, object_store):
        folder = uuid.uuid4().hex
        options = {**object_store.options, "part_mebibytes": 5}
        return Place(
            lambda: S3Destination(read(S3Destination.OPTIONS, options)),
            f"/{folder}",
            lambda: object_store.names(folder),
            (object_store.secret_key,),
        )


class TestGcs(DestinationConformance):
    """The program fake-gcs-server, signed in as a service account."""

    @pytest.fixture
    def place(self, gcs):
        folder = uuid.uuid4().hex
        options = read(GcsDestination.OPTIONS, gcs.options)
        return Place(lambda: GcsDestination(options), f"/{folder}", lambda: gcs.names(folder), gcs.secret_lines)


class TestAzure(DestinationConformance):
    """Azurite under TLS, signed with the key of the account; blocks of 1 MiB, so that larger files have several."""

    @pytest.fixture
    def place(self, azure):
        folder = uuid.uuid4().hex
        options = read(AzureDestination.OPTIONS, {**azure.options, "block_mebibytes": 1})
        return Place(lambda: AzureDestination(options), f"/{folder}", lambda: azure.names(folder), (azure.key,))


class TestWebDav(DestinationConformance):
    """WsgiDAV under TLS, signed in by Basic."""

    @pytest.fixture
    def place(self, webdav):
        folder = webdav.folder()
        options = {
            "url": webdav.url,
            "username": webdav.username,
            "password": webdav.password,
            "ca_certificate": webdav.authority,
        }
        return Place(
            lambda: WebDavDestination(read(WebDavDestination.OPTIONS, options)), folder.remote, folder.names, (webdav.password,)
        )
