#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Names with a line end in them, A169 of the catalogue, at a server that nobody here wrote: ProFTPD repeats them as they are,
and the rest of a name reads as the next reply. Who could make one there by other means than FTP, and asks for PWD and PASV
in one go, would choose any port of the server that a client may reach as an answer.
"""

import contextlib
import os
import re
import shutil

from lab import Lab
from scripted import ScriptedClient
from servers import Proftpd
from tap import Plan, check, check_equal

SECRET_PORT = 3306


@contextlib.contextmanager
def server(lab, name):
    """Its root has the directory and a file of that name, each with a link to it that a client can say."""
    work = lab.path("server")
    os.makedirs(work)
    try:
        with Proftpd(lab.server, lab.addresses[4].server, work) as peer:
            os.makedirs(os.path.join(peer.root, name))
            os.symlink(name, os.path.join(peer.root, "link"))
            yield peer
    finally:
        shutil.rmtree(work)


@contextlib.contextmanager
def logged_in(namespace, address):
    with ScriptedClient(namespace, address) as client:
        client.login()
        client.command(b"CWD link", "250")
        yield client


def forged(lab, end):
    address = lab.addresses[4].server.replace(".", ",")
    return f"x{end}227 ({address},{SECRET_PORT >> 8},{SECRET_PORT & 255})"


def ports_offered(said):
    return [int(high) * 256 + int(low) for high, low in re.findall(r"^227.*\((?:\d+,){4}(\d+),(\d+)", said, re.MULTILINE)]


def ask(client):
    """PWD and PASV in one go; all that is said until the end."""
    return client.until_quit(b"PWD\r\nPASV\r\n")


def name_opens_nothing(lab, end):
    with server(lab, forged(lab, end)):
        with logged_in(lab.server, lab.addresses[4].server) as client:
            said = ask(client)
            check(SECRET_PORT in ports_offered(said), f"the server itself says {said!r}")
        since = lab.gateway.position()
        with logged_in(lab.client, lab.server_seen(4)) as client:
            said = ask(client)
        check_equal(ports_offered(said), [], f"ports that are offered in {said!r}")
        check_equal(lab.gateway.events("pinhole-open", since), [], "pinholes")
        lab.gateway.wait_event("refuse", since, reason="torn-reply")


def other_names_are_names(lab):
    with server(lab, 'x "and" (1,2,3,4,5,6)'):
        with logged_in(lab.client, lab.server_seen(4)) as client:
            check_equal(client.list_passive(), b"", "the listing")
            check_equal(len(ports_offered(ask(client))), 2, "answers to PASV")


def main():
    plan = Plan(__doc__)

    @contextlib.contextmanager
    def lab():
        with Lab(mode="snat", settings={"policy": {"deny-passive-ports": "none"}}) as made:
            yield made

    for name, end in (("LF", "\n"), ("CR LF", "\r\n"), ("LF and a line of text", "\nand then\r\n"), ("a quotation mark and CR LF", "\"\r\n")):
        plan.add(f"A169 a directory with {name} in its name, and the answer to PASV after it: nothing is opened", name_opens_nothing,
                 end, fixture=lab)
    plan.add("A169 quotation marks and numbers in a name do no harm", other_names_are_names, fixture=lab)
    plan.run()


if __name__ == "__main__":
    main()
