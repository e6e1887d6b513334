#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Peers as they are through the proxy: servers that end without close_notify, that want no ClientHello before its time, that
know no PBSZ, that are slow; clients that name no server; local authorities of every kind.
"""

import contextlib
import os
import re
import select
import socket
import ssl
import subprocess
import time

from gateway import binary
from lab import Lab
from process import SLOWNESS, wait_until
from proxy import Proxy, without_sockets
from scripted import ScriptedServer
from tap import Plan, check, check_equal
from test_tls import Cell, ScriptedCell, Talk, client_context
from test_truncation import Dialogue, Peer, half_close, leave, read

SIZE, BIG = 100_000, 20_000_000
# idle-timeout may be no less than a minute.
IDLE = 60
# Of hosts, in one certificate; it is as large as OpenSSL's own clients take one.
MANY = 2000


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ends_bare(cell, private, reply, end):
    """A whole file, and FIN without close_notify behind it: what the client reads, and which end it sees."""
    since = cell.proxy.position()
    with Dialogue(cell, private) as dialogue:
        client, server = Peer(False), Peer(True, SIZE, half_close)
        check_equal(dialogue.transfer(client, server), reply, "the reply")
        check_equal((len(client.received), client.end), (SIZE if reply == "226" else len(client.received), end),
                    "what the client received, and the end")
    if reply == "226":
        cell.proxy.wait_event("anomaly", since, client=dialogue.talk.endpoint, reason="no-close-notify")
    else:
        cell.proxy.wait_event("relay", since, client=dialogue.talk.endpoint, reason="truncated")


def uploads_bare(cell, reply, end):
    """The same by a client (ftp-ssl): the server judges."""
    with Dialogue(cell, True) as dialogue:
        client, server = Peer(True, SIZE, half_close), Peer(False)
        check_equal(dialogue.transfer(client, server), reply, "the reply")
        check_equal(server.end, end, "the end that the server saw")


def tear(piece):
    """The beginning of a record, and FIN: bytes are missing, whatever a library thinks of an end without an alert."""
    def act(connection):
        raw = socket.socket(fileno=connection.detach())
        raw.sendall(piece)
        half_close(raw)
    return act


HEADER = b"\x17\3\3\0\x64"
PIECES = {"a part of its header": HEADER[:3], "its header": HEADER, "a part of its body": HEADER + bytes(50)}


def ends_within_a_record(cell, upload, version):
    since = cell.proxy.position()
    with Dialogue(cell, True, version) as dialogue:
        for what, piece in PIECES.items():
            sender, receiver = Peer(True, SIZE, tear(piece)), Peer(False)
            code = dialogue.transfer(*((sender, receiver) if upload else (receiver, sender)))
            check_equal((code, receiver.end), ("426", "broken"), f"the reply, and the receiver's end, after {what}")
    relays = cell.proxy.wait_events(len(PIECES), "relay", since, client=dialogue.talk.endpoint)
    check_equal([relay.get("reason") for relay in relays], ["truncated"] * len(PIECES), "the reasons")


def waits_for_the_reset(connection):
    """What the kernel of a client that has closed its socket answers an alert with; pyftpdlib ends no upload without it."""
    raw = socket.socket(fileno=connection.detach())
    poll = select.poll()
    poll.register(raw, 0)
    wait_until(lambda: poll.poll(0), "the reset")
    raw.close()


def leaves_bare(cell):
    with Dialogue(cell, True) as dialogue:
        client, server = Peer(True, SIZE, leave), Peer(False, SIZE + 1, waits_for_the_reset)
        check_equal(dialogue.transfer(client, server), "226", "the reply")
        check_equal((len(server.received), server.end), (SIZE, "bare"), "what the server received, and the end")


class ImpatientServer:
    """
    Watches what comes first, the transfer command or a ClientHello on the data connection: by one select(2) on both, since
    two threads would be woken in any order. early: None as long as there is no ClientHello.
    """

    def __init__(self, cell):
        self.early = None
        self.server = cell.tls_server()
        self.server.handlers["EPSV"] = lambda _argument: self._passive
        self.server.handlers["NLST"] = lambda _argument: self._list

    def _passive(self, session):
        with session.server.namespace.entered():
            self.watched = self.listener = socket.create_server((session.server.address, 0))
        session.send(f"229 here (|||{self.listener.getsockname()[1]}|)\r\n".encode())
        self.early = self._sees_hello(session.connection) or None

    def _sees_hello(self, *others):
        """False: one of the others was first, or nothing came."""
        while True:
            readable, _, _ = select.select([self.watched, *others], [], [], 20 * SLOWNESS)
            if self.watched not in readable or any(other in readable for other in others):
                return False
            if self.watched is not self.listener:
                return True
            self.watched = self.listener.accept()[0]

    def _list(self, session):
        session.send(b"150 go on\r\n")
        if self.early is None and self._sees_hello():
            self.early = False
        self.watched.close()
        self.listener.close()
        return b"226 done\r\n"


def hello_waits_for_the_command(cell, client_first):
    impatient = ImpatientServer(cell)
    with impatient.server, Talk(cell) as talk:
        talk.secure()
        for command in ("USER a", "PASS b", "PBSZ 0", "PROT P"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        if client_first:
            data.setblocking(False)
            secured = talk.socket.context.wrap_socket(data, do_handshake_on_connect=False)
            with contextlib.suppress(ssl.SSLWantReadError):
                secured.do_handshake()
            wait_until(lambda: impatient.early is not None, "the server's ClientHello")
        else:
            time.sleep(0.5)
        check_equal(impatient.early, True if client_first else None, "a ClientHello before the command")
        talk.send(b"NLST\r\n")
        check_equal(talk.reply()[:3], "150", "the preliminary reply")
        wait_until(lambda: impatient.early is not None, "the server's ClientHello")
        check_equal(impatient.early, client_first, "a ClientHello before the command")
        data.close()


def protection_without_pbsz(cell):
    with cell.tls_server(PBSZ=b"500 what\r\n"), Talk(cell) as talk:
        talk.secure()
        for command in ("USER a", "PASS b", "PROT P"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")


def long_transfer(cell, says_noop):
    """A data connection that is busy for longer than idle-timeout, and then the session goes on."""
    def slow(session):
        session.send(b"150 here it comes\r\n")
        with contextlib.suppress(OSError), session.data_connection() as data:
            for _ in range(IDLE + 10):
                data.sendall(b"x")
                time.sleep(1)
        return b"226 done\r\n"
    server = cell.server()
    server.handlers["RETR"] = lambda _argument: slow
    with server, Talk(cell) as talk:
        talk.reply()
        for command in ("USER a", "PASS b"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        talk.send(b"RETR x\r\n")
        check_equal(talk.reply()[:3], "150", "the preliminary reply")
        data.settimeout(2 * IDLE)
        received = 0
        while block := data.recv(100):
            received += len(block)
            if says_noop and received % 20 == 0:
                talk.send(b"NOOP\r\n")
        data.close()
        check_equal(received, IDLE + 10, "bytes")
        talk.socket.settimeout(20)
        check_equal(talk.reply()[:3], "226", "the final reply")
        for _ in range(received // 20 if says_noop else 0):
            check_equal(talk.reply()[:3], "200", "the reply to NOOP")
        check(talk.command("NOOP").startswith("200"), "the session did not go on")


def unnamed(cell, judged_by_client):
    """The server's certificate is for ftp.lab.test; the client names nobody, and means the address."""
    address = cell.lab.addresses[4].server
    since = cell.proxy.position()
    clients = []
    for name, is_right in ((None, True), (address, False)):
        context = ssl.create_default_context(cafile=cell.proxy.local)
        context.check_hostname = bool(name)
        with cell.tls_server(), Talk(cell) as talk:
            clients.append(talk.endpoint)
            try:
                talk.secure(context, name=name)
            except ssl.SSLCertVerificationError:
                check(not is_right and judged_by_client, "the client found the certificate bad")
                continue
            check(is_right or not judged_by_client, "the client took a certificate for another")
            if judged_by_client:
                check(talk.command("USER a").startswith("331"), "the session did not begin")
            else:
                check("bad-certificate" in talk.line(), "a certificate for another address was accepted")
    for client in clients:
        cell.proxy.wait_event("session-close", since, client=client)
    reasons = {client: [event["reason"] for event in cell.proxy.events("anomaly", since, client=client)]
               for client in clients}
    check_equal(["bad-certificate" in reasons[client] for client in clients],
                [False, False] if judged_by_client else [True, True], f"bad-certificate among {reasons}")


