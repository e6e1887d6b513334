# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe, run through one helper: a lab, the helper on its router, one end of the probe on each side."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
# pylint: disable=wrong-import-position
from gateway import binary
from lab import Lab
from process import SLOWNESS

# The ends of the probe agree over a port of their own, so what they agree on does not depend on the helper.
LINK_PORT = 2100
TOKEN = "compare"


def open_link(lab, family):
    """The router's owner lets the probe's own connection through."""
    program = "iptables" if family == 4 else "ip6tables"
    lab.router.run([program, "-w", "-I", "FORWARD", "-i", "inside", "-p", "tcp", "--dport", str(LINK_PORT),
                    "-j", "ACCEPT"])


def add_bystanders(lab, family):
    """A second address for each end, which scenarios use as another host's."""
    addresses = lab.addresses[family]
    lab.server.ip(f"address add {addresses.victim}/{addresses.prefix} dev eth0{' nodad' if family == 6 else ''}")
    return addresses.second_client, addresses.victim


def probe(helper_class, mode="snat", family=4, filters=()):
    """Runs all scenarios through the helper. Returns (its version, the probe's report)."""
    with Lab(mode=mode, gateway_rules=False, daemon=False) as lab, helper_class(lab) as helper:
        version = helper.version()
        open_link(lab, family)
        helper.admit_transparently()
        client_foreign, server_foreign = add_bystanders(lab, family)
        server = lab.server.spawn([binary(), "probe", "server", "--token", TOKEN, "--link", str(LINK_PORT), "--foreign",
                                   server_foreign, lab.addresses[family].server])
        server.wait_for_output("ftpalg: ready")
        path = lab.path("probe.json")
        options = [word for text in filters for word in ("-k", text)]
        result = lab.client.run([binary(), "probe", "client", "--token", TOKEN, "--link", str(LINK_PORT), "--foreign",
                                 client_foreign, "--server-foreign", server_foreign, "--json", path, *options,
                                 lab.server_seen(family)], check=False, timeout=900 * SLOWNESS)
        if not os.path.exists(path):
            raise RuntimeError(f"the probe ended with status {result.returncode} and wrote:\n{result.stdout}"
                               f"{result.stderr}\nand its server's end:\n{server.output()}")
        with open(path, encoding="utf-8") as file:
            return version, json.load(file)
