#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Data connections through the proxy, many and odd: empty files, sizes around every buffer's, slow readers and writers, the
same port of the client again and again, both directions and modes, with TLS on the client's leg and without.

What must not happen is that one of them stands still: each has a deadline far below any of the relay's own timers.
"""

import contextlib
import hashlib
import os
import re
import socket
import ssl
import time

from process import SLOWNESS, wait_until
from tap import Plan, check, check_equal
from test_tls import ScriptedCell, Talk

KIB = 1024
# Around a TLS record, the relay's buffer, the usual pipe, and the pipe that it asks for.
SIZES = [0, 1, 2, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 512 * KIB - 1, 512 * KIB,
         512 * KIB + 1, 1024 * KIB, 1500001]
# A transfer of these sizes takes milliseconds; the relay's shortest timer is 30 s.
SECONDS = 10 * SLOWNESS
SLOW_STEPS = 25
ACTIVE_TIMES = 150


def content(size):
    """size bytes that are their own order: whatever is lost, doubled or swapped shows."""
    return hashlib.shake_128(str(size).encode()).digest(size)


def slow_read(data):
    """Nothing for a while, until all buffers on the way are full, and then in small bites."""
    time.sleep(0.3)
    received = b""
    while block := data.recv(65536 if len(received) > SLOW_STEPS * KIB else KIB):
        received += block
        if len(received) <= SLOW_STEPS * KIB:
            time.sleep(0.01)
    return received


def fast_read(data):
    return b"".join(iter(lambda: data.recv(65536), b""))


def slow_write(data, text):
    """Bites with pauses, so that the relay finds its source empty again and again."""
    step = max(1, len(text) // SLOW_STEPS)
    for start in range(0, len(text), step):
        data.sendall(text[start:start + step])
        time.sleep(0.005)


def fast_write(data, text):
    data.sendall(text)


class Store:
    """What the scripted server does with files: RETR SIZE sends content, STOR keeps what it receives."""

    def __init__(self):
        self.read, self.write = fast_read, fast_write
        self.received = None

    def handlers(self):
        return {"RETR": self._retrieve, "STOR": self._store}

    def _retrieve(self, argument):
        def act(session):
            session.send(b"150 here it comes\r\n")
            with session.data_connection() as data:
                data.settimeout(SECONDS)
                self.write(data, content(int(argument)))
            return b"226 done\r\n"
        return act

    def _store(self, _argument):
        def act(session):
            session.send(b"150 go on\r\n")
            with session.data_connection() as data:
                data.settimeout(SECONDS)
                self.received = self.read(data)
            return b"226 done\r\n"
        return act


@contextlib.contextmanager
def logged_in(cell, private):
    store = Store()
    server = cell.server()
    server.handlers.update(store.handlers())
    with server, Talk(cell) as talk:
        talk.secure()
        for command in ("USER a", "PASS b", "PBSZ 0", f"PROT {'P' if private else 'C'}"):
            check(talk.command(command)[:1] in "23", f"{command} was refused")
        yield store, talk


def end(data):
    """The end of what we send: with TLS its close_notify, whose answer is waited for."""
    if isinstance(data, ssl.SSLSocket):
        with contextlib.suppress(ssl.SSLError, OSError):
            data = data.unwrap()
    data.close()


@contextlib.contextmanager
def data_connection(talk, command, private, listener):
    """Offers or asks for an endpoint, sends the command, and is connected, with TLS where it is private."""
    if listener:
        answer = talk.command(talk.port(listener))
        check(answer.startswith("200"), f"PORT was answered with {answer!r}")
        talk.send(command.encode() + b"\r\n")
        data = listener.accept()[0]
    else:
        port = int(re.search(r"\|\|\|(\d+)\|", talk.command("EPSV"))[1])
        with talk.cell.lab.client.entered():
            data = socket.create_connection((talk.cell.lab.addresses[4].server, port), SECONDS)
        talk.send(command.encode() + b"\r\n")
    data.settimeout(SECONDS)
    if private:
        data = talk.socket.context.wrap_socket(data, session=talk.socket.session, suppress_ragged_eofs=False)
    try:
        yield data
    finally:
        end(data)


def transfer(talk, store, size, upload, private, listener, read=fast_read, write=fast_write):
    text = content(size)
    store.read, store.write, store.received = read, write, None
    began = time.monotonic()
    with data_connection(talk, "STOR file" if upload else f"RETR {size}", private, listener) as data:
        if upload:
            write(data, text)
        else:
            check_equal(hashlib.sha256(read(data)).digest(), hashlib.sha256(text).digest(), f"download of {size} bytes")
    replies = [talk.reply()[:3], talk.reply()[:3]]
    check_equal(replies, ["150", "226"], f"replies to a transfer of {size} bytes")
    if upload:
        check_equal(hashlib.sha256(store.received).digest(), hashlib.sha256(text).digest(), f"upload of {size} bytes")
    seconds = time.monotonic() - began
    check(seconds < SECONDS, f"a transfer of {size} bytes took {seconds:.1f} s")


def check_all_relayed(cell, talk, since, count, private):
    relays = cell.proxy.wait_events(count, "relay", since, client=talk.endpoint)
    bad = [relay for relay in relays if "reason" in relay]
    check_equal(bad, [], "data connections that ended badly")
    check(all(("client_tls_version" in relay) == private for relay in relays), "TLS on a client's leg is not as agreed")


def sizes(cell, upload, private, active):
    since = cell.proxy.position()
    with logged_in(cell, private) as (store, talk), contextlib.ExitStack() as stack:
        listener = stack.enter_context(talk.listen()) if active else None
        for size in SIZES:
            transfer(talk, store, size, upload, private, listener)
    check_all_relayed(cell, talk, since, len(SIZES), private)


def slow_peers(cell, upload, private):
    since = cell.proxy.position()
    with logged_in(cell, private) as (store, talk):
        for size in (3 * 1024 * KIB, 512 * KIB, 100):
            transfer(talk, store, size, upload, private, None, read=slow_read)
            transfer(talk, store, size, upload, private, None, write=slow_write)
    check_all_relayed(cell, talk, since, 6, private)


def one_port_again_and_again(cell, private, upload):
    """The client names the same port each time, and whoever closes first leaves it in TIME-WAIT."""
    since = cell.proxy.position()
    with logged_in(cell, private) as (store, talk), talk.listen() as listener:
        for number in range(ACTIVE_TIMES):
            transfer(talk, store, number, upload, private, listener)
    check_all_relayed(cell, talk, since, ACTIVE_TIMES, private)
    check_equal(cell.lab.expectations(), [], "expectations that were left behind")


def process_keeps_nothing(cell):
    """As many open files as before all of it."""
    def files():
        return len(os.listdir(f"/proc/{cell.proxy.pid}/fd"))
    with logged_in(cell, True) as (store, talk):
        before = files()
        for _ in range(20):
            transfer(talk, store, 1000, True, True, None)
        wait_until(lambda: files() <= before, "all descriptors of the transfers to be closed")


def main():
    plan = Plan(__doc__)
    cell = ScriptedCell({"tls": "client"})
    for private in (True, False):
        level = "P" if private else "C"
        for upload in (True, False):
            way = "uploads" if upload else "downloads"
            for active in (False, True):
                plan.add(f"{way} of {len(SIZES)} odd sizes, {'active' if active else 'passive'}, PROT {level}", sizes,
                         upload, private, active, fixture=cell)
            plan.add(f"{way} with a slow reader and a slow writer, PROT {level}", slow_peers, upload, private,
                     fixture=cell)
            plan.add(f"{ACTIVE_TIMES} {way} to one port of the client, PROT {level}", one_port_again_and_again, private,
                     upload, fixture=cell)
    plan.add("relays leave no descriptor behind", process_keeps_nothing, fixture=cell)
    plan.run()


if __name__ == "__main__":
    main()
