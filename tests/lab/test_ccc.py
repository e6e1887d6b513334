#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A65: clients that end TLS on the control connection by CCC, against servers that let them, through SNAT. Behind CCC
offers are translated and their pinholes opened; what is transferred is compared. A client without CCC is opaque.
Then what `tls = forbid` and `tls = require` do to sessions that nobody terminates.
"""

import contextlib
import ftplib
import os
import ssl

from clients import SECONDS, file_digest, random_file
from lab import Lab
from proxy import Authority
from servers import TlsProftpd, TlsPureftpd
from tap import Plan, check, check_equal

MEGABYTES = 2
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Cell:
    """A lab with one kind of server for each family."""

    def __init__(self, kind, policy=None):
        self.kind = kind
        self.policy = policy or {}

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.lab = stack.enter_context(Lab(mode="snat", settings={"policy": self.policy}))
            authority = Authority(self.lab.directory, "servers")
            self.anchors = authority.certificate
            names = ",".join(f"IP:{self.lab.addresses[family].server}" for family in (4, 6))
            certificate = authority.issue("server", names, rsa=self.kind is TlsPureftpd)
            self.servers = {family: stack.enter_context(self.kind(
                self.lab.server, addresses.server, self.lab.directory, certificate, **self.options()))
                for family, addresses in self.lab.addresses.items()}
            self.source = self.lab.path("source")
            self.digest = random_file(self.source, MEGABYTES)
            yield self

    def options(self):
        # There is no session to resume once the control connection has left TLS.
        return {"settings": "TLSOptions NoSessionReuseRequired\n"} if self.kind is TlsProftpd else {}

    def client(self, family, version="1.3"):
        """An ftplib client that has logged in within TLS."""
        context = ssl.create_default_context(cafile=self.anchors)
        context.minimum_version = context.maximum_version = VERSIONS[version]
        client = ftplib.FTP_TLS(context=context, timeout=SECONDS)
        client.trust_server_pasv_ipv4_address = True
        client.connect(self.lab.addresses[family].server, 21)
        client.login("anonymous", "lab@")
        return client


def check_session(cell, family, since, offers):
    """TLS began, ended, and offers were judged behind it and used."""
    gateway = cell.lab.gateway
    ended = gateway.wait_ended(since)
    kinds = [event["tls"] for event in gateway.events("tls", since)]
    check_equal(sorted(set(kinds)), ["clear", "opaque"], "what became of TLS")
    check_equal(len(gateway.events("offer", since)), offers, "offers behind CCC")
    check_equal(len(gateway.events("pinhole-used", since)), offers, "pinholes that were used")
    for event in ended:
        check_equal(event["reason"], "connection-ended", "how the session ended")
    check_equal(gateway.events("refuse", since), [], "what was refused")
    check_equal(cell.lab.expectations(family), [], "expectations in the kernel")


def run_ftplib(cell, family, version, passive, private, name, down):
    with cell.lab.client.entered(), cell.client(family, version) as client:
        client.prot_p() if private else (client.voidcmd("PBSZ 0"), client.prot_c())
        client.ccc()
        client.set_pasv(passive)
        with open(cell.source, "rb") as file:
            client.storbinary(f"STOR pub/{name}", file)
        with open(down, "wb") as file:
            client.retrbinary(f"RETR pub/{name}", file.write)
        client.retrlines("LIST pub", lambda line: None)
        client.quit()
    return 3


def run_curl(cell, family, version, passive, private, name, down, mode="passive"):
    address = cell.lab.addresses[family].server
    url = f"ftp://{f'[{address}]' if family == 6 else address}:21/pub/{name}"
    options = ["-sS", "--fail", "--max-time", f"{SECONDS:g}", "--ftp-method", "nocwd", "--no-ftp-skip-pasv-ip",
               "--ssl-reqd" if private else "--ftp-ssl-control", "--cacert", cell.anchors, f"--tlsv{version}",
               "--tls-max", version, "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode]
    options += [] if passive else ["--ftp-port", "-"]
    cell.lab.client.run(["curl", "--disable", *options, "--upload-file", cell.source, url, "--next", *options,
                         "--output", down, url], timeout=2 * SECONDS)
    return 2


def run_curl_active_goodbye(*arguments):
    """curl that says close_notify first; left alone it waits for the server's and sends none."""
    return run_curl(*arguments, mode="active")


# lftp 4.9 takes the server's close_notify for the end of the connection, also where nothing stands between them.
CLIENTS = {"ftplib": run_ftplib, "curl": run_curl, "curl (close_notify)": run_curl_active_goodbye}
# Pure-FTPd and a client that sends no close_notify wait for each other, likewise.
GOODBYE_SAYERS = ("ftplib", "curl (close_notify)")


def transfer(cell, client, family, version, passive, private):
    name = f"file-{os.urandom(4).hex()}"
    down = cell.lab.path(f"{name}.down")
    since = cell.lab.gateway.position()
    offers = CLIENTS[client](cell, family, version, passive, private, name, down)
    try:
        check_equal(file_digest(cell.servers[family].path(name)), cell.digest, "SHA-256 of the uploaded file")
        check_equal(file_digest(down), cell.digest, "SHA-256 of the downloaded file")
        check_session(cell, family, since, offers)
    finally:
        for path in (cell.servers[family].path(name), down):
            if os.path.exists(path):
                os.remove(path)


