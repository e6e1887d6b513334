#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Two gateways on one router, and rules that give a session to the queue of the one, to that of the other, and back: what the
peers said meanwhile the first one has not heard, and its row is of no use any more. It gives the row up, says so, and the
session goes on; sequence numbers stay right through edits of both.

    client ---- rules: queue 21 or 22 ---- server
                   |               |
                gateway          other
"""

import contextlib

from gateway import Gateway
from lab import Lab
from process import SLOWNESS, Stopwatch
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, check, check_equal, check_in_time

# A second of doubt, and the repetition of the segment that ends it: Linux repeats after 0.2, 0.6, 1.4 and 3 seconds.
SOON = 4 * SLOWNESS
ROUNDS = 3


class Pair:
    """A lab with two gateways, of which the rules choose one."""

    def __init__(self, mode):
        self._mode = mode
        self.lab = self.other = None

    @contextlib.contextmanager
    def __call__(self):
        with Lab(mode=self._mode) as self.lab:
            self.other = Gateway(self.lab.router, self.lab.directory, "other", {"gateway": {"queue": "22"}})
            self.other.start()
            yield self
            self.other.stop()

    def move(self, gateway):
        """From here on all control connections are gateway's. Other rules have other counters, so these are looked at."""
        self.lab.gateway.check_invariant()
        gateway.load_rules()
        return gateway.position()


def check_within(watch, what):
    print(f"# {what}: {watch.seconds():.2f} s", flush=True)
    check_in_time(watch.seconds(), SOON, what)


@contextlib.contextmanager
def session(pair, family):
    lab = pair.lab
    pair.move(lab.gateway)
    with ScriptedServer(lab.server, lab.addresses[family].server) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield server, client


def check_adopted(gateway, client, since, stale):
    """gateway has given its row of this session up, if it had one, and adopted it."""
    if stale:
        gateway.wait_event("session-close", since, client=client.endpoint, reason="elsewhere")
    check(gateway.wait_event("session-open", since, client=client.endpoint).get("adopted"), "the session was not adopted")


def there_and_back(pair, family):
    with session(pair, family) as (server, client):
        offers = 1
        check_equal(client.list_active(), LISTING, "the listing before")
        for number in range(2 * ROUNDS):
            gateway = (pair.other, pair.lab.gateway)[number % 2]
            since = pair.move(gateway)
            with Stopwatch() as watch:
                check_equal(client.list_active(), LISTING, f"the active listing after {number + 1} moves")
            check_within(watch, f"the first listing after {number + 1} moves")
            check_equal(client.list_passive(), LISTING, "a passive listing")
            check_equal(client.list_active(), LISTING, "another listing")
            offers += 2
            check_adopted(gateway, client, since, stale=number > 0)
        client.command(b"QUIT", "221")
        check_equal(len([line for line in server.session().lines if line[:4] in (b"PORT", b"EPRT")]), offers, "offers")
    check_equal(pair.lab.invalid_packets(family), 0, "packets that conntrack called INVALID")


def server_speaks_elsewhere(pair, family):
    """A transfer was begun here and ended there, so only the server has spoken. The client's next command is an offer."""
    with session(pair, family) as (server, client):
        client.list_active()
        pair.move(pair.other)
        server.session().send(b"226-late\r\n226 done\r\n")
        client.expect("226")
        since = pair.move(pair.lab.gateway)
        with Stopwatch() as watch:
            check_equal(client.list_active(), LISTING, "the listing")
        check_within(watch, "the listing")
        check_adopted(pair.lab.gateway, client, since, stale=True)


def server_speaks_first(pair, family):
    """What the server says is past the row, and the client says nothing until it is asked where it stands."""
    with session(pair, family) as (server, client):
        client.list_active()
        pair.move(pair.other)
        client.command(b"NOOP", "200")
        since = pair.move(pair.lab.gateway)
        with Stopwatch() as watch:
            server.session().send(b"226 by the way\r\n")
            client.expect("226")
        check_within(watch, "what the server said by itself")
        check_adopted(pair.lab.gateway, client, since, stale=True)
        check_equal(client.list_active(), LISTING, "the listing")


def pending_offer(pair, family):
    """The offer was judged here, and the server calls while the session is elsewhere; it comes back and is none the
    worse."""
    with session(pair, family) as (_, client), client.listen() as listener:
        client.offer(listener.getsockname()[1])
        pair.move(pair.other)
        client.send(b"LIST\r\n")
        with listener.accept()[0] as data:
            data.settimeout(10)
            check_equal(data.recv(4096), LISTING, "the listing")
        client.expect("150")
        client.expect("226")
        pair.move(pair.lab.gateway)
        check_equal(client.list_active(), LISTING, "the next listing")


def idle_session_stays(pair, family):
    """Nothing was said elsewhere, so the row is as good as ever, and its session the same one."""
    with session(pair, family) as (_, client):
        client.list_active()
        pair.move(pair.other)
        since = pair.move(pair.lab.gateway)
        client.list_active()
        client.command(b"NOOP", "200")
        check_equal(pair.lab.gateway.events("session-close", since, client=client.endpoint), [], "ends of the session")


def main():
    plan = Plan(__doc__)
    for mode, families in (("snat", (4, 6)), ("both", (4,)), ("routed", (6,))):
        pair = Pair(mode)
        for family in families:
            for statement, function in (
                    ("a session goes to another queue and back, again and again, and its offers are translated", there_and_back),
                    ("a session of which only the server spoke elsewhere goes on", server_speaks_elsewhere),
                    ("a server may be the first to speak after the return", server_speaks_first),
                    ("a pinhole outlives the move of its session", pending_offer),
                    ("a session that was idle elsewhere keeps its row", idle_session_stays)):
                plan.add(f"{statement} (IPv{family}, {mode})", function, family, fixture=pair)
    plan.run()


if __name__ == "__main__":
    main()
