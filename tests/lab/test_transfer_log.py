#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The transfer log says of each transfer who moved which file, how much of it, and what became of it: a real client and a real
server walk through directories, through the queue and through the TLS proxy.
"""

import contextlib
import ftplib
import io
import os
import shutil
import socket
import ssl

from clients import SECONDS
from gateway import READY, binary
from lab import Lab
from process import wait_until
from proxy import Proxy
from servers import Proftpd, TlsProftpd
from tap import Plan, check, check_equal
from transfers import Client

SIZE = 70_001
BIG = 400_000_000
USER = "anonymous"
XFERLOG = "/run/lab/xferlog"
TO_JOURNAL = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"'


class Appending:
    """What makes a server append, too."""

    def _configuration(self, installed):
        return super()._configuration(installed).replace("AllowOverwrite on", "AllowOverwrite on\n  AllowStoreRestart on")


class PlainServer(Appending, Proftpd):
    pass


class TlsServer(Appending, TlsProftpd):
    pass


class TlsClient(ftplib.FTP_TLS):
    """ftplib's, which resumes on data connections."""

    trust_server_pasv_ipv4_address = True

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session)
        return connection, size


def content(size=SIZE):
    return io.BytesIO(b"x" * size)


def fetch(client, name, offset=None):
    client.retrbinary(f"RETR {name}", lambda _: None, rest=offset)


def cut_short(client, name):
    """Reads the beginning and aborts."""
    with client.transfercmd(f"RETR {name}") as data:
        data.recv(1000)
        client.abort()
    client.voidresp()


def row(verb, path, size=SIZE, **others):
    """What a transfer's event must have."""
    direction = {"RETR": "down", "NLST": "list", "LIST": "list"}.get(verb, "up")
    return {"verb": verb, "path": path, "direction": direction, "bytes": size, "outcome": "complete", "code": 226, **others}


def refused(client, name, path):
    """A file that is not there."""
    try:
        fetch(client, name)
    except ftplib.error_perm as error:
        return row("RETR", path, 0, outcome="aborted", by="server", code=int(str(error)[:3]))
    raise AssertionError(f"{name} was fetched")


def walk(client, server):
    """Transfers, and the rows that they are. The session's directory is told by CWD, CDUP and PWD."""
    odd = "ü \\ \"x\" &"
    shutil.rmtree(server.path("other"), ignore_errors=True)
    os.makedirs(server.path("deep er"))
    os.chmod(server.path("deep er"), 0o777)
    with open(server.path("a b.bin"), "wb") as file:
        file.write(content().read())
    rows = []
    fetch(client, "pub/a b.bin")
    rows.append(row("RETR", "pub/a b.bin"))
    client.pwd()
    fetch(client, "pub/a b.bin")
    client.cwd("pub")
    fetch(client, "./../pub//a b.bin")
    fetch(client, "a b.bin", 70_000)
    rows += [row("RETR", "/pub/a b.bin"), row("RETR", "/pub/a b.bin"), row("RETR", "/pub/a b.bin", 1)]
    client.cwd("deep er")
    client.storbinary(f"STOR {odd}", content())
    client.storbinary(f"APPE {odd}", content(5))
    client.storbinary(f"STOR {odd}", content(0))
    shown = odd.replace("\\", "\\\\")
    rows += [row("STOR", f"/pub/deep er/{shown}"), row("APPE", f"/pub/deep er/{shown}", 5), row("STOR", f"/pub/deep er/{shown}", 0)]
    client.sendcmd("CDUP")
    rows.append(refused(client, "missing", "/pub/missing"))
    return rows


def rename(client):
    """The directory gets another name: nobody knows where the session is, until PWD."""
    client.cwd("/pub/deep er")
    client.storbinary("STOR y", content(7))
    client.rename("/pub/deep er", "/pub/other")
    client.storbinary("STOR /pub/z", content(8))
    # This server is nowhere then; others would find it.
    lost = refused(client, "y", "y")
    client.cwd("/pub/other")
    client.storbinary("STOR z", content(10))
    return [row("STOR", "/pub/deep er/y", 7), row("STOR", "/pub/z", 8), lost, row("STOR", "/pub/other/z", 10)]


def unique(client):
    """A server that chooses the name says it."""
    client.cwd("/pub")
    client.voidcmd("TYPE I")
    with client.transfercmd("STOU") as data:
        data.sendall(b"12345")
    client.voidresp()
    return [row("STOU", None, 5)]


