# SPDX-License-Identifier: GPL-3.0-or-later
"""What conntrack(8) shows on the router."""

import dataclasses
import re


def family_option(family):
    return ["-f", "ipv4" if family == 4 else "ipv6"]


def fields(text):
    """KEY=VALUE words, all values of a key in their order."""
    found = {}
    for key, value in re.findall(r"([a-z-]+)=(\S+)", text):
        found.setdefault(key, []).append(value)
    return found


@dataclasses.dataclass
class Expectation:
    """One line of conntrack -L expect. source_port and the source mask's port are 0 for "any"."""

    timeout: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    mask_source: str
    mask_source_port: int
    master_source_port: int
    text: str


def expectations(router, family=4):
    found = []
    for line in router.output(["conntrack", "-L", "expect", *family_option(family)]).splitlines():
        values = fields(line)
        if "mask-src" not in values:
            continue
        # "300 proto=6 src=... dst=... sport=0 dport=... mask-src=... mask-dst=... sport=0 dport=65535 master-src=...
        # master-dst=... sport=... dport=... class=0 helper=sane": ports come for tuple, mask and master in turn.
        found.append(Expectation(
            timeout=int(line.split()[0]), source=values["src"][0], source_port=int(values["sport"][0]),
            destination=values["dst"][0], destination_port=int(values["dport"][0]), mask_source=values["mask-src"][0],
            mask_source_port=int(values["sport"][1]), master_source_port=int(values["sport"][2]), text=line))
    return found


@dataclasses.dataclass
class Connection:
    """One TCP line of conntrack -L."""

    timeout: int
    state: str
    original_source: str
    original_destination: str
    original_source_port: int
    original_destination_port: int
    reply_source: str
    reply_destination: str
    assured: bool
    helper: str
    text: str


def connections(router, family=4, port=None):
    """TCP connections whose original destination port is port."""
    found = []
    for line in router.output(["conntrack", "-L", "-p", "tcp", "-o", "extended", *family_option(family)]).splitlines():
        values = fields(line)
        words = line.split()
        if len(values.get("src", ())) < 2 or (port is not None and int(values["dport"][0]) != port):
            continue
        found.append(Connection(
            timeout=int(words[4]), state=words[5], original_source=values["src"][0],
            original_destination=values["dst"][0], original_source_port=int(values["sport"][0]),
            original_destination_port=int(values["dport"][0]), reply_source=values["src"][1],
            reply_destination=values["dst"][1], assured="[ASSURED]" in line, helper=values.get("helper", [""])[0],
            text=line))
    return found