def must_staple_is_honoured(cell):
    """Python's servers staple nothing."""
    since = cell.proxy.position()
    with cell.tls_server(), Talk(cell) as talk:
        talk.secure(client_context(cell))
        answer = talk.line()
        check(answer.startswith("421") and "must-staple" in answer, f"the client read {answer!r}")
    cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bad-certificate")


def all_names_are_shown(cell):
    context = ssl.create_default_context(cafile=cell.proxy.local)
    with cell.tls_server(), Talk(cell) as talk:
        talk.secure(context, name="ftp.lab.test")
        check_equal(len(talk.socket.getpeercert()["subjectAltName"]), 1 + MANY, "names in what the client is shown")
        check(talk.command("USER a").startswith("331"), "the session did not begin")


def leaves_bare_and_goes_on(cell, context):
    """ftp-ssl closes its uploads without close_notify. The server's library takes that for a failure; the session goes
    on."""
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.secure(context(cell))
        for command in ("USER anonymous", "PASS x", "PBSZ 0", "PROT P", "TYPE I"):
            talk.command(command)
        for number, command in enumerate((f"STOR pub/{context.__name__}-1", f"STOR pub/{context.__name__}-2", "RETR pub/big")):
            port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
            with cell.lab.client.entered():
                data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
            talk.send(f"{command}\r\n".encode())
            check_equal(talk.reply()[:3], "150", f"the preliminary reply to {command}")
            data = talk.socket.context.wrap_socket(data, session=talk.socket.session)
            check(data.session_reused, f"the client's leg of connection {number} was not resumed")
            if command.startswith("STOR"):
                data.sendall(b"x" * SIZE)
                half_close(data)
            else:
                check_equal(len(read(data)[0]), BIG, "bytes of the download")
                data.close()
            final = talk.reply()[:3]
            check(final == "226" or command.startswith("STOR"), f"the final reply to {command}: {final}")
    relays = wait_until(lambda: (found := cell.proxy.events("relay", since)) and len(found) == 3 and found, "three relays")
    for number, relay in enumerate(relays):
        check(relay["server_tls_resumed"], f"the server's leg of connection {number} was not resumed: {relay}")


