#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""
The commands that ask the gateway which runs, against one that is not there, and against answers that no gateway would give:
what people and scripts get of them, and that no command waits for ever.

$BUILD is the build that is asked (build).
"""

import contextlib
import grp
import json
import os
import pathlib
import pty
import pwd
import re
import signal
import subprocess
import sys
import textwrap
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))
sys.path.insert(0, str(TOP / "tests/make"))

import fake_control as fake
from statements import Skip, check, run_statements

PROGRAM = TOP / os.environ.get("BUILD", "build") / "ftpalg"
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
READING = ("status", "sessions", "pinholes", "transfers", "why 10.0.0.5", "metrics")
ACTING = ("reload", "reopen", "kill 69297a8f2c08")


class Scene:
    """A directory with a fake gateway's sockets."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "socket"

    def run(self, words, answer=fake.gateway, status=None, **options):
        """Runs a command against a fake that answers so, and returns (exit status, standard output, standard error)."""
        gateway = fake.Fake(self.socket, answer) if answer else None
        try:
            done = subprocess.run([PROGRAM, *words.split(" "), "--socket", self.socket], capture_output=True, check=False,
                                  timeout=30, env={**ENVIRONMENT, **options})
        finally:
            if gateway:
                gateway.close()
        self.requests = gateway.requests if gateway else []
        output, errors = done.stdout.decode("utf-8", "backslashreplace"), done.stderr.decode("utf-8", "backslashreplace")
        check(status is None or done.returncode == status, f"{words}: {done.returncode}\n{output}{errors}")
        check("ERROR: AddressSanitizer" not in errors and "runtime error" not in errors, errors)
        return done.returncode, output, errors


def control_characters(text):
    return re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


class Answers(Scene):
    def tables(self):
        for words in (*READING, *ACTING):
            _, output, errors = self.run(words, status=0)
            check(output and not errors, f"{words}: {output}{errors}")
            check(self.requests == [words.split(" ")], f"{words} has asked {self.requests}")
        check("RETR /pub/images/big.iso" in self.run("sessions")[1], "a cell is cut where no terminal is")

    def nothing(self):
        for words, said in (("sessions", "0 sessions, 0 transfers.\n"), ("pinholes", "0 pinholes wait for a data connection.\n"),
                            ("transfers", "No transfer is remembered.\n"), ("transfers --xferlog", ""), ("sessions --json", ""),
                            ("transfers --since 5m", "No transfer of that time is remembered.\n")):
            _, output, errors = self.run(words, answer=lambda *_: "\n", status=0)
            check(output == said and not errors, f"{words}: {output}{errors}")

    def what_is_asked(self):
        for words, asked in (("sessions 10.0.0.0/8 user=anna tls", "sessions 10.0.0.0/8 user=anna tls"),
                             ("transfers --since 2h", "transfers since=7200"),
                             ("transfers --since 90 --xferlog", "transfers since=90")):
            self.run(words, status=0)
            check(self.requests == [asked.split(" ")], f"{words} has asked {self.requests}")
        for words in ("transfers --since 1x", "transfers --since", "transfers -f 3", "why", "why 10.0.0.1 10.0.0.2", "kill",
                      "status --nonsense", "pinholes 3", "metrics --json"):
            self.run(words, status=2)
            check(self.requests == [], f"{words} has asked {self.requests}")
        self.run("sessions user=a\nkill", status=1)
        check(self.requests == [], f"a line end has gone out: {self.requests}")

    def json_as_it_is(self):
        for words, wanted in (("sessions", fake.sessions()), ("status", [fake.status()]), ("transfers", fake.transfers())):
            told = fake.lines(wanted)
            _, output, _ = self.run(f"{words} --json", answer=lambda _words, _connection, told=told: told, status=0)
            check(output + "\n" == told, f"{words}: not\n{told}\nbut\n{output}")

    def json_without_control(self):
        user = "\x7f\u009b31m\u202e\u200b\U000e0041"
        hostile = f'{{"session":"a","user":"{user}"}}\n\n'
        _, output, _ = self.run("sessions --json", answer=lambda *_: hostile, status=0)
        check(not control_characters(output), repr(output))
        check(json.loads(output)["user"] == user and output.isascii(), output)

    def healths(self):
        self.run("status -q", status=0)
        code, output, _ = self.run("status -q", answer=lambda *_: fake.lines([fake.status(**fake.DEGRADED)]))
        check((code, output) == (1, "DEGRADED: IPv6 control connections pass uninspected\n"), output)
        for words in ("status", "status --json"):
            self.run(words, answer=lambda *_: fake.lines([fake.status(**fake.DEGRADED)]), status=1)
        code, output, _ = self.run("status -q")
        check(output == "", f"healthy, and it says {output}")

    def hung(self):
        hung = {**fake.status()["workers"][0], "hung_seconds": 7, "waiting": 412}
        _, output, _ = self.run("status", answer=lambda *_: fake.lines([fake.status(workers=[hung], health="degraded")]), status=1)
        check("queue 21   has not moved for 7 s (watchdog kills it at 10 s); 412 packets wait" in output, output)

    def errors(self):
        refuse = fake.lines([{"error": "only the control socket takes\x1b[2J that", "code": "forbidden"}])
        code, output, errors = self.run("reload", answer=lambda *_: refuse)
        check((code, output) == (1, ""), output)
        check(errors == "ftpalg: error: only the control socket takes\\x1b[2J that\n", repr(errors))
        self.run("kill a", answer=lambda *_: fake.lines([{"done": False}]), status=1)