def told(gateway, port, count):
    """The transfers of a client, by its port, once there are so many."""
    def find():
        found = [event for event in gateway.events("transfer") if event.get("client_port") == port]
        return found if len(found) >= count else None
    return wait_until(find, f"{count} transfers of {port}")


def rows_are_told(gateway, port, rows, **others):
    def order(row):
        return row["verb"], row["bytes"], row.get("path") or ""

    # One whose data connection may still come is told a little later.
    events = told(gateway, port, len(rows))
    check_equal(len(events), len(rows), "transfers")
    for event, expected in zip(sorted(events, key=order), sorted(rows, key=order)):
        for key, value in {"user": USER, **others, **expected}.items():
            if key == "path" and value is None:
                check_equal(event.get("path", "")[:5], "/pub/", f"path of {event}")
            else:
                check_equal(event.get(key), value, f"{key} of {event}")
        if event["bytes"] > 0:
            check_equal(event["rate"] > 0, True, f"rate of {event}")


@contextlib.contextmanager
def made():
    """A lab, and servers of both families."""
    with Lab(mode="snat", settings={"gateway": {"xferlog": XFERLOG}}) as lab, contextlib.ExitStack() as stack:
        yield lab, {family: stack.enter_context(PlainServer(lab.server, lab.addresses[family].server, lab.directory))
                    for family in (4, 6)}


@contextlib.contextmanager
def logged_in(lab, family):
    with lab.client.entered(), Client() as client:
        client.connect(lab.server_seen(family))
        client.login()
        yield client


def xferlog_rows():
    """As readers split them."""
    with open(XFERLOG, encoding="utf-8") as file:
        lines = file.read().splitlines()
    rows = [line.split() for line in lines]
    for fields, line in zip(rows, lines):
        check_equal(len(fields), 18, f"fields of {line!r}")
    return rows


def rows_are_in_the_log(lab, rows, before):
    """A line for each that is a file."""
    def shown(path):
        return "".join("_" if letter == " " else letter for letter in path.replace("\\\\", "\\"))

    def find():
        found = xferlog_rows()[before:]
        return found if len(found) >= len(files) else None
    files = [row for row in rows if row["direction"] != "list"]
    found = wait_until(find, f"{len(files)} lines")
    wanted = sorted((row["bytes"], shown(row["path"]), "o" if row["direction"] == "down" else "i",
                     "c" if row["outcome"] == "complete" else "i") for row in files if row["path"])
    got = sorted((int(fields[7]), fields[8], fields[11], fields[17]) for fields in found)
    check(all(row in got for row in wanted), f"wanted {wanted}, in the log {got}")
    check_equal(len(found), len(files), "lines")
    check_equal({tuple(fields[12:17]) for fields in found}, {("a", USER, "ftp", "0", "*")}, "who")
    check_equal({fields[6] for fields in found}, {lab.addresses[4].client}, "the client")


def each_file_is_in_the_log(place):
    lab, servers = place
    before = len(xferlog_rows())
    with logged_in(lab, 4) as client:
        rows_are_in_the_log(lab, walk(client, servers[4]) + rename(client) + unique(client), before)


def the_log_is_moved_away(place):
    """As logrotate does it."""
    lab, servers = place
    path = XFERLOG
    with open(servers[4].path("small"), "wb") as file:
        file.write(b"12")
    with logged_in(lab, 4) as client:
        fetch(client, "/pub/small")
        wait_until(lambda: any(fields[8] == "/pub/small" for fields in xferlog_rows()), "a line")
        os.rename(path, f"{path}.1")
        lab.router.run([binary(), "reopen", "-c", lab.gateway.configuration])
        check(os.path.exists(path), "there is no new file")
        fetch(client, "/pub/small")
        wait_until(lambda: xferlog_rows(), "a line in the new file")
    os.remove(f"{path}.1")


@contextlib.contextmanager
def journal_in_place():
    """A socket where systemd's journal has its own."""
    os.makedirs("/run/systemd/journal", exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind("/run/systemd/journal/socket")
        journal.settimeout(SECONDS)
        try:
            yield journal
        finally:
            os.remove("/run/systemd/journal/socket")


def entry_of(journal, event):
    """The next one of an event, as {field: value}."""
    while True:
        fields = dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines())
        if fields["FTPALG_EVENT"] == event:
            return fields