def by_session_id(cell):
    """TLS 1.2 without tickets: what is resumed is the one session that the proxy remembers."""
    context = client_context(cell)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    return context


def ends_early(cell, drains):
    """
    A client says close_notify in the middle of a download, and closes, or reads on. ProFTPD ends the control connection
    where such an end comes without a reset.
    """
    with Talk(cell) as talk:
        talk.secure()
        for command in ("USER anonymous", "PASS x", "PBSZ 0", "PROT P", "TYPE I"):
            talk.command(command)
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with cell.lab.client.entered():
            data = socket.create_connection((cell.lab.addresses[4].server, port), 10)
        talk.send(b"RETR pub/big\r\n")
        check_equal(talk.reply()[:3], "150", "the preliminary reply")
        data = talk.socket.context.wrap_socket(data, session=talk.socket.session)
        data.recv(1000)
        data.setblocking(False)
        with contextlib.suppress(OSError):
            data.unwrap()
        raw = socket.socket(fileno=data.detach())
        raw.settimeout(20 * SLOWNESS)
        while drains and raw.recv(65536):
            pass
        raw.close()
        check_equal(talk.reply()[:3], "226" if drains else "426", "the final reply")
        check_equal(talk.command("NOOP")[:3], "200", "the answer to the next command")


class BigFileCell(Cell):
    @contextlib.contextmanager
    def __call__(self):
        with super().__call__():
            with open(self.servers[4, False].path("big"), "wb") as file:
                file.truncate(BIG)
            yield self


