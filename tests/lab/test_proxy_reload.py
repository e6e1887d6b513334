#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What sessions notice when the proxy's processes change: one that dies takes its own sessions along and nobody else's
time; the next one is there within two seconds.
"""

import functools
import os
import signal
import time

from process import SLOWNESS, wait_until
from tap import Plan, check
from test_relay import Store
from test_supervisor import is_gone
from test_tls import ScriptedCell, Talk

# What a client that begins at the worst moment may wait: a SYN that was lost comes again after a second.
PATIENCE = 2


def serving(cell):
    """A scripted server with TLS that has files."""
    server = cell.tls_server()
    server.handlers.update(Store().handlers())
    return server


def greeted_within(cell, seconds):
    """Connects at once, and demands that a session inside TLS is there in time."""
    began = time.monotonic()
    with Talk(cell) as talk:
        talk.secure()
        check(talk.command("USER a").startswith("331"), "the new session was refused")
    waited = time.monotonic() - began
    check(waited < seconds, f"a new session took {waited:.2f} s")
    return waited


def the_next_proxy_is_there_at_once(cell, number):
    with serving(cell), Talk(cell) as talk:
        talk.login()
        died = cell.proxy.pid
        os.kill(died, number)
        waited = greeted_within(cell, PATIENCE * SLOWNESS)
        print(f"# a session that began when the proxy died took {waited:.2f} s")
        check(is_gone(died) and cell.proxy.pid != died, "it is the same proxy")
        check(talk.line() == "", "a session of the proxy that died goes on")
    wait_until(lambda: "the proxy was ended by signal 9" in cell.proxy.process.output(), "a message that it died")


def main():
    plan = Plan(__doc__)
    cell = functools.partial(ScriptedCell, {})
    plan.add("a proxy that is killed is replaced, and a client that comes meanwhile waits two seconds at most",
             the_next_proxy_is_there_at_once, signal.SIGKILL, fixture=cell())
    plan.run()


if __name__ == "__main__":
    main()
