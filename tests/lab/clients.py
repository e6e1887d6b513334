# SPDX-License-Identifier: GPL-3.0-or-later
"""
Real FTP clients. Each runs one session of three transfers: it uploads a file, downloads it again, and lists the
directory. All are told to trust the address in a 227, which they would otherwise ignore: a wrong one must show.
"""

import dataclasses
import ftplib
import hashlib
import os
import socket
import ssl

from process import SLOWNESS

SECONDS = 60 * SLOWNESS
BLOCK = 1 << 18


@dataclasses.dataclass
class Session:
    """What to do, and with whom. extended: EPRT and EPSV with IPv4 too."""

    namespace: object
    address: str
    port: int
    passive: bool
    extended: bool
    source: str
    name: str
    directory: str

    @property
    def host(self):
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def url(self):
        return f"ftp://{self.host}:{self.port}/pub/"

    @property
    def destination(self):
        return os.path.join(self.directory, f"{self.name}.down")


def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def random_file(path, megabytes):
    """Makes a file of megabytes (10^6) of random bytes and returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(megabytes):
            block = os.urandom(10**6)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def run_ftplib(session):
    """Python's ftplib. Returns the listing."""
    class Client(ftplib.FTP):
        trust_server_pasv_ipv4_address = True

    listing = []
    with session.namespace.entered(), Client(timeout=SECONDS) as client:
        client.connect(session.address, session.port)
        client.login()
        client.set_pasv(session.passive)
        with open(session.source, "rb") as file:
            client.storbinary(f"STOR pub/{session.name}", file, BLOCK)
        with open(session.destination, "wb") as file:
            client.retrbinary(f"RETR pub/{session.name}", file.write, BLOCK)
        client.retrlines("LIST pub", listing.append)
        client.quit()
    return "\n".join(listing)


def run_lftp(session):
    script = f"""
set cmd:fail-exit yes
set net:max-retries 1
set net:timeout {SECONDS:g}
set net:persist-retries 0
set ftp:ssl-allow no
set ftp:use-mdtm no
set ftp:fix-pasv-address no
set ftp:passive-mode {'yes' if session.passive else 'no'}
set ftp:prefer-epsv {'yes' if session.extended else 'no'}
open -p {session.port} -u anonymous,lab@ ftp://{session.host}
put {session.source} -o pub/{session.name}
get pub/{session.name} -o {session.destination}
ls pub
bye
"""
    return session.namespace.run(["env", f"HOME={session.directory}", "lftp", "--norc", "-c", script],
                                 timeout=2 * SECONDS).stdout


def run_curl(session):
    options = ["-sS", "--fail", "--max-time", f"{SECONDS:g}", "--ftp-method", "nocwd", "--no-ftp-skip-pasv-ip"]
    if session.passive:
        options += [] if session.extended else ["--disable-epsv"]
    else:
        options += ["--ftp-port", "-"] + ([] if session.extended else ["--disable-eprt"])
    command = ["curl", "--disable", *options, "--upload-file", session.source, session.url + session.name, "--next",
               *options, "--output", session.destination, session.url + session.name, "--next", *options, session.url]
    return session.namespace.run(command, timeout=3 * SECONDS).stdout


CLIENTS = {"ftplib": run_ftplib, "lftp": run_lftp, "curl": run_curl}


@dataclasses.dataclass
class TlsSession(Session):
    """private: PROT P. version: "1.2" or "1.3". anchors: whom the client trusts."""

    implicit: bool
    private: bool
    version: str
    anchors: str


def run_tls_ftplib(session):
    """ftplib.FTP_TLS, with what it lacks: implicit FTPS, and resumption on data connections."""
    context = ssl.create_default_context(cafile=session.anchors)
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[session.version]
    context.minimum_version = context.maximum_version = version

    class Client(ftplib.FTP_TLS):
        def ntransfercmd(self, cmd, rest=None):
            connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
            if self._prot_p:
                connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
            return connection, size

        def connect_implicitly(self, host, port):
            self.host = host
            self.sock = self.context.wrap_socket(socket.create_connection((host, port), SECONDS), server_hostname=host)
            self.af = self.sock.family
            self.file = self.sock.makefile("r", encoding=self.encoding)
            self.welcome = self.getresp()

    Client.trust_server_pasv_ipv4_address = True
    listing = []
    with session.namespace.entered(), Client(context=context, timeout=SECONDS) as client:
        if session.implicit:
            client.connect_implicitly(session.address, session.port)
        else:
            client.connect(session.address, session.port)
            client.auth()
        client.login(secure=False)
        client.prot_p() if session.private else (client.voidcmd("PBSZ 0"), client.prot_c())
        client.set_pasv(session.passive)
        with open(session.source, "rb") as file:
            client.storbinary(f"STOR pub/{session.name}", file, BLOCK)
        with open(session.destination, "wb") as file:
            client.retrbinary(f"RETR pub/{session.name}", file.write, BLOCK)
        client.retrlines("LIST pub", listing.append)
        client.quit()
    return "\n".join(listing)


def run_tls_lftp(session):
    scheme = "ftps" if session.implicit else "ftp"
    other = {"1.2": "1.3", "1.3": "1.2"}[session.version]
    script = f"""
set cmd:fail-exit yes
set net:max-retries 1
set net:timeout {SECONDS:g}
set net:persist-retries 0
set ftp:ssl-force yes
set ftp:ssl-protect-data {'yes' if session.private else 'no'}
set ftp:ssl-protect-list {'yes' if session.private else 'no'}
set ftps:initial-prot ''
set ssl:ca-file {session.anchors}
set ssl:check-hostname no
set ssl:priority NORMAL:-VERS-TLS{other}:-VERS-TLS1.1:-VERS-TLS1.0
set ftp:use-mdtm no
set ftp:fix-pasv-address no
set ftp:passive-mode {'yes' if session.passive else 'no'}
open -p {session.port} -u anonymous,lab@ {scheme}://{session.host}
put {session.source} -o pub/{session.name}
get pub/{session.name} -o {session.destination}
ls pub
bye
"""
    return session.namespace.run(["env", f"HOME={session.directory}", "lftp", "--norc", "-c", script],
                                 timeout=2 * SECONDS).stdout


def run_tls_curl(session):
    scheme = "ftps" if session.implicit else "ftp"
    url = f"{scheme}://{session.host}:{session.port}/pub/"
    options = ["-sS", "--fail", "--max-time", f"{SECONDS:g}", "--ftp-method", "nocwd", "--no-ftp-skip-pasv-ip",
               "--ssl-reqd" if session.private else "--ftp-ssl-control", "--cacert", session.anchors,
               f"--tlsv{session.version}", "--tls-max", session.version]
    if not session.passive:
        options += ["--ftp-port", "-"]
    command = ["curl", "--disable", *options, "--upload-file", session.source, url + session.name, "--next",
               *options, "--output", session.destination, url + session.name, "--next", *options, url]
    return session.namespace.run(command, timeout=3 * SECONDS).stdout


TLS_CLIENTS = {"ftplib": run_tls_ftplib, "lftp": run_tls_lftp, "curl": run_tls_curl}
