#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Clients and servers that no other program here uses: each pair once through a plain router and once through one with the
gateway. Whatever works directly works through the gateway, and in comparable time.

A check has each client with two servers, and Net::FTP, which once stalled, with all. LAB_FULL=1 has every pair, active
and passive, IPv4 and IPv6, through SNAT and DNAT, and routed.
"""

import contextlib
import ftplib
import os
import random
import shutil
import subprocess
import time

from lab import Lab
from peer_clients import CLIENTS, NAMES, Visit
from peer_servers import SERVERS, USER_ID
from process import SLOWNESS
from tap import Plan, Skip, check
from transfers import FULL

BIG, SMALL, HUGE = 2_000_000, 3000, 200_000_000
# ProFTPD and pyftpdlib answer no command that comes without its CR, ProFTPD none that comes byte by byte. The old ftpd
# answers EPSV ALL twice, and is out of step with the client from there on.
SILENT = {("ProFTPD", "ftplib with bare LF"), ("pyftpdlib", "ftplib with bare LF"), ("ProFTPD", "ftplib byte by byte"),
          ("netkit-ftpd", "ftplib with EPSV ALL")}
# Whose ABOR is for LAB_FULL only: it leaves a reply out, for which Net::FTP waits with and without a gateway.
HASTY = {"Pure-FTPd"}
# Less than any timeout that a client could have waited for, and more than a busy machine takes for a visit.
STALL = 10 * SLOWNESS


def random_bytes(seed, size):
    return random.Random(seed).randbytes(size)


CONTENTS = {"big": random_bytes(1, BIG), "small": random_bytes(2, SMALL), "empty": b""}


def read(*parts):
    with contextlib.suppress(OSError), open(os.path.join(*map(os.fsencode, parts)), "rb") as file:
        return file.read()
    return None


def write_files(directory):
    os.makedirs(directory)
    for name, content in CONTENTS.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(content)


def furnish(public):
    """What a server has: files, files with odd names, one that outlasts an ABOR, and a place for uploads."""
    for name, content in CONTENTS.items():
        with open(os.path.join(public, name), "wb") as file:
            file.write(content)
    with open(os.path.join(public, "huge"), "wb") as file:
        file.truncate(HUGE)
    os.makedirs(os.path.join(public, "names"))
    os.makedirs(os.path.join(public, "up"))
    for number, name in enumerate(NAMES):
        with open(os.path.join(os.fsencode(public), b"names", name), "wb") as file:
            file.write(b"%d" % number)
    os.chmod(os.path.join(public, "up"), 0o777)
    if os.getuid() == 0:
        for path in (public, os.path.join(public, "up")):
            os.chown(path, USER_ID, USER_ID)


def came_of(visit, public):
    """The operations that worked, by the files that are there after a visit."""
    up, small, big = os.path.join(public, "up"), CONTENTS["small"], CONTENTS["big"]
    listing = read(visit.directory, "list") or b""
    worked = {
        "upload": read(up, "upload") == big,
        "download": read(visit.directory, "download") == big,
        "list": all(name in listing for name in (b"big", b"small", b"empty", b"huge")),
        "rest": read(visit.directory, "rest") == big,
        "append": read(up, "append") == 2 * small,
        "rename": read(up, "rename") == small and read(up, "old") is None,
        "empty upload": read(up, "empty") == b"",
        "empty download": read(visit.directory, "empty") == b"",
        "after a failure": read(visit.directory, "missing") == small,
        "after ABOR": read(visit.directory, "abort") == small,
    }
    for number, name in enumerate(NAMES):
        worked[f"upload as {name!r}"] = read(up, name) == small
        worked[f"download of {name!r}"] = read(visit.directory, f"name-{number}") == b"%d" % number
    return {operation for operation, well in worked.items() if well}


class Routers:
    """Two labs, alike but for the gateway: one has a router that lets everything pass."""

    def __init__(self, mode):
        self.mode = mode
        self._visits = 0

    @contextlib.contextmanager
    def __call__(self):
        with contextlib.ExitStack() as stack:
            self.plain = stack.enter_context(Lab(mode="routed", daemon=False, gateway_rules=False, forward_all=True))
            for family in ("iptables", "ip6tables"):
                self.plain.router.run([family, "-P", "FORWARD", "ACCEPT"])
            self.guarded = stack.enter_context(Lab(mode=self.mode))
            yield self

    def visit(self, lab, server, client, passive, family):
        """One client's visit to a server of its own: what worked, and the seconds that it took."""
        self._visits += 1
        work = lab.path(f"visit-{self._visits}")
        os.makedirs(os.path.join(work, "client"))
        write_files(os.path.join(work, "source"))
        try:
            with SERVERS[server](lab.server, lab.addresses[family].server, work) as peer:
                furnish(peer.public)
                if os.getuid() == 0:
                    os.chown(peer.root, USER_ID, USER_ID)
                visit = Visit(lab.client, lab.server_seen(family), passive, peer.user, os.path.join(work, "source"),
                              os.path.join(work, "client"), FULL or server not in HASTY)
                began = time.monotonic()
                with contextlib.suppress(subprocess.TimeoutExpired, *ftplib.all_errors):
                    CLIENTS[client][0](visit)
                return came_of(visit, peer.public), time.monotonic() - began
        finally:
            shutil.rmtree(work)