class Absent(Scene):
    def sentence(self):
        for state, words in (("closed", "stand still (absent = closed)"), ("open", "pass uninspected (absent = open)")):
            config = self.directory / "ftpalg.conf"
            config.write_text(f"[gateway]\nabsent = {state}\nmonitor = {self.socket}\ncontrol = {self.socket}\n")
            for command in (*READING, *ACTING):
                done = subprocess.run([PROGRAM, *command.split(" "), "-c", config], capture_output=True, text=True, check=False,
                                      env=ENVIRONMENT)
                check(done.returncode == 1 and done.stdout == "", done.stdout)
                check(done.stderr == f"ftpalg: error: ftpalg is not running (no answer on {self.socket}); control connections "
                                     f"{words}\n", done.stderr)

    def socket_left_behind(self):
        gateway = fake.Fake(self.socket, fake.gateway)
        os.rename(self.socket, self.directory / "kept")
        gateway.close()
        os.rename(self.directory / "kept", self.socket)
        check("is not running" in self.run("status", answer=None, status=1)[2], "a socket without a program")
        self.socket.unlink()

    def configuration_names_it(self):
        config = self.directory / "ftpalg.conf"
        config.write_text(f"[gateway]\nmonitor = {self.directory}/elsewhere\ncontrol = none\n")
        elsewhere = Scene(self.directory)
        elsewhere.socket = self.directory / "elsewhere"
        gateway = fake.Fake(elsewhere.socket, fake.gateway)
        with contextlib.closing(gateway):
            done = subprocess.run([PROGRAM, "pinholes", "-c", config], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            check(done.returncode == 0 and "198.51.100.1:50069" in done.stdout, done.stdout + done.stderr)
            done = subprocess.run([PROGRAM, "reload", "-c", config], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            check(done.returncode == 1 and "control = none" in done.stderr, done.stderr)
            # A gateway goes on with what was good before.
            config.write_text(config.read_text() + "nonsense = 3\n")
            done = subprocess.run([PROGRAM, "pinholes", "-c", config], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            check(done.returncode == 0, done.stderr)
        done = subprocess.run([PROGRAM, "pinholes", "-c", "/nonexistent/file"], capture_output=True, text=True, check=False,
                              env=ENVIRONMENT)
        check(done.returncode == 1 and "/nonexistent/file" in done.stderr, done.stderr)

    def forbidden(self):
        if os.geteuid() != 0:
            raise Skip("only root can become somebody who may not")
        nobody = pwd.getpwnam("nobody")
        group = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid not in (0, nobody.pw_gid))
        self.directory.chmod(0o755)

        def ask():
            return subprocess.run([PROGRAM, "status", "--socket", self.socket], capture_output=True, text=True, check=False,
                                  env=ENVIRONMENT, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]).stderr
        gateway = fake.Fake(self.socket, fake.gateway)
        with contextlib.closing(gateway):
            os.chown(self.socket, 0, grp.getgrnam(group).gr_gid)
            self.socket.chmod(0o660)
            check(f"the user nobody may not use it; root may, and who is in the group {group}: usermod -aG {group} nobody" in ask(),
                  ask())
            self.socket.chmod(0o600)
            check(ask() == f"ftpalg: error: {self.socket}: the user nobody may not use it; root may\n", ask())
            self.socket.chmod(0o666)
            self.directory.chmod(0o700)
            check(ask() == f"ftpalg: error: {self.directory}: the user nobody may not use it; root may\n", ask())
            self.directory.chmod(0o755)
            check(ask() == "", "everybody may")


class Hostile(Scene):
    """Whatever listens there."""

    def fails(self, words, answer, said):
        begun = time.monotonic()
        code, output, errors = self.run(words, answer=answer)
        check(code == 1 and said in errors, f"{words}: {code}\n{output[:1000]}\n{errors[:1000]}")
        check(not control_characters(output + errors.replace("\n", "")), repr(output + errors)[:1000])
        return time.monotonic() - begun

    def cut_off(self):
        for answer in (None, "", '{"session"', fake.lines(fake.sessions())[:-1]):
            self.fails("sessions", lambda words, connection, answer=answer: self.say_and_leave(connection, answer), "ended in the middle")

    @staticmethod
    def say_and_leave(connection, answer):
        connection.sendall((answer or "").encode())
        connection.shutdown(2)

    def garbage(self):
        for answer in (b"\x1b[2J\x1b[31mgarbage\n\n", b"\xff\xfe\x00\x01\n\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[1,2]\n\n", b"3\n\n",
                       b'{"session":"\xff"}\n\n', b'{"a":1,}\n\n', b"[" * 100000 + b"\n\n", b'{"a":' * 100000 + b"\n\n"):
            self.fails("sessions", lambda *_, answer=answer: answer, "no JSON object")

    def huge(self):
        def endless(_words, connection):
            for _ in range(8):
                connection.sendall(b"x" * 1000000)
            connection.recv(1)
        self.fails("sessions", endless, "too long")
        many = fake.lines([fake.session(number, "10.0.0.5", "203.0.113.9", "a", "idle") for number in range(20000)])
        _, output, _ = self.run("sessions", answer=lambda *_: many, status=0)
        check("20000 sessions" in output, output[-200:])

    def silent(self):
        def never(_words, connection):
            connection.recv(1)
        took = self.fails("status", never, "has not answered on")
        check(4 < took < 15, f"it took {took:.1f} s")

    def strange_members(self):
        strange = {"session": "\x1b]0;title\x07", "user": ["a"], "state": 5, "bytes": -1, "total": 1e308, "opened": "yesterday",
                   "client_ip": None, "rate": "fast"}
        for words in ("sessions", "sessions -v", "pinholes", "transfers", "why a", "transfers --xferlog"):
            _, output, _ = self.run(words, answer=lambda *_: fake.lines([strange, {}, strange]), status=0)
            check(not control_characters(output), repr(output))
        self.run("status", answer=lambda *_: fake.lines([{}]), status=1)


def on_terminal(arguments, environment, columns=80):
    """What a command writes to a terminal of so many columns."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(PROGRAM, [str(PROGRAM), *arguments], {**environment, "TERM": "xterm"})
    import fcntl, struct, termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    output = b""
    with contextlib.suppress(OSError):
        while block := os.read(terminal, 4096):
            output += block
    os.waitpid(child, 0)
    os.close(terminal)
    return output.decode()


class Terminal(Scene):
    def colours(self):
        def answer(words, connection):
            time.sleep(0.2) # the size of the terminal is set meanwhile
            return fake.gateway(words, connection)
        with contextlib.closing(fake.Fake(self.socket, answer)):
            arguments = ["sessions", "--socket", str(self.socket)]
            check("\x1b[" in on_terminal(arguments, ENVIRONMENT), "no colours on a terminal")
            check("\x1b[" not in on_terminal(arguments, {**ENVIRONMENT, "NO_COLOR": "1"}), "NO_COLOR")
        check("\x1b[" not in self.run("sessions")[1], "colours in a file")
        check("m\\xc3\\xbcller" in self.run("sessions", LC_ALL="C")[1], "UTF-8 where the locale has none")


class Completion(Scene):
    """The sockets are the configuration's, so there is one, which is the default where nobody else has any."""

    def candidates(self, *words):
        done = subprocess.run([PROGRAM, "help", "--completion", *words], capture_output=True, text=True, check=False, timeout=10,
                              env=ENVIRONMENT)
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    def sessions(self):
        monitor = pathlib.Path("/run/ftpalg/monitor")
        if os.geteuid() != 0 or pathlib.Path("/run/ftpalg").exists() or pathlib.Path("/etc/ftpalg/ftpalg.conf").exists():
            raise Skip("the default socket is not ours to make")
        check(self.candidates("kill", "") == [], "sessions without a gateway")
        monitor.parent.mkdir()
        try:
            with contextlib.closing(fake.Fake(monitor, fake.gateway)):
                check(self.candidates("kill", "") == [item["session"] for item in fake.sessions()], self.candidates("kill", ""))
                check("10.0.0.23" in self.candidates("why", ""), self.candidates("why", ""))
        finally:
            monitor.parent.rmdir()


class Streams(Scene):
    """Standard streams that are full, or closed by whoever starts the command."""

    def shell(self, words, streams):
        with contextlib.closing(fake.Fake(self.socket, fake.gateway)) as gateway:
            done = subprocess.run(["sh", "-c", f'exec "$0" "$@" {streams}', PROGRAM, *words.split(" ")], capture_output=True,
                                  text=True, timeout=30, env=ENVIRONMENT, check=False)
        return done.returncode, done.stdout, done.stderr, gateway.requests

    def full(self):
        asking = [f"{words} --socket {self.socket}" for words in (*READING, *ACTING)]
        for words in (*asking, "version", "help", "--version", "rules nft", "explain PASV", "explain --json PASV", "check"):
            code, _, errors, _ = self.shell(words, ">/dev/full")
            check(code == 1 and "standard output" in errors, f"{words}: {code} {errors}")
            code, _, errors, _ = self.shell(words, ">&-")
            check(code == 1 and "standard output" in errors, f"{words} with none: {code} {errors}")

    def closed(self):
        for streams in ("<&- >&- 2>&-", "<&- >&-", ">&-", "<&- 2>&-", "2>&-"):
            for words in READING:
                *_, requests = self.shell(f"{words} --socket {self.socket}", streams)
                check(requests == [words.split(" ")], f"{words} {streams}: the gateway has been told {requests}")


class Follow(Scene):
    def follows(self):
        def answer(_words, connection):
            connection.sendall("".join(json.dumps(item) + "\n" for item in fake.transfers()[:2]).encode())
            time.sleep(0.6)
            connection.sendall((json.dumps(fake.transfers()[2]) + "\n").encode())
            connection.recv(1)
        with contextlib.closing(fake.Fake(self.socket, answer)):
            with subprocess.Popen([PROGRAM, "transfers", "-f", "--socket", self.socket], stdout=subprocess.PIPE, text=True,
                                  env=ENVIRONMENT) as process:
                rows = [process.stdout.readline() for _ in range(4)]
                check(process.poll() is None, "it has ended")
                process.send_signal(signal.SIGTERM)
        check(rows[0].startswith("TIME ") and "complete 226" in rows[1] and "filtered-here 425" in rows[3], "".join(rows))

    def reader_leaves(self):
        def answer(_words, connection):
            for _ in range(100000):
                connection.sendall((json.dumps(fake.transfers()[0]) + "\n").encode())
            connection.recv(1)
        with contextlib.closing(fake.Fake(self.socket, answer)):
            done = subprocess.run(f"{PROGRAM} transfers -f --json --socket {self.socket} | head -3", shell=True, capture_output=True,
                                  text=True, timeout=20, env=ENVIRONMENT, check=False)
        check(len(done.stdout.splitlines()) == 3 and not done.stderr, done.stdout + done.stderr)


def statements(directory):
    answers, absent, hostile = Answers(directory), Absent(directory), Hostile(directory)
    yield "every command asks its word, and shows what it is told", answers.tables
    yield "where there is nothing, they say so", answers.nothing
    yield "filters and times are passed on, and what makes no sense is refused before anybody is asked", answers.what_is_asked
    yield "--json is the gateway's lines as they are", answers.json_as_it_is
    yield "and is still JSON where it would speak to a terminal", answers.json_without_control
    yield "status exits 0 where FTP works, and 1 where it does not, and -q says only the latter", answers.healths
    yield "a worker that hangs is told with what becomes of it", answers.hung
    yield "what the gateway refuses is its sentence, escaped", answers.errors
    yield "without a gateway, all say so, and what control connections do", absent.sentence
    yield "so does a socket that was left behind", absent.socket_left_behind
    yield "the configuration names the sockets, even one that is wrong by now", absent.configuration_names_it
    yield "who may not is told who may", absent.forbidden
    yield "an answer that is cut off is told to be", hostile.cut_off
    yield "garbage is told to be no gateway's", hostile.garbage
    yield "an endless line ends, and 20,000 sessions are shown", hostile.huge
    yield "silence ends after five seconds", hostile.silent
    yield "members of other types break nothing", hostile.strange_members
    yield "colour is for terminals, and UTF-8 for those that have it", Terminal(directory).colours
    yield "sessions of the gateway that runs are completed", Completion(directory).sessions
    streams = Streams(directory)
    yield "a238: what can't be written is told, whatever the command", streams.full
    yield "a238: where a standard stream is closed, nothing is written to the gateway instead", streams.closed
    follow = Follow(directory)
    yield "transfers -f shows each transfer when it ends", follow.follows
    yield "and ends when its reader leaves", follow.reader_leaves


if __name__ == "__main__":
    sys.exit(run_statements(textwrap.dedent(__doc__), statements))
