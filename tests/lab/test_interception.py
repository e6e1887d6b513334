#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
How connections reach the proxy: by REDIRECT and by TPROXY, with servers dialled from the router's address and from the
client's own; by the rules that `ftpalg rules` prints, loaded as they are, of both kinds.
"""

import contextlib
import os
import re
import time

import rules
from clients import TLS_CLIENTS, TlsSession, file_digest, random_file
from lab import Lab
from process import wait_until
from proxy import Proxy
from servers import TlsVsftpd
from tap import Plan, check, check_equal

FLAVOURS = ("iptables", "nft")


class Cell:
    """
    A lab with a proxy and a TLS server that demands resumption, for each family. flavour: of all rules in it.
    mode: what the router itself translates.
    """

    def __init__(self, flavour, interception, source="router", mode="routed", forward=False, families=(4, 6)):
        self.flavour = flavour
        self.options = {"interception": interception, "source": source, "implicit-ports": "none"}
        self.mode = mode
        self.forward = forward
        self.families = families

    @contextlib.contextmanager
    def __call__(self):
        usual, rules.FLAVOUR = rules.FLAVOUR, self.flavour
        try:
            with contextlib.ExitStack() as stack:
                self.lab = stack.enter_context(Lab(mode=self.mode, gateway_rules=False, daemon=False))
                self.proxy = Proxy(self.lab, self.proxy_options())
                certificate = self.proxy.server_certificate(rsa=True)
                self.servers = {family: stack.enter_context(TlsVsftpd(
                    self.lab.server, self.lab.addresses[family].server, self.lab.directory, certificate))
                    for family in self.families}
                stack.enter_context(self.proxy)
                self.source = self.lab.path("source")
                self.digest = random_file(self.source, 1)
                yield self
        finally:
            rules.FLAVOUR = usual

    def proxy_options(self):
        options = dict(self.options)
        if self.forward:
            options["forward"] = ", ".join(f"{addresses.server_public}->{addresses.server}"
                                           for addresses in self.lab.addresses.values())
        return options


def transfer(cell, family, passive, private):
    """An upload, a download and a listing, and on both legs of each data connection what was promised."""
    lab, server = cell.lab, cell.servers[family]
    since = cell.proxy.position()
    session = TlsSession(namespace=lab.client, address=lab.server_seen(family), port=21, passive=passive,
                         extended=family == 6, source=cell.source, name=f"file-{time.monotonic_ns()}",
                         directory=lab.directory, implicit=False, private=private, version="1.3",
                         anchors=cell.proxy.local)
    try:
        listing = TLS_CLIENTS["ftplib"](session)
    except Exception:
        print(f"# {cell.proxy.events(since=since)[-6:]}")
        raise
    check_equal(file_digest(server.path(session.name)), cell.digest, "SHA-256 of the uploaded file")
    check_equal(file_digest(session.destination), cell.digest, "SHA-256 of the downloaded file")
    check(session.name in listing, f"the listing lacks the file: {listing!r}")
    for path in (server.path(session.name), session.destination):
        os.remove(path)
    relays = wait_until(lambda: (found := cell.proxy.events("relay", since)) and len(found) >= 3 and found, "three relays")
    for relay in relays:
        check("reason" not in relay, f"a data connection ended badly: {relay}")
        for leg in ("client_leg", "server_leg"):
            check_equal(bool(relay[leg]["tls"]), private, f"TLS on the {leg}")
            check_equal(bool(relay[leg].get("resumed")), private, f"resumption on the {leg}")


def add_transfers(plan, cell, name, families=(4, 6), levels=(True, False)):
    for family in families:
        for passive in (True, False):
            for private in levels:
                plan.add(f"{name}: IPv{family}, {'passive' if passive else 'active'}, PROT {'P' if private else 'C'}",
                         transfer, family, passive, private, fixture=cell)


def main():
    plan = Plan(__doc__)
    for flavour in FLAVOURS:
        for interception in ("tproxy", "redirect"):
            for source in ("router", "client"):
                cell = Cell(flavour, interception, source)
                add_transfers(plan, cell, f"{flavour}, {interception}, servers dialled from the {source}'s address",
                              levels=(True, False) if interception == "tproxy" else (True,))
    plan.run()


if __name__ == "__main__":
    main()
