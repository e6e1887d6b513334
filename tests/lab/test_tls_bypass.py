#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
TLS that the proxy does not end: that of servers and names which the configuration lists, and that of servers which demand a
certificate of their client. It reaches the server unopened, an event says so, and nothing is opened for the session.
"""

import contextlib
import hashlib
import re
import socket
import ssl

from process import SLOWNESS
from tap import Plan, check, check_equal
from test_tls import Cell, ScriptedCell, Talk, client_context
from test_tls_demand import der_digest

PATIENCE = 20 * SLOWNESS


def server_context(cell):
    """A client's that trusts the authority of the servers, and not the proxy's."""
    context = ssl.create_default_context(cafile=cell.proxy.servers.certificate)
    context.check_hostname = False
    return context


def nothing_is_opened(cell, talk, since):
    check_equal([event["event"] for event in cell.proxy.events(since=since, client=talk.endpoint)
                 if event["event"] in ("pinhole-open", "offer", "relay", "refuse")], [], "events about data connections")
    check_equal(cell.lab.expectations(), [], "expectations")


def server_is_listed(cell, port):
    since = cell.proxy.position()
    with Talk(cell, port=port) as talk:
        talk.secure(server_context(cell), auth=None if port == 990 else "AUTH TLS")
        if port == 990:
            check_equal(talk.reply()[:3], "220", "the greeting")
        check_equal(talk.command("USER anonymous")[:3], "230", "the login")
        passive = talk.command("EPSV")
        check_equal(passive[:3], "229", "the reply to EPSV")
        with cell.lab.client.entered():
            try:
                socket.create_connection((cell.lab.addresses[4].server, int(re.search(r"\|\|\|(\d+)\|", passive)[1])), 1)
                check(False, "the data connection passed the forward chain")
            except OSError:
                pass
        check_equal(talk.command("PORT 10,9,1,77,200,1")[:1], "5", "the server's answer to a bounce")
        nothing_is_opened(cell, talk, since)
    event = cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bypassed")
    check_equal(event["line"], "the server is listed", "why")


def lines_are_judged_until_then(cell):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.reply()
        talk.command("USER anonymous")
        check_equal(talk.command("PORT 10,9,1,77,200,1")[:1], "5", "the answer to a bounce")
        check_equal(cell.proxy.wait_event("refuse", since, client=talk.endpoint)["reason"], "foreign-address", "the reason")


def handshake_in_pieces(talk, context, name, pieces):
    """The client's handshake over memory, so that its ClientHello leaves in so many pieces."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    library = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            library.do_handshake()
            return library
        except ssl.SSLWantReadError:
            data = outgoing.read()
            size = max(1, len(data) // pieces)
            for at in range(0, len(data), size):
                talk.send(data[at:at + size])
            pieces = 1
            incoming.write(talk.socket.recv(65536))


def name_is_listed(cell, name, listed, pieces):
    since = cell.proxy.position()
    with cell.tls_server() as server, Talk(cell) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk.reply()
        check_equal(talk.command("AUTH TLS")[:3], "234", "the answer to AUTH")
        library = handshake_in_pieces(talk, server_context(cell) if listed else client_context(cell), name, pieces)
        check_equal(ssl_digest(library) == der_digest(cell.certificate[0]), listed, "the server's own certificate")
        if listed:
            bypassed = cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bypassed")
            check_equal(bypassed["line"], name, "why")
        check_equal(server.session().lines[:1], [b"AUTH TLS\r\n"], "what the server heard first")
    if not listed:
        check_equal(cell.proxy.events("anomaly", since, client=talk.endpoint, reason="bypassed"), [], "events of a bypass")


def ssl_digest(library):
    return hashlib.sha256(library.getpeercert(True)).hexdigest()


def no_hello(cell):
    """Whoever says something else, or nothing, where a ClientHello is peeked at, gets no further."""
    for data in (b"NOOP\r\n", b"\x16\x03\x01\x40\x00" + b"x" * 40000, b""):
        since = cell.proxy.position()
        with cell.tls_server() as server, Talk(cell) as talk:
            talk.socket.settimeout(PATIENCE)
            talk.reply()
            check_equal(talk.command("AUTH TLS")[:3], "234", "the answer to AUTH")
            with contextlib.suppress(OSError):
                talk.send(data)
                if not data:
                    talk.socket.shutdown(socket.SHUT_WR)
            cell.proxy.wait_event("session-close", since, client=talk.endpoint, reason="handshake")
            check_equal(server.session().lines, [b"AUTH TLS\r\n"], "what the server heard")


def demanding_server(cell, version, names=(), hosts=(), group=None):
    """
    One that demands a certificate; names: under these alone; hosts: and if HOST has named one of them. group: the only one
    that it takes, so that it asks for a second ClientHello.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*cell.certificate)
    context.load_verify_locations(cell.proxy.servers.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    modest = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    modest.load_cert_chain(*cell.certificate)
    for each in (context, modest) if group else ():
        each.set_ecdh_curve(group)

    def auth(session):
        session.send(b"234 go\r\n")
        hello = session.connection.recv(65536, socket.MSG_PEEK)
        said = b"".join(line for line in session.lines if line.startswith(b"HOST"))
        demands = not names or any(name in hello for name in names) or any(host in said for host in hosts)
        try:
            session.connection = (context if demands else modest).wrap_socket(session.connection, server_side=True)
        except OSError:
            session.hang_up()
    server = cell.tls_server()
    server.handlers["AUTH"] = lambda _argument: auth
    return server


def certificate_is_demanded(cell, version, passes):
    """The first session is refused in words, and where the configuration lets it, the next one is the client's own."""
    for turn in range(2):
        since = cell.proxy.position()
        with demanding_server(cell, version) as server, Talk(cell) as talk:
            talk.socket.settimeout(PATIENCE)
            through = passes and turn == 1
            context = server_context(cell) if through else client_context(cell)
            context.load_cert_chain(*cell.own)
            talk.secure(context)
            if through:
                check_equal(talk.command("USER a")[:3], "331", "the answer to USER")
                check_equal(server.session().connection.getpeercert()["subject"][0][0][1], "client", "the server's client")
                cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bypassed")
                nothing_is_opened(cell, talk, since)
            else:
                line = talk.line()
                check(line.startswith("421 Refused: client-certificate"), f"the client read {line!r}")
                cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="client-certificate")


