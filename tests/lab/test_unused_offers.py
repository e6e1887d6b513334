#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Sessions that announce a port and never use it leave nothing behind: thousands of them within two minutes, which is how
long conntrack remembers an ended connection, never fill the kernel's table of expectations.

The kernel's own FTP helper fails here (FTPALG=kernel): it keeps each expectation as long as its connection is
remembered, and at net.netfilter.nf_conntrack_expect_max, 4096, every later PORT is dropped.
"""

import asyncio
import collections
import functools
import socket
import time

from lab import Lab
from process import SLOWNESS
from scripted import naive_endpoint, offer_line
from tap import Plan, Skip, check, check_equal

SESSIONS = 5000
AT_ONCE = 25
SECONDS = 100  # below the two minutes of TIME_WAIT


class Crowd:
    """Many short sessions between one client and one server, in one event loop."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.address = lab.addresses[family].client
        self.domain = socket.AF_INET6 if family == 6 else socket.AF_INET
        self.offers = []
        self.failures = []
        self.most = 0
        self._next = 0

    async def serve(self, reader, writer):
        """One control connection at the server."""
        writer.write(b"220 ready\r\n")
        answers = {b"USER": b"331 go on\r\n", b"PASS": b"230 in\r\n", b"QUIT": b"221 bye\r\n"}
        while line := await reader.readline():
            verb, _, argument = line.strip().partition(b" ")
            if verb in (b"PORT", b"EPRT"):
                self.offers.append(naive_endpoint(verb.decode(), argument.decode()) or ("refused", 0))
            writer.write(answers.get(verb, b"200 taken\r\n"))
            if verb == b"QUIT":
                break
        writer.close()

    async def session(self, number):
        """One control connection at the client. Every second one hangs up without QUIT."""
        with self.lab.client.entered():
            connection = socket.socket(self.domain, socket.SOCK_STREAM)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (self.lab.server_seen(self.family), 21))
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            offer = offer_line(self.address, 20000 + number, extended=number % 3 == 0)
            check((await reader.readline()).startswith(b"220"), "no greeting")
            for command, code in ((b"USER anonymous", b"331"), (b"PASS lab@", b"230"), (offer, b"200"), (b"QUIT", b"221")):
                if command == b"QUIT" and number % 2:
                    break
                writer.write(command + b"\r\n")
                reply = await reader.readline()
                check(reply.startswith(code), f"session {number}: {command!r} was answered {reply!r}")
        finally:
            writer.close()
            await writer.wait_closed()

    async def worker(self):
        while self._next < SESSIONS and len(self.failures) < 10:
            number = self._next
            self._next += 1
            if number % 500 == 0:
                count = await asyncio.to_thread(self.lab.router.output, ["conntrack", "-C", "expect"])
                self.most = max(self.most, int(count))
            try:
                await asyncio.wait_for(self.session(number), 20 * SLOWNESS)
            except Exception as error:  # collected: how many fail, and how, is the result
                self.failures.append(f"session {number}: {type(error).__name__} {error}")

    async def run(self):
        with self.lab.server.entered():
            listener = socket.create_server((self.lab.addresses[self.family].server, 21), family=self.domain, backlog=128)
        async with await asyncio.start_server(self.serve, sock=listener):
            await asyncio.gather(*(self.worker() for _ in range(AT_ONCE)))


def unused_offers(lab, family):
    crowd = Crowd(lab, family)
    began = time.monotonic()
    asyncio.run(crowd.run())
    seconds = time.monotonic() - began
    check_equal(crowd.failures, [], f"sessions that failed, of {SESSIONS}")
    check_equal(len(crowd.offers), SESSIONS, "offers that reached the server")
    refusals = collections.Counter(event["reason"] for event in lab.gateway.events("refuse"))
    check_equal(refusals, {}, "offers that the gateway refused, by reason")
    check_equal({address for address, _ in crowd.offers}, {lab.client_seen(family)}, "addresses that the server saw")
    check(crowd.most < 10 * AT_ONCE, f"{crowd.most} expectations at once for {AT_ONCE} sessions at once")
    check_equal(lab.invalid_packets(family), 0, "packets that conntrack called INVALID")
    if seconds > SECONDS:
        raise Skip(f"this took {seconds:.0f} s, in which the kernel's own helper would have recovered")


def main():
    plan = Plan(__doc__)
    for family in (4, 6):
        plan.add(f"{SESSIONS} sessions announce a port that is never used, and none fails (IPv{family})", unused_offers, family,
                 fixture=functools.partial(Lab, mode="snat"))
    plan.run()


if __name__ == "__main__":
    main()
