#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
What an administrator types at a gateway that serves: status, sessions, pinholes, transfers, why, watch, kill, reload and
reopen show what happened, and do what they say.
"""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from gateway import binary
from lab import Lab
from process import SLOWNESS, titled, wait_until
from scripted import ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal
from terminal import Terminal, has_terminal

SIZE = 1000000
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Fetch:
    """Obeys RETR: half of the file, and the other half when it may go on."""

    def __init__(self):
        self.go_on = threading.Event()

    def __call__(self, _argument):
        return self._send

    def _send(self, session):
        session.send(b"150 Opening connection (%d bytes)\r\n" % SIZE)
        with session.data_connection() as data:
            data.sendall(bytes(SIZE // 2))
            self.go_on.wait(60)
            data.sendall(bytes(SIZE // 2))
        return b"226 done\r\n"


@contextlib.contextmanager
def session(lab, fetch=None):
    fetch = fetch or Fetch()
    with ScriptedServer(lab.server, lab.addresses[4].server, handlers={"RETR": fetch}) as server, \
            ScriptedClient(lab.client, lab.server_seen(4)) as client:
        client.login()
        yield client, server, fetch


def ftpalg(lab, *words, status=0, **options):
    done = subprocess.run([binary(), *words, "-c", lab.gateway.configuration], capture_output=True, text=True, check=False,
                          timeout=60 * SLOWNESS, env=ENVIRONMENT, **options)
    check_equal(done.returncode, status, f"ftpalg {' '.join(words)} says {done.stdout}{done.stderr}, and its exit status")
    return done.stdout + done.stderr


def seen(lab, words, *texts):
    """What a command shows, once all texts are in it: what peers have noticed is told a little later."""
    def look():
        shown = ftpalg(lab, *words.split(" "))
        return shown if all(text in shown for text in texts) else None
    return wait_until(look, f"{texts} in what {words!r} shows")


def session_id(lab, client):
    shown = seen(lab, f"sessions {client.address}", client.address)
    return next(line for line in shown.splitlines() if f"{client.address}:{client.local_port} " in line).split()[0]


@contextlib.contextmanager
def download(client, path=b"/pub/a.bin"):
    """One that has begun; at the end it is read to its end."""
    with client.connect_passive() as data:
        client.send(b"RETR " + path + b"\r\n")
        client.expect("150")
        yield
        check_equal(sum(len(block) for block in iter(lambda: data.recv(65536), b"")), SIZE, "bytes of the file")
    client.expect("226")


def tables_show_what_happened(lab):
    with session(lab) as (client, _, fetch):
        number = session_id(lab, client)
        with client.listen() as listener:
            client.offer(listener.getsockname()[1])
            seen(lab, "pinholes", number, "PORT", f"{client.address}:{listener.getsockname()[1]}", "1 pinhole waits")
        with download(client):
            seen(lab, "sessions", number, "RETR /pub/a.bin", "1 session, 1 transfer")
            check("in TLS" not in ftpalg(lab, "sessions", "-v"), "it is read")
            seen(lab, "sessions -v", f"client {lab.addresses[4].client_seen('snat')}")
            fetch.go_on.set()
        seen(lab, "transfers", client.address, "/pub/a.bin", "complete 226")
        seen(lab, "transfers --xferlog", " /pub/a.bin b _ o ")
        seen(lab, f"why {client.address}", "C> RETR /pub/a.bin", "verdict ", "nobody is at fault")
        client.command(b"PORT 203,0,113,99,0,25", "5")
        shown = seen(lab, f"why {number}", "foreign-address", "verdict ")
        check("the client is at fault" in shown.split("verdict ")[1], shown)
        seen(lab, "sessions state=refused", "refused: foreign-address")
    seen(lab, "sessions", "0 sessions")


def status_is_an_exit_status(lab):
    with session(lab) as (client, _, _fetch):
        session_id(lab, client)
        shown = seen(lab, "status", "1 open", "worker    queue 21   up", "carrier ok", "\nhealthy\n")
        check(f"pid {lab.gateway.process.pid}" in shown, shown)
        check_equal(ftpalg(lab, "status", "-q"), "", "what -q says where all is well")


def hung_worker_is_told(lab):
    worker, = titled(lab.gateway.process.pid, "ftpalg-worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        def told():
            done = subprocess.run([binary(), "status", "-c", lab.gateway.configuration], capture_output=True, text=True, check=False,
                                  env=ENVIRONMENT)
            return done.stdout if done.returncode == 1 and "has not moved for" in done.stdout else None
        shown = wait_until(told, "the status to say so", 20 * SLOWNESS)
        check("(watchdog kills it at 60 s)" in shown and "DEGRADED" in shown and "mend:" in shown, shown)
        check("DEGRADED: " in ftpalg(lab, "status", "-q", status=1), "-q does not say so")
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until(lambda: "healthy" in subprocess.run([binary(), "status", "-c", lab.gateway.configuration], capture_output=True, text=True,
                                                   check=False, env=ENVIRONMENT).stdout, "all to be well again", 20 * SLOWNESS)


def absent_gateway_is_told(lab):
    lab.gateway.stop()
    for words in ("status", "sessions", "reload"):
        check("ftpalg is not running (no answer on " in (said := ftpalg(lab, words, status=1)) and "(absent = closed)" in said, said)


def kill_ends_one_session(lab):
    with session(lab) as (client, server, _), ScriptedClient(lab.client, lab.server_seen(4)) as other:
        other.login()
        number = session_id(lab, client)
        ftpalg(lab, "kill", number)
        wait_until(server.session(0).ended.is_set, "the server's side to end")
        other.command(b"NOOP", "200")
        seen(lab, "sessions", "1 session,")
        check("error: " in ftpalg(lab, "kill", "f" * 16, status=1), "a session that there is not")


def reload_and_reopen_say_what_became_of_it(lab):
    configuration = pathlib.Path(lab.gateway.configuration)
    good = configuration.read_text(encoding="ascii")
    configuration.write_text(good + "\n[policy]\nactive = perhaps\n", encoding="ascii")
    check("perhaps" in (said := ftpalg(lab, "reload", status=1)), said)
    check("perhaps" in (shown := ftpalg(lab, "status", status=1)) and "DEGRADED" in shown, shown)
    configuration.write_text(good, encoding="ascii")
    check("error" not in ftpalg(lab, "reload"), "a good file")
    seen(lab, "status", "\nhealthy\n")
    os.rename(lab.gateway.events_path, lab.gateway.events_path + ".1")
    ftpalg(lab, "reopen")
    wait_until(lambda: os.path.exists(lab.gateway.events_path), "the new file")


def others_are_told_who_may(lab):
    if os.getuid() != 0 or os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("there is no other user to become")
    os.chmod(lab.directory, 0o755)
    shown = ftpalg(lab, "status", "--socket", lab.gateway.monitor, user="nobody", group="nogroup", extra_groups=[])
    check("healthy" in shown, shown)
    said = ftpalg(lab, "reload", "--socket", lab.gateway.control, status=1, user="nobody", group="nogroup", extra_groups=[])
    check("the user nobody may not use it; root may" in said, said)


def watch_shows_what_goes_on(lab):
    if not has_terminal():
        raise Skip("tmux is not installed")
    directory = pathlib.Path(lab.directory)
    with session(lab) as (client, server, fetch), contextlib.closing(Terminal(directory, 120, 30)) as terminal:
        number = session_id(lab, client)
        terminal.wait_for("$")
        terminal.type(f"{binary()} watch -c {lab.gateway.configuration}")
        terminal.wait_for("healthy")
        terminal.wait(lambda screen: client.address in screen and "idle" in screen, "the session")
        with download(client):
            terminal.wait(lambda screen: "RETR a.bin" in screen and "[" in screen, "the transfer and its bar")
            fetch.go_on.set()
        terminal.press("Enter")
        terminal.wait_for("verdict")
        terminal.press("q", "k")
        terminal.wait_for(f"End {number}, {client.address} anonymous?")
        terminal.press("y")
        wait_until(server.session().ended.is_set, "the server's side to end")
        terminal.wait_without(number)
        terminal.press("q")
        terminal.wait_without("q: quit")


def main():
    plan = Plan(__doc__)
    served = functools.partial(Lab, mode="snat")
    plan.add("tables show sessions, pinholes, transfers and decisions", tables_show_what_happened, fixture=served)
    plan.add("status is 0 where FTP works", status_is_an_exit_status, fixture=served)
    plan.add("and 1, with what mends it, where the worker hangs", hung_worker_is_told,
             fixture=functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": "60"}}))
    plan.add("kill ends one session", kill_ends_one_session, fixture=served)
    plan.add("reload says what is wrong with a file, and reopen makes new ones", reload_and_reopen_say_what_became_of_it, fixture=served)
    plan.add("who may not use a socket is told who may", others_are_told_who_may, fixture=served)
    plan.add("watch shows a transfer, tells why, and ends a session", watch_shows_what_goes_on, fixture=served)
    # It leaves none.
    plan.add("where no gateway runs, all say so", absent_gateway_is_told, fixture=served)
    plan.run()


if __name__ == "__main__":
    main()
