#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A flowtable takes established connections past all chains of forward, and past the gateway's queue. Data connections may go
that way. Control connections don't, because they have the carrier; without it they do, and check says so.

Needs a kernel with flowtables, as Debian's own is (tests/vm/run tests/lab/test_offload.py).
"""

import contextlib
import functools
import json
import threading
import time

from conntrack import family_option
from gateway import binary
from lab import Lab
from process import SLOWNESS, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal

FLOWTABLE = """
table inet fastpath {
	flowtable fast {
		hook ingress priority 0
		devices = { inside, outside }
	}
	chain forward {
		type filter hook forward priority filter - 1
		meta l4proto tcp ct state established flow add @fast
	}
}
"""
BLOCK, BLOCKS = 20_000, 40


@contextlib.contextmanager
def offloading(with_gateway):
    with Lab(mode="snat", gateway_rules=with_gateway, daemon=with_gateway) as lab:
        lab.may_pass_by = True  # the counters of what passes are not asked about data connections
        path = lab.path("flowtable")
        with open(path, "w", encoding="ascii") as file:
            file.write(FLOWTABLE)
        loaded = lab.router.run(["nft", "-f", path], check=False)
        if loaded.returncode != 0:
            check("syntax" not in loaded.stderr, loaded.stderr)
            raise Skip(f"this kernel has no flowtables: {loaded.stderr.splitlines()[0]}")
        yield lab


def entries(lab, family, port):
    """What conntrack says of connections to a port. Of those in a flowtable it shows neither timeout nor state."""
    return lab.router.output(["conntrack", "-L", "-p", "tcp", "--orig-port-dst", port, *family_option(family)]).splitlines()


def is_offloaded(texts):
    return any("[OFFLOAD]" in text for text in texts)


class SlowFile:
    """A RETR that lasts, so that its connection can be looked at."""

    def __call__(self, _argument):
        return self._answer

    def _answer(self, session):
        session.send(b"150 here it comes\r\n")
        with session.data_connection() as data:
            for _ in range(BLOCKS):
                data.sendall(b"x" * BLOCK)
                time.sleep(0.05 * SLOWNESS)
        return b"226 all of it\r\n"


def findings(lab):
    told = lab.router.run([binary(), "check", "--json", "-c", lab.gateway.configuration], check=False).stdout
    return [(one["finding"], one["text"]) for one in json.loads(told)["findings"] if one["about"].startswith("offload")]


def with_carrier(lab, family):
    server = ScriptedServer(lab.server, lab.addresses[family].server, handlers={"RETR": SlowFile()})
    with server, ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        check_equal(client.list_active(), LISTING, "a listing")
        for _ in range(20):
            client.command(b"NOOP", "200")
        with client.connect_passive() as data:
            port = data.getpeername()[1]
            received = []
            reader = threading.Thread(target=lambda: received.extend(iter(lambda: data.recv(65536), b"")), daemon=True)
            client.send(b"RETR big\r\n")
            client.expect("150")
            reader.start()
            wait_until(lambda: is_offloaded(entries(lab, family, port)), "the data connection in the flowtable")
            reader.join(60 * SLOWNESS)
            check_equal(sum(map(len, received)), BLOCK * BLOCKS, "bytes that arrived")
        client.expect("226")
        check(not is_offloaded(entries(lab, family, 21)), f"a control connection in the flowtable: {entries(lab, family, 21)}")
        check_equal(client.list_active(), LISTING, "a listing afterwards")
        check_equal(client.list_passive(), LISTING, "a passive listing afterwards")


def without_carrier(lab, family):
    with ScriptedServer(lab.server, lab.addresses[family].server), \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        client.command(b"NOOP", "200")
        wait_until(lambda: is_offloaded(entries(lab, family, 21)), "the control connection in the flowtable")


def check_finds(lab, finding):
    found = findings(lab)
    check_equal([one[0] for one in found], [finding] * 2, f"what check says of each family ({found})")


def main():
    plan = Plan(__doc__)
    for gateway, statement, function, state in (
            (True, "data connections go by a flowtable, and control connections do not", with_carrier, "ok"),
            (False, "without the carrier a flowtable has the control connection", without_carrier, "MISSING")):
        lab = functools.partial(offloading, gateway)
        for family in (4, 6):
            plan.add(f"a175: {statement} (IPv{family})", function, family, fixture=lab)
        plan.add(f"a175: check says that it is {state} ({'with' if gateway else 'without'} the carrier)", check_finds, state,
                 fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()