def compare(routers, *pair):
    """What is lost, or how late it is, through the gateway in one visit each way; "" is neither."""
    directly, quiet = routers.visit(routers.plain, *pair)
    if not directly:
        raise Skip("nothing works directly")
    since = routers.guarded.gateway.position()
    through, seconds = routers.visit(routers.guarded, *pair)
    print(f"# {len(directly)} operations, {quiet:.1f} s directly, {seconds:.1f} s through the gateway", flush=True)
    events = routers.guarded.gateway.events(since=since)
    refusals = [event for event in events if event["event"] in ("refuse", "anomaly")]
    lost = sorted(directly - through)
    if not lost and seconds <= quiet + STALL:
        return ""
    return f"{seconds:.1f} s for {quiet:.1f}; lost: {lost}; the gateway said {refusals[:8]}"


def works_as_directly(routers, *pair):
    """Peers have races of their own, as of ABOR with a transfer's end: what the gateway breaks, it breaks twice."""
    first = compare(routers, *pair)
    again = first and compare(routers, *pair)
    check(not again, f"{first}\n{again}")


def meet(server, client, family):
    """Whether they get on at all: SILENT are pairs that only wait for each other, without any gateway."""
    return family in SERVERS[server].families and (server, client) not in SILENT


def pairs():
    """(server, client, passive, family): all that there are, or a part in which each client meets two servers."""
    for number, (client, (_, modes, families)) in enumerate(CLIENTS.items()):
        every = [(passive, family) for family in families for passive in modes]
        partners = {kind: [server for server in SERVERS if meet(server, client, kind[1])] for kind in every}
        if FULL:
            yield from ((server, client, *kind) for kind in every for server in partners[kind])
            continue
        first, second = every[0], every[1 + number % (len(every) - 1)]
        chosen = partners[first] if client == "Net::FTP" else [partners[first][number % len(partners[first])]]
        yield from ((server, client, *first) for server in chosen)
        yield partners[second][(number + 2) % len(partners[second])], client, *second


def main():
    plan = Plan(__doc__)
    for mode in ("snat", "dnat", "routed") if FULL else ("snat",):
        routers = Routers(mode)
        for server, client, passive, family in pairs():
            plan.add(f"{client} with {server}, IPv{family}, {'passive' if passive else 'active'}, {mode}: as directly",
                     works_as_directly, server, client, passive, family, fixture=routers)
    plan.run()


if __name__ == "__main__":
    main()