class NamedCell(ScriptedCell):
    """The server's certificate is for a name alone. more: lines of openssl's x509v3_config(5)."""

    def __init__(self, options, more=""):
        super().__init__(options)
        self.more = more

    @contextlib.contextmanager
    def __call__(self):
        with super().__call__():
            self.certificate = self.proxy.server_certificate(alternatives=f"DNS:ftp.lab.test{self.more}")
            yield self


class AuthorityCell:
    """A local authority of a kind, and a client that trusts its root."""

    NEW = {"ed25519": ["-newkey", "ed25519"], "rsa": ["-newkey", "rsa:3072"],
           "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}
    CONSTRAINTS = "nameConstraints=critical,permitted;DNS:corp.example"

    def __init__(self, kind):
        self.kind = kind

    def _make(self, directory):
        root, key = os.path.join(directory, "root.pem"), os.path.join(directory, "root.key")
        constrained = ["-addext", self.CONSTRAINTS] if self.kind == "constrained" else []
        openssl("req", "-x509", *self.NEW.get(self.kind, self.NEW["p384"]), "-nodes", "-days", "30", "-subj", "/CN=root",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                *constrained, "-keyout", key, "-out", root)
        os.chmod(key, 0o600)
        if self.kind != "subordinate":
            return root, root, key
        path = os.path.join(directory, "issuing")
        openssl("req", *self.NEW["rsa"], "-nodes", "-subj", "/CN=issuing", "-keyout", f"{path}.key", "-out", f"{path}.csr")
        with open(f"{path}.ext", "w", encoding="ascii") as file:
            file.write("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n")
        openssl("x509", "-req", "-in", f"{path}.csr", "-CA", root, "-CAkey", key, "-CAcreateserial", "-days", "20",
                "-extfile", f"{path}.ext", "-out", f"{path}.pem")
        os.chmod(f"{path}.key", 0o600)
        return root, f"{path}.pem", f"{path}.key"

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode="routed", gateway_rules=False, daemon=False) as self.lab:
            self.root, certificate, key = self._make(self.lab.directory)
            self.proxy = Proxy(self.lab, {"tls": "client", "implicit-ports": "none", "ca-certificate": certificate,
                                          "ca-key": key})
            with self.proxy:
                yield self


def authority_is_believed(cell, name):
    with ScriptedServer(cell.lab.server, cell.lab.addresses[4].server), Talk(cell) as talk:
        talk.secure(ssl.create_default_context(cafile=cell.root), name=name)
        check(talk.command("USER a").startswith("331"), "the session did not begin")


def authority_keeps_its_limits(cell):
    """What clients would refuse is not minted, and an event says why."""
    authority_is_believed(cell, "files.corp.example")
    since = cell.proxy.position()
    with ScriptedServer(cell.lab.server, cell.lab.addresses[4].server), Talk(cell) as talk:
        with contextlib.suppress(OSError):
            talk.secure(client_context(cell), name="files.elsewhere.example")
            check(False, "a client was shown a certificate that the authority may not sign")
    event = cell.proxy.wait_event("anomaly", since, reason="handshake")
    check("permitted subtree violation" in event["line"], f"the event says {event['line']!r}")


def check_tries_the_authority(cell):
    """An authority whose key is too weak for clients is told by check, and the proxy does not start with it."""
    directory = cell.lab.directory
    weak, key = os.path.join(directory, "weak.pem"), os.path.join(directory, "weak.key")
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "30", "-subj", "/CN=weak", "-addext",
            "basicConstraints=critical,CA:TRUE", "-keyout", key, "-out", weak)
    os.chmod(key, 0o600)
    path = cell.lab.path("weak.conf")
    with open(cell.proxy.configuration, encoding="ascii") as file:
        text = re.sub("ca-certificate = .*", f"ca-certificate = {weak}", file.read())
    with open(path, "w", encoding="ascii") as file:
        file.write(without_sockets(re.sub("ca-key = .*", f"ca-key = {key}", text)))
    for command in ("check", "proxy"):
        result = cell.lab.router.run([binary(), command, "-c", path], check=False, timeout=30)
        check_equal(result.returncode, 1, f"exit status of {command}")
        check("clients would refuse what" in result.stdout + result.stderr, f"{command} says {result!r}")