def foreign_offer(cell, family):
    """Behind CCC a PORT to a third host is refused, and the session goes on."""
    gateway, since = cell.lab.gateway, cell.lab.gateway.position()
    line = {4: "PORT 10,9,1,99,200,10", 6: "EPRT |2|fd09::99|51210|"}[family]
    with cell.lab.client.entered(), cell.client(family) as client:
        client.ccc()
        try:
            check(False, f"{line} was answered with {client.sendcmd(line)!r}")
        except ftplib.error_perm:
            pass
        check_equal(gateway.wait_event("refuse", since)["reason"], "foreign-address", "the reason")
        check_equal(gateway.events("pinhole-open", since), [], "pinholes")
        client.voidcmd("NOOP")
        client.set_pasv(False)
        client.retrlines("LIST", lambda line: None)
    gateway.wait_ended(since)
    check_equal(len(gateway.events("pinhole-used", since)), 1, "pinholes for the listing that was the client's own")


def without_ccc(cell, family):
    """The control, of the test and of the gateway: nothing of an offer within TLS is known to anybody."""
    gateway, since = cell.lab.gateway, cell.lab.gateway.position()
    with cell.lab.client.entered(), cell.client(family) as client:
        client.sock.settimeout(SECONDS)
        with contextlib.suppress(ftplib.Error), client.makeport():
            pass
        client.voidcmd("NOOP")
        client.quit()
    gateway.wait_ended(since)
    check_equal([event["tls"] for event in gateway.events("tls", since)], ["opaque"], "what became of TLS")
    check_equal(gateway.events("offer", since), [], "offers")


def auth_is_forbidden(cell):
    """The server refuses AUTH in its own words, since it is asked something else, and the session goes on in clear."""
    gateway, since = cell.lab.gateway, cell.lab.gateway.position()
    with cell.lab.client.entered(), ftplib.FTP(timeout=SECONDS) as client:
        client.connect(cell.lab.addresses[4].server, 21)
        try:
            check(False, f"AUTH TLS was answered with {client.sendcmd('AUTH TLS')!r}")
        except ftplib.error_perm as refusal:
            check("XXXX" in str(refusal), f"the words of the refusal are {refusal}")
        client.login("anonymous", "lab@")
        client.set_pasv(False)
        client.retrlines("LIST", lambda line: None)
        client.quit()
    gateway.wait_ended(since)
    check_equal([event["reason"] for event in gateway.events("refuse", since)], ["tls-denied"], "the reasons")
    check_equal(gateway.events("tls", since), [], "events of TLS")
    check_equal(len(gateway.events("pinhole-used", since)), 1, "pinholes")


def login_in_clear_is_closed(cell):
    gateway, since = cell.lab.gateway, cell.lab.gateway.position()
    with cell.lab.client.entered(), ftplib.FTP(timeout=SECONDS) as client:
        client.connect(cell.lab.addresses[4].server, 21)
        client.sendcmd("FEAT")
        try:
            check(False, f"USER was answered with {client.sendcmd('USER anonymous')!r}")
        except ConnectionResetError:
            pass
    gateway.wait_event("session-close", since, reason="tls-required")


def login_in_tls_passes(cell):
    """Whoever leaves TLS again is served no transfer in clear."""
    gateway, since = cell.lab.gateway, cell.lab.gateway.position()
    with cell.lab.client.entered(), cell.client(4) as client:
        client.ccc()
        client.voidcmd("NOOP")
        for command in ("PASV", "RETR pub/none"):
            try:
                check(False, f"{command} was answered with {client.sendcmd(command)!r}")
            except ftplib.error_perm:
                pass
    gateway.wait_ended(since)
    check_equal([event["reason"] for event in gateway.events("refuse", since)], ["tls-required"] * 2, "the reasons")


def main():
    plan = Plan(__doc__)
    proftpd, pureftpd = Cell(TlsProftpd), Cell(TlsPureftpd)
    for cell, server, clients in ((proftpd, "ProFTPD", CLIENTS), (pureftpd, "Pure-FTPd", GOODBYE_SAYERS)):
        for client in clients:
            for version in VERSIONS:
                for passive in (False, True):
                    what = f"{client}, {server}, {'passive' if passive else 'active'}, TLS {version}"
                    plan.add(f"A65 behind CCC files arrive whole: {what}", transfer, client, 4, version, passive, False,
                             fixture=cell)
        for passive in (False, True):
            mode = "passive" if passive else "active"
            plan.add(f"A65 behind CCC files arrive whole: ftplib, {server}, {mode}, IPv6", transfer, "ftplib", 6, "1.3",
                     passive, False, fixture=cell)
        for family in (4, 6):
            plan.add(f"A65 behind CCC a foreign offer is refused: {server}, IPv{family}", foreign_offer, family,
                     fixture=cell)
        plan.add(f"without CCC nothing is seen: {server}", without_ccc, 4, fixture=cell)
    # curl's own private data connection in active mode hangs behind CCC, also where nothing stands between.
    for client, passive in (("ftplib", False), ("ftplib", True), ("curl", True)):
        what = f"{client}, ProFTPD, {'passive' if passive else 'active'}"
        plan.add(f"A65 behind CCC data may be private (PROT P): {what}", transfer, client, 4, "1.3", passive, True,
                 fixture=proftpd)
    forbid, require = Cell(TlsProftpd, {"tls": "forbid"}), Cell(TlsProftpd, {"tls": "require"})
    plan.add("tls = forbid: the server refuses AUTH in its own words", auth_is_forbidden, fixture=forbid)
    plan.add("tls = require: a session that logs in in clear is closed", login_in_clear_is_closed, fixture=require)
    plan.add("tls = require: a login in TLS passes, a transfer in clear behind CCC does not", login_in_tls_passes,
             fixture=require)
    plan.run()


if __name__ == "__main__":
    main()