def is_terminated(cell, name):
    """The client believes what the proxy shows it."""
    with Talk(cell) as talk:
        talk.socket.settimeout(PATIENCE)
        talk.secure(name=name)
        check_equal(talk.command("USER a")[:3], "331", "the answer to USER")


def meet_demand(cell, name, before=(), reason="client-certificate"):
    """A session that is refused, as its server demands a certificate."""
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.socket.settimeout(PATIENCE)
        talk.reply()
        for command in before:
            talk.command(command)
        check_equal(talk.command("AUTH TLS")[:3], "234", "the answer to AUTH")
        talk.secure(name=name, auth=None)
        line = talk.line()
        check(line.startswith(f"421 Refused: {reason}"), f"the client read {line!r}")
        cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason=reason)


def passes_unopened(cell, name):
    since = cell.proxy.position()
    with Talk(cell) as talk:
        talk.socket.settimeout(PATIENCE)
        context = server_context(cell)
        context.load_cert_chain(*cell.own)
        talk.secure(context, name=name)
        check_equal(talk.command("USER a")[:3], "331", "the answer to USER")
        cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="bypassed")


def demand_holds_for_its_name(cell):
    """A server has two names, and demands a certificate under one: what is said under the other is read as before."""
    with demanding_server(cell, ssl.TLSVersion.TLSv1_3, names=(b"secret.lab.test",)):
        is_terminated(cell, "ftp.lab.test")
        meet_demand(cell, "secret.lab.test")
        for name in ("ftp.lab.test", None):
            is_terminated(cell, name)
        passes_unopened(cell, "secret.lab.test")
        passes_unopened(cell, "SECRET.lab.test")


def demand_of_another_host(cell):
    """HOST leads to another of the server's hosts than the name in the ClientHello: no demand is remembered, and none
    holds."""
    with demanding_server(cell, ssl.TLSVersion.TLSv1_3, names=(b"secret.lab.test",), hosts=(b"secret.lab.test",)):
        for _ in range(2):
            meet_demand(cell, "ftp.lab.test", before=("HOST secret.lab.test",))
        is_terminated(cell, "ftp.lab.test")
        meet_demand(cell, "secret.lab.test")
        meet_demand(cell, "secret.lab.test", before=("HOST ftp.lab.test",))
        passes_unopened(cell, "secret.lab.test")