def the_journal_has_fields(missing):
    """
    Standard error of the gateway is the journal's by what JOURNAL_STREAM says. A journal that takes no fields costs nothing
    but these.
    """
    with Lab(mode="snat", daemon=False, settings={"gateway": {"log-transfers": "yes"}}) as lab, contextlib.ExitStack() as stack:
        journal = None if missing else stack.enter_context(journal_in_place())
        gateway = lab.gateway
        gateway.process = lab.router.spawn(["sh", "-c", TO_JOURNAL, "sh", binary(), "run", "-c", gateway.configuration])
        gateway.process.wait_for_output(READY)
        server = stack.enter_context(PlainServer(lab.server, lab.addresses[4].server, lab.directory))
        with open(server.path("a b"), "wb") as file:
            file.write(b"12345")
        client = stack.enter_context(logged_in(lab, 4))
        with contextlib.suppress(ftplib.Error):
            client.sendcmd("PORT 10,99,99,99,4,1")
        client.cwd("/pub")
        fetch(client, "a b")
        if missing:
            wait_until(lambda: "RETR complete, 5 bytes" in gateway.process.output() and "foreign-address" in gateway.process.output(), "the sentences")
            return
        refusal, transfer = entry_of(journal, "refuse"), entry_of(journal, "transfer")
        check_equal((refusal["PRIORITY"], refusal["FTPALG_REASON"], refusal["FTPALG_CLIENT_IP"]),
                    ("4", "foreign-address", lab.addresses[4].client), "the refusal")
        check("foreign-address" in refusal["MESSAGE"], f"the sentence {refusal['MESSAGE']!r}")
        check_equal((transfer["PRIORITY"], transfer["FTPALG_PATH"], transfer["FTPALG_BYTES"], transfer["FTPALG_OUTCOME"]),
                    ("5", "/pub/a b", "5", "complete"), "the transfer")
        check("foreign-address" not in gateway.process.output(), "it is in the stream as well")


def each_transfer_is_told(place, family, passive):
    lab, servers = place
    server = servers[family]
    with logged_in(lab, family) as client:
        client.set_pasv(passive)
        rows = walk(client, server) + rename(client) + unique(client)
        port = client.sock.getsockname()[1]
        rows_are_told(lab.gateway, port, rows, mode="passive" if passive else "active", protected=False)


def aborted(place):
    lab, servers = place
    with open(servers[4].path("big"), "wb") as file:
        file.truncate(BIG)
    with logged_in(lab, 4) as client:
        cut_short(client, "/pub/big")
        event = told(lab.gateway, client.sock.getsockname()[1], 1)[0]
        check_equal((event["path"], event["outcome"], event["by"]), ("/pub/big", "aborted", "client"), "what is told")
        check_equal(event["bytes"] < BIG, True, f"bytes of {event}")


def each_transfer_of_the_proxy_is_told(private):
    with Lab(mode="routed", gateway_rules=False, daemon=False) as lab:
        proxy = Proxy(lab)
        certificate = proxy.server_certificate()
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(TlsServer(lab.server, lab.addresses[4].server, lab.directory, certificate))
            stack.enter_context(proxy)
            stack.enter_context(lab.client.entered())
            context = ssl.create_default_context(cafile=proxy.local)
            client = stack.enter_context(TlsClient(context=context, timeout=SECONDS))
            client.connect(lab.addresses[4].server)
            client.login()
            client.prot_p() if private else client.prot_c()
            port = client.sock.getsockname()[1]
            rows = walk(client, server) + rename(client)
            # Of what was not begun nobody can say how it would have been protected.
            for expected in rows:
                expected["protected"] = private if expected["outcome"] == "complete" else None
            rows_are_told(proxy, port, rows, mode="passive")


def main():
    plan = Plan(__doc__)
    for family in (4, 6):
        for passive in (True, False):
            plan.add(f"IPv{family}, {'passive' if passive else 'active'}: each transfer is told, with its path from the root where it is"
                     " known", each_transfer_is_told, family, passive, fixture=made)
    plan.add("a transfer that its client aborts is told with what has arrived", aborted, fixture=made)
    plan.add("each file is a line of the transfer log that its readers can split", each_file_is_in_the_log, fixture=made)
    plan.add("the transfer log is moved away, and goes on in a new file", the_log_is_moved_away, fixture=made)
    plan.add("the journal has refusals and transfers with their fields", the_journal_has_fields, False)
    plan.add("without a journal they are lines as ever", the_journal_has_fields, True)
    for private in (True, False):
        plan.add(f"through the proxy, data {'protected' if private else 'in clear'}: each transfer is told the same way",
                 each_transfer_of_the_proxy_is_told, private)
    plan.run()


if __name__ == "__main__":
    main()
