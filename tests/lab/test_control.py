#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The gateway is asked how it stands, and told what to do, over two sockets: what it says is what happened, and no client of
these costs a session, or another client, anything.
"""

import contextlib
import functools
import os
import signal
import stat
import time

from asking import Asking, ask, ask_as
from gateway import Gateway, binary
from lab import Lab
from process import SLOWNESS, children, is_gone, titled, wait_titled, wait_until
from scripted import LISTING, ScriptedClient, ScriptedServer
from tap import Plan, Skip, check, check_equal, check_in_time

CONTENT = b"0123456789" * 100
IMPATIENCE = 2 * SLOWNESS  # seconds in which an answer must be there, whoever else asks
FLOOD = 1000


def cwd(argument):
    return b"250 you are there\r\n" if argument != "nowhere" else b"550 there is no such place\r\n"


def fetch(session):
    """Obeys RETR with a size in its 150."""
    session.send(b"150 Opening connection (%d bytes)\r\n" % len(CONTENT))
    with session.data_connection() as data:
        data.sendall(CONTENT)
    return b"226 done\r\n"


HANDLERS = {"CWD": cwd, "PWD": lambda _: b'257 "/home/anna" is here\r\n',
            "RETR": lambda argument: (lambda session: session.send(b"550 no\r\n")) if argument == "none" else fetch}


@contextlib.contextmanager
def session(lab, family=4):
    with ScriptedServer(lab.server, lab.addresses[family].server, handlers=HANDLERS) as server, \
            ScriptedClient(lab.client, lab.server_seen(family)) as client:
        client.login()
        yield client, server


def retrieve(client, path=b"a.bin"):
    with client.connect_passive() as data:
        client.send(b"RETR " + path + b"\r\n")
        content = b"".join(iter(lambda: data.recv(65536), b""))
    client.expect("150")
    client.expect("226")
    check_equal(content, CONTENT, "the file")


def identity(event):
    """A session's id, as events have it."""
    return event["session"] if isinstance(event["session"], str) else f"{event['session']:x}"


def opened(lab, client, since=0):
    """The id of the session of this client, as its event has it."""
    gateway = lab.gateway

    def find():
        return [event for event in gateway.events("session-open", since) if is_of(event, client)]
    return identity(wait_until(find, "the event of a session")[-1])


def is_of(event, client):
    return event["client_port"] == client.local_port


def shown(lab, request, count=1):
    """The objects of an answer once there are so many: what peers have noticed is told a little later."""
    def objects():
        answer = ask(lab.gateway.monitor, request)
        return answer if len(answer) == count else None
    return wait_until(objects, f"{count} objects in the answer to {request!r}")


def control_pid(lab):
    return wait_titled(lab.gateway.process.pid, "ftpalg-control")