def second_hello(cell):
    """The server asks for another ClientHello: it may be passed on if it asks for the same name."""
    with demanding_server(cell, ssl.TLSVersion.TLSv1_3, names=(b"secret.lab.test",), group="secp384r1"):
        meet_demand(cell, "secret.lab.test")
        passes_unopened(cell, "secret.lab.test")
        since = cell.proxy.position()
        with Talk(cell) as talk:
            talk.socket.settimeout(PATIENCE)
            talk.reply()
            check_equal(talk.command("AUTH TLS")[:3], "234", "the answer to AUTH")
            talk.send(client_hello("secret.lab.test"))
            check_equal(talk.socket.recv(65536)[:1], b"\x16", "the server's answer")
            talk.send(client_hello("ftp.lab.test"))
            event = cell.proxy.wait_event("anomaly", since, client=talk.endpoint, reason="handshake")
            check_equal(event["line"], "the second ClientHello asks for another name", "why")


def client_hello(name):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def bad_certificate_demands(cell, version):
    """A server that nobody vouches for demands a certificate: its own is judged first, and nothing is remembered."""
    with demanding_server(cell, version):
        for _ in range(2):
            meet_demand(cell, "ftp.lab.test", reason="bad-certificate")


class CertifiedCell(ScriptedCell):
    """Each statement has a proxy that remembers nothing. days below 0: the server's certificate has expired."""

    def __init__(self, options, days=30):
        super().__init__(options)
        self.days = days
        self.own = None

    @contextlib.contextmanager
    def __call__(self):
        with super().__call__():
            names = f"IP:{self.lab.addresses[4].server},DNS:ftp.lab.test,DNS:secret.lab.test"
            self.certificate = self.proxy.server_certificate(days=self.days, alternatives=names)
            self.own = self.proxy.server_certificate("client", alternatives="DNS:client")
            yield self


def main():
    plan = Plan(__doc__)
    listed = Cell("vsftpd", {"bypass": "192.0.2.0/24, 10.9.1.2"}, families=(4,))
    for port in (21, 990):
        plan.add(f"a140: TLS of a listed server passes unopened, port {port}", server_is_listed, port, fixture=listed)
    plan.add("a140: and its lines are judged until then", lines_are_judged_until_then, fixture=listed)
    named = ScriptedCell({"bypass-names": "ftp.lab.test, .secret.test"})
    for name, is_listed in (("ftp.lab.test", True), ("a.secret.TEST", True), ("secret.test", False),
                            ("ftp.lab.test.example", False), (None, False)):
        for pieces in (1, 40):
            plan.add(f"a140: TLS of a client that asks for {name} {'passes unopened' if is_listed else 'is terminated'}"
                     f"{', in pieces' if pieces > 1 else ''}", name_is_listed, name, is_listed, pieces, fixture=named)
    plan.add("a140: what is no ClientHello is not passed on", no_hello, fixture=named)
    for text, version in (("1.3", ssl.TLSVersion.TLSv1_3), ("1.2", ssl.TLSVersion.TLSv1_2)):
        plan.add(f"a140: a server that demands a client's certificate gets it in the second session, TLS {text}",
                 certificate_is_demanded, version, True, fixture=CertifiedCell({}))
        plan.add(f"a140: unless that is refused, TLS {text}", certificate_is_demanded, version, False,
                 fixture=CertifiedCell({"client-certificates": "refuse"}))
        plan.add(f"a165: a server whose own certificate is bad gets no bypass by demanding one, TLS {text}",
                 bad_certificate_demands, version, fixture=CertifiedCell({}, days=-1))
    plan.add("a164: a demand under one name of a server says nothing about another", demand_holds_for_its_name,
             fixture=CertifiedCell({}))
    plan.add("a164: nor does one that HOST has led to", demand_of_another_host, fixture=CertifiedCell({}))
    plan.add("a164: a second ClientHello that asks for another name is not passed on", second_hello, fixture=CertifiedCell({}))
    plan.run()


if __name__ == "__main__":
    main()