def main():
    plan = Plan(__doc__)
    both = ScriptedCell({})
    plan.add("a92: a server's FIN without close_notify is shown to the client as it was", ends_bare, True, "226", "bare",
             fixture=both)
    strict = ScriptedCell({"close-notify": "strict"})
    plan.add("a92: with close-notify = strict it is a cut", ends_bare, True, "426", "broken", fixture=strict)
    plan.add("a92: and a client's too", uploads_bare, "426", "broken", fixture=strict)
    plan.add("a92: a client's FIN without close_notify is shown to the server as it was", uploads_bare, "226", "bare",
             fixture=both)
    lenient = ScriptedCell({"close-notify": "lenient"})
    for cell, upload, version in ((both, False, "1.3"), (both, True, "1.2"),
                                  (lenient, True, "1.3"), (lenient, False, "1.2")):
        plan.add(f"a92: a FIN within a record is a cut, {'an upload' if upload else 'a download'}, TLS {version}"
                 f"{', even with close-notify = lenient' if cell is lenient else ''}", ends_within_a_record, upload, version,
                 fixture=cell)
    plan.add("a158: a server whose alert finds the client gone has the reset that it would have of the client's host",
             leaves_bare, fixture=both)
    plan.add("a server's leg hears no ClientHello before the transfer command", hello_waits_for_the_command, False,
             fixture=both)
    plan.add("unless the client's has come", hello_waits_for_the_command, True, fixture=both)
    plan.add("PROT without PBSZ is the server's to answer", protection_without_pbsz, fixture=both)
    early = BigFileCell("ProFTPD", families=(4,))
    plan.add("a139: a client that ends a download early keeps its session with ProFTPD", ends_early, False, fixture=early)
    plan.add("a139: one that says close_notify early and reads on has the whole file", ends_early, True, fixture=early)
    for kind in ("ProFTPD", "vsftpd"):
        peers = early if kind == "ProFTPD" else BigFileCell(kind, families=(4,))
        for how, context in (("with tickets", client_context), ("by session id", by_session_id)):
            plan.add(f"a157: after uploads without close_notify, data connections resume as before, {how}, with {kind}",
                     leaves_bare_and_goes_on, context, fixture=peers)
    named = NamedCell({})
    plan.add("a116: a client that names no server finds the server's names in what it is shown", unnamed, True, fixture=named)
    plan.add("a116: with without-name = address the server proves the address", unnamed, False,
             fixture=NamedCell({"without-name": "address"}))
    plan.add("a228: a certificate that demands a stapled response is refused without, and the client reads why",
             must_staple_is_honoured, fixture=NamedCell({}, "\ntlsfeature=status_request"))
    plan.add(f"a340: a server whose certificate has {MANY} more names is served", all_names_are_shown,
             fixture=NamedCell({}, "".join(f",DNS:host-{number:05d}.some-long-name.lab.test" for number in range(MANY))))
    for kind in ("ed25519", "rsa", "p384", "subordinate"):
        plan.add(f"a115: clients believe an authority of the kind {kind}", authority_is_believed, "files.lab.test",
                 fixture=AuthorityCell(kind))
    plan.add("a115: an authority signs nothing outside its name constraints", authority_keeps_its_limits,
             fixture=AuthorityCell("constrained"))
    plan.add("a115: an authority that clients would refuse is told by check", check_tries_the_authority, fixture=both)
    plan.add("a118: a transfer may be longer than idle-timeout", long_transfer, True,
             fixture=ScriptedCell({"tls": "client"}, gateway={"idle-timeout": str(IDLE)}))
    plan.run()


if __name__ == "__main__":
    main()
