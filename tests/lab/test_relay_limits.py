#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What one client can take from the proxy by data connections, and whose data connection it is: how many a session and a
source may have, how long one may be silent, a second request for one, descriptors that run out, and who does not resume
the session of the control connection.
"""

import contextlib
import os
import re
import resource
import signal
import socket
import time

from capture import ACK, SYN, Capture
from gateway import READY, binary
from process import SLOWNESS, titled, wait_until
from tap import Plan, check, check_equal
from test_tls import ScriptedCell, Talk, client_context

SESSION_RELAYS = 4
SOURCE_RELAYS = 10
DATA_TIMEOUT = 10
# For the answer to a SYN, whatever data-timeout is.
CONNECT_SECONDS = 60
# A relay is two sockets and two pipes.
REQUESTS = 20000 // 6
# More than the proxy needs for itself.
FEW_FILES = 60
# Of one source, each of a session of its own.
ARRIVALS = 100


class PatientServer:
    """EPSV answers with a listener that takes one connection, and nobody ever closes it."""

    def __init__(self, cell):
        self.listeners, self.taken = [], []
        self.server = cell.server()
        self.server.handlers["EPSV"] = lambda _argument: self._offer
        self.server.handlers["PBSZ"] = lambda _argument: b"200 PBSZ=0\r\n"
        self.server.handlers["PROT"] = lambda _argument: b"200 level set\r\n"
        self.server.handlers["RETR"] = lambda _argument: self._send

    def _offer(self, session):
        with session.server.namespace.entered():
            listener = socket.create_server((session.server.address, 0))
        self.listeners.append(listener)
        session.send(f"229 ok (|||{listener.getsockname()[1]}|)\r\n".encode())

    def _send(self, session):
        session.send(b"150 here it comes\r\n")
        data = self.listeners[-1].accept()[0]
        with contextlib.suppress(OSError):
            data.sendall(b"secret")
        data.close()
        return b"226 done\r\n"

    def __enter__(self):
        self.server.__enter__()
        return self

    def hang_up(self):
        while self.listeners:
            self.listeners.pop().close()

    def __exit__(self, *exception):
        self.hang_up()
        return self.server.__exit__(*exception)


@contextlib.contextmanager
def logged_in(cell, level="C", source=None):
    with Talk(cell, source=source) as talk:
        talk.secure()
        for command in ("USER a", "PASS b", "PBSZ 0", f"PROT {level}"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")
        yield talk


def ask(talk):
    """The port that EPSV offers, or None."""
    found = re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))
    return int(found[1]) if found else None


def connect(cell, port, source=None):
    with cell.lab.client.entered():
        data = socket.create_connection((cell.lab.addresses[4].server, port), 3 * SLOWNESS, (source, 0) if source else None)
    data.settimeout(10 * SLOWNESS)
    return data


def take(cell, talk, stack, most):
    """As many data connections as are to be had, up to most."""
    taken = 0
    while taken < most and (port := ask(talk)):
        stack.enter_context(connect(cell, port))
        taken += 1
    return taken


def transfer(cell, talk):
    with connect(cell, ask(talk)) as data:
        talk.send(b"RETR file\r\n")
        check_equal(talk.reply()[:3], "150", "the reply to RETR")
        check_equal(data.recv(100), b"secret", "what was transferred")
    check_equal(talk.reply()[:3], "226", "the reply to RETR")


def other_source_is_served(cell):
    with logged_in(cell, source=cell.lab.addresses[4].second_client) as talk:
        check(ask(talk), "another client gets no data connection")


def session_has_a_bound(cell):
    since = cell.proxy.position()
    with PatientServer(cell) as server, logged_in(cell) as talk:
        with contextlib.ExitStack() as stack:
            check_equal(take(cell, talk, stack, 20), SESSION_RELAYS, "data connections that one session got")
            cell.proxy.wait_event("refuse", since, client=talk.endpoint, reason="quota-relays")
        server.hang_up()
        cell.proxy.wait_events(SESSION_RELAYS, "relay", since, client=talk.endpoint)
        transfer(cell, talk)


def source_has_a_bound(cell):
    """The sessions may end: their data connections count on."""
    since = cell.proxy.position()
    with PatientServer(cell) as server, contextlib.ExitStack() as stack:
        taken = {}
        for _ in range(SOURCE_RELAYS):
            with logged_in(cell) as talk:
                taken[talk.endpoint] = take(cell, talk, stack, SESSION_RELAYS)
        check_equal(sum(taken.values()), SOURCE_RELAYS, "data connections that one source got")
        other_source_is_served(cell)
        stack.close()
        server.hang_up()
        for client, count in ((client, count) for client, count in taken.items() if count):
            cell.proxy.wait_events(count, "relay", since, client=client)
        with logged_in(cell) as talk:
            transfer(cell, talk)


def files(cell):
    """Of all processes of the proxy."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in titled(cell.proxy.process.pid, "ftpalg-proxy"))


