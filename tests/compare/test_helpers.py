#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
That each helper is set up as it should be: a plain download by curl from vsftpd through SNAT, active and passive, works
through every helper, and not without one.
"""

import functools
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
# pylint: disable=wrong-import-position
import helpers
from lab import Lab
from servers import Vsftpd
from tap import Plan, Skip, check, check_equal

CONTENT = b"through whatever lies between\n"


class Arena:
    """A helper on the router of a lab, and a server with a file."""

    def __init__(self, kind):
        self.kind = kind
        self.lab = Lab(mode="snat", gateway_rules=False, daemon=False)

    def __enter__(self):
        if not self.kind.can_run():
            raise Skip(f"this kernel lacks what {self.kind.name} needs")
        self.lab.__enter__()
        try:
            self.server = Vsftpd(self.lab.server, self.lab.addresses[4].server, self.lab.directory)
            self.server.__enter__()
            with open(self.server.path("file"), "wb") as file:
                file.write(CONTENT)
            self.helper = self.kind(self.lab)
            self.helper.__enter__()
            return self
        except BaseException:
            self.lab.__exit__(*sys.exc_info())
            raise

    def __exit__(self, *exception):
        self.helper.__exit__(*exception)
        self.server.__exit__(*exception)
        self.lab.__exit__(*exception)


def download(arena, active):
    """curl's exit status and what it got."""
    address, port = arena.helper.target
    mode = ["--ftp-port", "-", "--disable-eprt"] if active else ["--disable-epsv"]
    result = arena.lab.client.run(["curl", "--disable", "-sS", "--max-time", "8", "--ftp-method", "nocwd", *mode,
                                   "--no-ftp-skip-pasv-ip", f"ftp://{address}:{port}/pub/file"], check=False)
    return result.returncode, result.stdout, result.stderr


def check_works(arena, active):
    status, text, said = download(arena, active)
    check_equal((status, text), (0, CONTENT.decode()), f"curl ({said.strip()})")


def check_fails(arena, active):
    status, _, _ = download(arena, active)
    check(status != 0, "the transfer worked")


def check_version(arena):
    version = arena.helper.version()
    check(any(letter.isdigit() for letter in version), f"no version: {version!r}")
    print(f"# {arena.helper.title}: {version}", flush=True)


def main():
    plan = Plan(__doc__)
    for kind in helpers.HELPERS:
        make = functools.partial(Arena, kind)
        if kind is helpers.NoHelper:
            for active in (True, False):
                plan.add(f"none: {'an active' if active else 'a passive'} transfer fails", check_fails, active,
                         fixture=make)
            continue
        plan.add(f"{kind.name}: it tells its version", check_version, fixture=make)
        # conntrackd 1.4.7 announces the public address and asks for an expectation without NAT (CTA_EXPECT_NAT and
        # CTA_EXPECT_FN are missing in its message), so the data connection arrives at the router and goes nowhere.
        if kind is helpers.Conntrackd:
            plan.add("conntrackd: an active transfer through SNAT fails", check_fails, True, fixture=make)
        else:
            plan.add(f"{kind.name}: an active transfer works", check_works, True, fixture=make)
        plan.add(f"{kind.name}: a passive transfer works", check_works, False, fixture=make)
    plan.run()


if __name__ == "__main__":
    main()