def sockets(pid):
    """How many it has open."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return count


def status_of_a_gateway_that_serves(lab):
    with session(lab) as (client, _):
        client.command(b"NOOP", "200")
        wait_until(lambda: ask(lab.gateway.monitor, "status")[0]["sessions"]["open"] == 1, "a session in the status")
        # The supervisor shows once a second how its processes stand, and may be put aside while it looks.
        wait_until(lambda: ask(lab.gateway.monitor, "status")[0]["workers"][0]["up"], "a worker that is up")
        status, = ask(lab.gateway.monitor, "status")
    check_equal((status["version"], status["pid"], status["config"]["path"], status["config"]["error"]),
                (1, lab.gateway.process.pid, lab.gateway.configuration, None), "version, process and configuration")
    worker, = status["workers"]
    check(worker["up"] and worker["queue"] == 21 and worker["packets"] > 10 and worker["dropped"] == 0, f"a worker that is {worker}")
    check_equal((status["health"], status["problems"], status["proxy"]), ("healthy", [], None), "how it stands")
    check(status["kernel"]["carrier"] and status["kernel"]["expectations_limit"] > 0, f"a kernel that is {status['kernel']}")
    check(status["started"] <= status["config"]["read"] <= status["now"], "times that are not in their order")


def commands_tell_the_same(lab):
    def told(*words, status=0):
        done = lab.router.run([binary(), *words, "-c", lab.gateway.configuration], check=False)
        check_equal(done.returncode, status, f"the exit status of {words}, which said {done.stdout!r} {done.stderr!r}")
        return done.stdout

    check("healthy" in told("status"), "the status is not told as healthy")
    with session(lab) as (client, _):
        number = opened(lab, client)
        shown(lab, f"sessions user=anonymous {client.address}")
        check(number in told("sessions", client.address), "the session is not listed")
        retrieve(client, b"whole.bin")
        wait_until(lambda: "whole.bin" in told("transfers"), "the transfer to be listed")
        check("at fault" in told("why", number), "nobody's fault")
        told("reload")
        told("why", "192.0.2.200", status=1)


def session_that_goes_on_is_shown(lab, family):
    with session(lab, family) as (client, _):
        number = opened(lab, client)
        answer, = shown(lab, f"sessions user=anonymous {client.address}")
        address = lab.addresses[family]
        check_equal((answer["session"], answer["client_ip"], answer["client_port"], answer["client_nat_ip"], answer["server_ip"]),
                    (number, address.client, client.local_port, address.client_seen("snat"), address.server_seen("snat")),
                    "whose session it is")
        check_equal((answer["user"], answer["state"], answer["refusals"], answer["tls"]), ("anonymous", "idle", 0, False), "its state")
        with client.listen() as listener:
            client.offer(listener.getsockname()[1])
            pinhole, = shown(lab, "pinholes")
            check_equal((pinhole["session"], pinhole["from"]), (number, address.server), "whose pinhole it is")
            check(pinhole["goes_to"].endswith(f":{listener.getsockname()[1]}"), f"it goes to {pinhole['goes_to']}")
    wait_until(lambda: not ask(lab.gateway.monitor, "sessions"), "the end of the session")
    check_equal(len(ask(lab.gateway.monitor, "sessions state=closed")) > 0, True, "sessions that have ended, to who asks")
    check_equal(ask(lab.gateway.monitor, "pinholes"), [], "pinholes after the session")


def transfer_with_its_whole_path(lab, family):
    with Asking(lab.gateway.monitor) as follower, session(lab, family) as (client, _):
        before = len(ask(lab.gateway.monitor, "transfers"))
        follower.send(b"transfers follow\n")
        for _ in range(min(before, 10)):
            follower.object()
        number = opened(lab, client)
        client.command(b"PWD", "257")
        client.command(b"CWD pub", "250")
        client.command(b"CWD nowhere", "550")
        retrieve(client)
        transfer = follower.object()
        check_equal(transfer, ask(lab.gateway.monitor, "transfers")[-1], "the transfer, to who asks later")
        check_equal((transfer["session"], transfer["verb"], transfer["path"], transfer["direction"], transfer["mode"]),
                    (number, "RETR", "/home/anna/pub/a.bin", "down", "passive"), "the transfer")
        check_equal((transfer["outcome"], transfer["code"], transfer["user"]), ("complete", 226, "anonymous"), "how it ended")
        check(transfer["bytes"] in (None, len(CONTENT)), f"{transfer['bytes']} bytes of {len(CONTENT)}")
        check_equal(len(ask(lab.gateway.monitor, "transfers since=3600")), before + 1, "transfers of the last hour")


def bounce_is_explained(lab):
    with session(lab) as (client, _):
        number = opened(lab, client)
        client.command(b"PORT 203,0,113,99,0,25", "5")
        for subject in (number, client.address):
            def told(subject=subject):
                answer = ask(lab.gateway.monitor, f"why {subject}")
                return answer if any(line["kind"] == "refuse" for line in answer) else None
            answer = wait_until(told, "the refusal to be told")
            check(all(line["session"] == number for line in answer), "decisions of another session")
            check_equal((answer[0]["kind"], answer[-1]["kind"]), ("open", "verdict"), "the first and the last line")
            check("foreign-address" in answer[-1]["text"] and "client" in answer[-1]["text"] and answer[-1]["advice"], str(answer[-1]))
        check_equal(shown(lab, "sessions state=refused")[0]["refused"], "foreign-address", "why it was refused")
    status, = ask(lab.gateway.monitor, "status")
    check_equal((status["refused"]["reasons"]["foreign-address"], status["refused"]["last"]["reason"]), (1, "foreign-address"),
                "the refusal in the status")
    check_equal(ask(lab.gateway.monitor, "why 192.0.2.200")[0]["code"], "not-found", "the answer about nobody")


def sessions_are_filtered(lab):
    with session(lab) as (client, _), session(lab, 6) as (other, _):
        wait_until(lambda: len(ask(lab.gateway.monitor, "sessions user=anonymous")) == 2, "two sessions")
        for request, count in ((f"sessions {client.address}", 1), (f"sessions {other.address}", 1), ("sessions 0.0.0.0/0", 1),
                               ("sessions ::/0", 1), ("sessions user=nobody", 0), ("sessions state=idle", 2), ("sessions tls", 0),
                               ("sessions rule=policy", 2), ("sessions rule=other", 0), (f"sessions user=anonymous {client.address}", 1)):
            check_equal(len(ask(lab.gateway.monitor, request)), count, f"sessions for {request!r}")
        check_equal(len(ask(lab.gateway.monitor, '{"command":"sessions","filter":["user=anonymous"]}')), 2, "sessions, asked as JSON")


def reload_says_what_became_of_it(lab):
    gateway = lab.gateway
    with open(gateway.configuration, encoding="ascii") as file:
        text = file.read()
    before, = ask(gateway.monitor, "status")
    with open(gateway.configuration, "w", encoding="ascii") as file:
        file.write(text + "\n[policy]\nactive = perhaps\n")
    answer, = ask(gateway.control, "reload")
    check(answer["code"] == "failed" and "perhaps" in answer["error"], f"an invalid file: {answer}")
    status, = ask(gateway.monitor, "status")
    check(status["health"] == "degraded" and "perhaps" in status["config"]["error"], f"the status then: {status['problems']}")
    check_equal(status["config"]["read"], before["config"]["read"], "when the file was read that is in force")
    with open(gateway.configuration, "w", encoding="ascii") as file:
        file.write(text + "\n[policy]\nactive = no\n")
    answer, = ask(gateway.control, "reload")
    check(answer.get("done"), f"a valid file: {answer}")
    with session(lab) as (client, _):
        client.command(b"PORT " + client.address.replace(".", ",").encode() + b",195,80", "5")
    status, = ask(gateway.monitor, "status")
    check(status["health"] == "healthy" and status["config"]["read"] > before["config"]["read"], f"the status then: {status['config']}")


def events_are_reopened(lab):
    gateway = lab.gateway
    moved = gateway.events_path + ".1"
    os.rename(gateway.events_path, moved)
    answer, = ask(gateway.control, "reopen")
    check(answer.get("done"), f"reopen answered {answer}")
    with session(lab) as (client, _):
        opened(lab, client)
    os.rename(gateway.events_path, moved)
    os.mkdir(gateway.events_path)
    answer, = ask(gateway.control, "reopen")
    check(answer.get("code") == "failed" and "opened" in answer["error"], f"reopen of what is no file answered {answer}")
    os.rmdir(gateway.events_path)
    answer, = ask(gateway.control, "reopen")
    check(answer.get("done"), f"reopen answered {answer}")


def only_control_changes_anything(lab):
    for request in ("reload", "reopen", "kill 1"):
        check_equal(ask(lab.gateway.monitor, request)[0]["code"], "forbidden", f"the answer to {request!r}")
    for path, mode in ((lab.gateway.monitor, 0o666), (lab.gateway.control, 0o660)):
        check_equal(stat.S_IMODE(os.stat(path).st_mode), mode, f"the mode of {path}")
    if os.getuid() != 0 or os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("there is no other user to become")
    check_equal(ask_as("nobody", lab.gateway.monitor, "status")[0]["version"], 1, "what anybody is told")
    check_equal(ask_as("nobody", lab.gateway.control, "status"), None, "what nobody is told by the socket that acts")


def a_group_has_the_sockets():
    if os.getuid() != 0 or os.environ.get("FTPALG_LAB_UID", "0") != "0":
        raise Skip("there is no other user to become")
    with Lab(mode="snat", settings={"gateway": {"monitor-group": "nogroup", "control-group": "nogroup"}}) as lab:
        check_equal(stat.S_IMODE(os.stat(lab.gateway.monitor).st_mode), 0o660, "the mode of monitor")
        check_equal(ask_as("nobody", lab.gateway.control, "status")[0]["version"], 1, "what a member is told")
        check_equal(ask_as("daemon", lab.gateway.monitor, "status"), None, "what somebody else is told")


def garbage(asking):
    asking.send(os.urandom(3000).replace(b"\n", b"x") + b"\n")


def a_flood_without_an_end(asking):
    with contextlib.suppress(OSError):
        asking.send(b"y" * 100000)


def half_a_request(asking):
    asking.send(b"sess")


def nothing(_asking):
    pass


def never_reading(asking):
    asking.send(b"status\n" * 400)


def others_do_not_wait(lab, harm):
    """One who does harm at each socket, and who asks meanwhile; transfers too."""
    gateway = lab.gateway
    before = sockets(control_pid(lab))
    with contextlib.ExitStack() as stack:
        for path in (gateway.monitor, gateway.control):
            harm(stack.enter_context(Asking(path)))
        began = time.monotonic()
        for path in (gateway.monitor, gateway.control):
            check_equal(ask(path, "status")[0]["version"], 1, "the status")
        check_in_time(time.monotonic() - began, IMPATIENCE, "the status")
        with session(lab) as (client, _):
            check_equal(client.list_passive(), LISTING, "a listing meanwhile")
        # It is let go, even where it holds on.
        wait_until(lambda: sockets(control_pid(lab)) == before, "the client to be let go", 30 * SLOWNESS)


def thousand_connections(lab):
    gateway = lab.gateway
    pid = control_pid(lab)
    before = sockets(pid)
    with contextlib.ExitStack() as stack:
        for _ in range(FLOOD):
            stack.enter_context(Asking(gateway.monitor))
        began = time.monotonic()
        for path in (gateway.monitor, gateway.control):
            check_equal(ask(path, "status")[0]["version"], 1, "the status")
        check_in_time(time.monotonic() - began, IMPATIENCE, "the status")
        with session(lab) as (client, _):
            check_equal(client.list_passive(), LISTING, "a listing meanwhile")
    wait_until(lambda: sockets(pid) == before, "all to be let go", 30 * SLOWNESS)
    check_equal(control_pid(lab), pid, "the process that was asked")


def control_is_started_again(lab):
    gateway = lab.gateway
    with session(lab) as (client, _):
        number = opened(lab, client)
        pid = control_pid(lab)
        os.kill(pid, signal.SIGKILL)
        # Who asks now waits in the socket, which is still there.
        status, = ask(gateway.monitor, "status")
        check_equal(status["version"], 1, "the status of the next one")
        check(control_pid(lab) != pid, "the same process")
        check_equal(client.list_passive(), LISTING, "a listing")
        check_equal(shown(lab, f"sessions {client.address}")[0]["session"], number, "the session, met again")


def sockets_end_with_the_gateway(lab):
    gateway = lab.gateway
    gateway.stop()
    check(not os.path.exists(gateway.monitor) and not os.path.exists(gateway.control), "a socket is left")
    gateway.start()
    pids = children(gateway.process.pid)
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    gateway.process = None
    # One that is still about to end has the queue, too.
    wait_until(lambda: all(is_gone(pid) for pid in pids), "the end of all its processes")
    check(os.path.exists(gateway.monitor), "a killed gateway has removed its socket")
    gateway.start()
    check_equal(ask(gateway.monitor, "status")[0]["pid"], gateway.process.pid, "who answers")


def second_run_says_who_has_it(lab):
    other = Gateway(lab.router, lab.directory, "second", {"gateway": {"queue": "22", "control": lab.gateway.control}})
    done = lab.router.run([binary(), "run", "-c", other.configuration], check=False, timeout=60)
    check(done.returncode == 1 and f"process {lab.gateway.process.pid}: another gateway runs" in done.stdout + (done.stderr or ""),
          f"it ended with {done.returncode} and said {done.stdout!r} {done.stderr!r}")
    check(not os.path.exists(other.monitor), "it has left a socket")
    check_equal(ask(lab.gateway.monitor, "status")[0]["pid"], lab.gateway.process.pid, "who answers")


def worker_that_hangs_is_told(lab):
    gateway = lab.gateway
    worker, = titled(gateway.process.pid, "ftpalg-worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        def told():
            status, = ask(gateway.monitor, "status")
            return status if status["health"] == "degraded" and status["workers"][0]["hung_seconds"] >= 3 else None
        status = wait_until(told, "the status to say so", 20)
        check("has not moved for" in status["problems"][0]["what"] and status["problems"][0]["mend"], str(status["problems"]))
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_until(lambda: ask(gateway.monitor, "status")[0]["health"] == "healthy", "all to be well again")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: ask(gateway.monitor, "status")[0]["workers"][0]["restarts"] == 1, "a restart in the status")
    wait_until(lambda: ask(gateway.monitor, "status")[0]["health"] == "healthy", "the next worker")


def main():
    plan = Plan(__doc__)
    guarded = functools.partial(Lab, mode="snat")
    hostile = functools.partial(Lab, mode="snat")
    plan.add("the status says how the gateway stands", status_of_a_gateway_that_serves, fixture=guarded)
    plan.add("the commands that ask tell the same, and their exit status says how it went", commands_tell_the_same, fixture=guarded)
    for family in (4, 6):
        plan.add(f"a session and its pinhole are shown while they are there (IPv{family})", session_that_goes_on_is_shown, family,
                 fixture=guarded)
        plan.add(f"a transfer is told with its whole path, to who follows too (IPv{family})", transfer_with_its_whole_path, family,
                 fixture=guarded)
    plan.add("sessions are filtered", sessions_are_filtered, fixture=guarded)
    plan.add("why a bounce was refused is told by session and by client", bounce_is_explained, fixture=functools.partial(Lab, mode="snat"))
    plan.add("a reload says what became of it, and the status too", reload_says_what_became_of_it,
             fixture=functools.partial(Lab, mode="snat"))
    plan.add("a file of events that was moved away is opened again", events_are_reopened, fixture=guarded)
    plan.add("the socket that tells changes nothing, and not everybody may use the other one", only_control_changes_anything,
             fixture=guarded)
    plan.add("a group may have the sockets", a_group_has_the_sockets)
    for name, harm in (("garbage", garbage), ("what has no end", a_flood_without_an_end), ("half a request", half_a_request),
                       ("nothing", nothing), ("requests, and reads nothing,", never_reading)):
        plan.add(f"who says {name} costs nobody else anything", others_do_not_wait, harm, fixture=hostile)
    plan.add(f"{FLOOD} connections cost nobody else anything", thousand_connections, fixture=hostile)
    plan.add("a control that was killed is started again, behind the same sockets", control_is_started_again, fixture=guarded)
    plan.add("a second gateway says who has the socket", second_run_says_who_has_it, fixture=guarded)
    plan.add("a worker that hangs, or was started again, is told", worker_that_hangs_is_told,
             fixture=functools.partial(Lab, mode="snat", settings={"gateway": {"watchdog": "60"}}))
    plan.add("sockets end with their gateway, and those of the dead are replaced", sockets_end_with_the_gateway, fixture=guarded)
    plan.run()


if __name__ == "__main__":
    main()