def one_login_asks_for_all(cell):
    """20,000 descriptors' worth: the others notice nothing, and few descriptors are taken."""
    before, since = files(cell), cell.proxy.position()
    with PatientServer(cell), logged_in(cell) as talk, contextlib.ExitStack() as stack:
        slowest, refused, start = 0, 0, time.monotonic()
        for number in range(REQUESTS):
            if port := ask(talk):
                stack.enter_context(connect(cell, port))
            else:
                refused += 1
            if number % 500 == 0:
                began = time.monotonic()
                other_source_is_served(cell)
                slowest = max(slowest, time.monotonic() - began)
        print(f"# {refused} of {REQUESTS} requests were refused; a login beside them took {slowest * 1000:.0f} ms at most")
        # One that nobody uses makes room after its time.
        most = SESSION_RELAYS * (1 + int((time.monotonic() - start) / DATA_TIMEOUT))
        check(REQUESTS - refused <= most, f"{REQUESTS - refused} were granted, and one session may have {most} in that time")
        check(files(cell) - before < 60, f"{files(cell) - before} descriptors were taken")
    # Others count against the same source.
    cell.proxy.wait_events(REQUESTS - refused, "relay", since, client=talk.endpoint)


def silence_ends(cell):
    since = cell.proxy.position()
    with PatientServer(cell), logged_in(cell) as talk, connect(cell, ask(talk)):
        relays = wait_until(lambda: cell.proxy.events("relay", since, client=talk.endpoint), "its end", DATA_TIMEOUT + 10)
        check_equal(relays[0]["reason"], "idle", "how a data connection ended that nobody used")


def second_request_closes_the_first(cell):
    with PatientServer(cell), logged_in(cell) as talk:
        first, second = ask(talk), ask(talk)
        check(first != second, "the second request was answered with the port of the first")
        try:
            with connect(cell, first) as data:
                check_equal(data.recv(1), b"", "bytes on the first listener")
        except OSError:
            pass
        with connect(cell, second):
            pass


def processor_seconds(cell):
    with open(f"/proc/{cell.proxy.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def few_descriptors(cell, number):
    """The proxy started anew where it may open a few files only."""
    cell.proxy.stop()
    command = ["prlimit", f"--nofile={number}:{number}", binary(), "proxy", "-c", cell.proxy.configuration]
    cell.proxy.process = cell.lab.router.spawn(command)
    cell.proxy.process.wait_for_output(READY)
    try:
        yield
    finally:
        cell.proxy.stop()
        cell.proxy.process = cell.lab.router.spawn([binary(), "proxy", "-c", cell.proxy.configuration])
        cell.proxy.process.wait_for_output(READY)


def check_patience(cell, talk):
    """Nothing can be done, and nothing is."""
    began = processor_seconds(cell)
    time.sleep(1.5)
    spent = processor_seconds(cell) - began
    check(spent < 0.3 * SLOWNESS, f"{spent:.2f} s of processor time in 1.5 s in which nothing can be done")
    check_equal(talk.command("NOOP")[:1], "2", "the reply to NOOP of a session that has its descriptors")


def no_descriptor_is_left(cell, number):
    """Neither listener makes the loop spin, and those who waited are served when there are descriptors again."""
    address = cell.lab.addresses[4]
    with few_descriptors(cell, number), PatientServer(cell), logged_in(cell) as talk:
        port = ask(talk)
        with contextlib.ExitStack() as stack:
            for _ in range(number):
                waiting = connect(cell, 21, address.second_client)
                stack.callback(waiting.close)
            wait_until(lambda: files(cell) >= number - 2, "an end of the descriptors")
            check_patience(cell, talk)
            with contextlib.suppress(OSError):
                stack.enter_context(connect(cell, port))
            check_patience(cell, talk)
        transfer(cell, talk)
        other_source_is_served(cell)


def fetch(cell, talk, session):
    """A download with TLS on the data connection, resuming session or none; what came of it."""
    with connect(cell, ask(talk)) as data:
        talk.send(b"RETR file\r\n")
        talk.reply()
        try:
            with client_context(cell).wrap_socket(data, session=session) if session is None else \
                    talk.socket.context.wrap_socket(data, session=session) as secured:
                received = secured.recv(100)
        except OSError:
            received = b""
    talk.reply()
    return received


def who_resumes_is_not_replaced(cell):
    """A client that has resumed on this control connection always does: who comes without it, comes for its file."""
    since = cell.proxy.position()
    with PatientServer(cell), logged_in(cell, "P") as talk:
        check_equal(fetch(cell, talk, talk.socket.session), b"secret", "what the client gets that resumes")
        check_equal(fetch(cell, talk, None), b"", "what a stranger gets behind the same address")
        relays = cell.proxy.wait_events(2, "relay", since, client=talk.endpoint)
        check_equal([event.get("client_tls_resumed") for event in relays], [True, False], "who resumed")
        check_equal(relays[1]["reason"], "not-resumed", "how the stranger's ended")
        check_equal(fetch(cell, talk, talk.socket.session), b"secret", "what the client gets afterwards")


def who_never_resumes_is_served(cell):
    with PatientServer(cell), logged_in(cell, "P") as talk:
        for _ in range(3):
            check_equal(fetch(cell, talk, None), b"secret", "what a client gets that never resumes")


def handshake_ends(cell):
    """A server that takes the data connection and begins no TLS on it: it is data-timeout that counts, short or long."""
    since = cell.proxy.position()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(cell.tls_server())

        def keep_silent(session):
            stack.enter_context(session.data_connection())
        server.handlers["RETR"] = lambda _argument: keep_silent
        talk = stack.enter_context(logged_in(cell, "P"))
        data = stack.enter_context(connect(cell, ask(talk)))
        talk.send(b"RETR file\r\n")
        with contextlib.suppress(OSError):
            talk.socket.context.wrap_socket(data, session=talk.socket.session).recv(1)
        relays = wait_until(lambda: cell.proxy.events("relay", since, client=talk.endpoint), "its end", DATA_TIMEOUT + 10)
        check_equal(relays[0].get("reason"), "timeout", "why it ended")
        check(DATA_TIMEOUT <= relays[0]["seconds"] < CONNECT_SECONDS, f"it ended after {relays[0]['seconds']} s")


def resumption_may_be_left(cell):
    with PatientServer(cell), logged_in(cell, "P") as talk:
        check_equal(fetch(cell, talk, talk.socket.session), b"secret", "what the client gets that resumes")
        check_equal(fetch(cell, talk, None), b"secret", "what it gets without, where that is allowed")


def arrivals_wait_for_their_turn(cell):
    """
    Many data connections of one source come while the proxy stands still, and so does a command of another source: the
    command goes on before most of the data connections do.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(PatientServer(cell))
        ports = [ask(stack.enter_context(logged_in(cell))) for _ in range(ARRIVALS)]
        neighbour = stack.enter_context(logged_in(cell, source=cell.lab.addresses[4].second_client))
        capture = Capture(cell.lab.server, cell.lab.directory)
        with capture:
            os.kill(cell.proxy.pid, signal.SIGSTOP)
            try:
                for port in ports:
                    stack.enter_context(connect(cell, port))
                neighbour.send(b"NOOP\r\n")
            finally:
                os.kill(cell.proxy.pid, signal.SIGCONT)
            check(neighbour.reply().startswith("200"), "NOOP was refused")
            wait_until(lambda: len(cell.lab.server.output(["ss", "-Htn", "state", "established"]).splitlines()) >=
                       2 * ARRIVALS, "all data connections")
        order = [segment.flags & SYN for segment in capture.segments()
                 if segment.flags & (SYN | ACK) == SYN or (segment.destination_port == 21 and segment.payload)]
        check_equal(sum(map(bool, order)), ARRIVALS, "data connections that were made")
        before = sum(map(bool, order[:order.index(0)]))
        check(before < ARRIVALS // 2, f"{before} of {ARRIVALS} data connections were made before the command went on")


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = Plan(__doc__)
    cell = ScriptedCell({"tls": "client", "source-relays": SOURCE_RELAYS, "data-timeout": DATA_TIMEOUT})
    plan.add("a110 a session has so many data connections and no more", session_has_a_bound, fixture=cell)
    plan.add("a110 a source has so many, of all its sessions, ended ones too", source_has_a_bound, fixture=cell)
    plan.add("a110 a login that asks for 20,000 descriptors' worth leaves others alone", one_login_asks_for_all, fixture=cell)
    plan.add("a111 a data connection without a byte ends in time", silence_ends, fixture=cell)
    plan.add("a227 a data connection without its TLS ends in the same time", handshake_ends,
             fixture=ScriptedCell({"data-timeout": DATA_TIMEOUT}))
    plan.add("a112 a second request closes the listener of the first", second_request_closes_the_first, fixture=cell)
    # A session is two: with one number or the other, it is accept(2) that fails.
    for number in (FEW_FILES, FEW_FILES + 1):
        plan.add(f"a113 where descriptors run out, at {number}, the loop waits", no_descriptor_is_left, number, fixture=cell)
    plan.add("a114 a client that resumes is not replaced by one that does not", who_resumes_is_not_replaced, fixture=cell)
    plan.add("a114 a client that never resumes is served", who_never_resumes_is_served, fixture=cell)
    plan.add("a114 resumption = allow leaves it to the client", resumption_may_be_left,
             fixture=ScriptedCell({"tls": "client", "resumption": "allow"}))
    plan.add("a409 data connections that come at one moment wait for their turns", arrivals_wait_for_their_turn,
             fixture=ScriptedCell({"tls": "client"}))
    plan.run()


if __name__ == "__main__":
    main()
