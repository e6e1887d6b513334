# SPDX-License-Identifier: GPL-3.0-or-later
"""
Clients that only test_interop.py uses. Each does in one visit what it can of: upload, download, list, rest, append,
rename, empty, missing (a transfer after one that failed), abort (one after ABOR), and files with odd names. What came
of it is read from the files on both sides, never from what a client says of itself.
"""

import dataclasses
import ftplib
import os
import shutil
import socket
import urllib.parse

from process import SLOWNESS
from servers import unpacked
from tap import Skip

SECONDS = 25 * SLOWNESS
PASSWORD = "secret"
# What other hosts do to a name: erase by it, take it for an option, for Telnet's commands, for an endpoint.
NAMES = (b"two  spaces", b"-dash", b"del-\x7f-x", b"bs-\x08-x", b"\xef\xf0\xe8\xe2\xe5\xf2-\xff\xf7.txt",
         b"gr\xc3\xbc\xc3\x9fe",
         b"227 Entering Passive Mode (10,7,1,2,4,5)", b"PORT 10,7,1,2,4,5", b"quote'\"s", b"a%20b")


@dataclasses.dataclass
class Visit:
    """
    Whom to visit, and how. source: files of the client. directory: where it puts what it fetched. aborts: not
    where a server is known to leave one of the replies out that clients wait for.
    """

    namespace: object
    address: str
    passive: bool
    user: str
    source: str
    directory: str
    aborts: bool

    @property
    def host(self):
        return f"[{self.address}]" if ":" in self.address else self.address

    def url(self, path=""):
        return f"ftp://{self.user}:{PASSWORD}@{self.host}/{urllib.parse.quote(path)}"

    def local(self, name):
        return os.path.join(self.directory, name)

    def own(self, name):
        return os.path.join(self.source, name)

    def begin(self, name):
        """The first half of a download that is to be continued, under this name."""
        with open(self.own("big"), "rb") as file, open(self.local(name), "wb") as half:
            half.write(file.read(os.path.getsize(self.own("big")) // 2))
        return self.local(name)

    def run(self, *command, text=None, output=None):
        """Runs a program; its failures show in the files. output: the file for what it writes."""
        if text is not None:
            with open(self.local("script"), "w", encoding="utf-8") as script:
                script.write(text)
        with open(self.local("script") if text is not None else os.devnull, "rb") as stdin:
            result = self.namespace.run(["env", f"HOME={self.directory}", *command], check=False, stdin=stdin,
                                        timeout=3 * SECONDS, cwd=self.directory)
        if output:
            with open(self.local(output), "w", encoding="utf-8") as file:
                file.write(result.stdout)


def unpacked_program(package, path):
    """The words that start a program of a package that is not installed."""
    directory = unpacked(package)
    return ["env", f"LD_LIBRARY_PATH={os.path.join(directory, 'lib')}", os.path.join(directory, "root", path)]


def installed(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")
    return program


class Client(ftplib.FTP):
    """Sends names as the bytes that they are."""

    def __init__(self, host):
        super().__init__(timeout=SECONDS, encoding="latin-1")
        self.trust_server_pasv_ipv4_address = True
        self.connect(host)


class BareClient(Client):
    """Ends its commands with LF alone, as scripts do."""

    def putline(self, line):
        self.sock.sendall(line.encode(self.encoding) + b"\n")


class SlowTypist(Client):
    """One segment for each byte."""

    def putline(self, line):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in line.encode(self.encoding) + b"\r\n":
            self.sock.sendall(bytes([byte]))


class JavaLike(Client):
    """Java's sun.net.ftp: EPSV ALL before anything else, then EPSV, and PASV where that was refused."""

    def makepasv(self):
        try:
            self.voidcmd("EPSV ALL")
            return self.host, ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())[1]
        except ftplib.error_perm:
            return super().makepasv()

    def sendport(self, host, port):
        try:
            self.voidcmd("EPSV ALL")
            return super().sendeprt(host, port)
        except ftplib.error_perm:
            return super().sendport(host, port)


def fetch(client, remote, path, rest=None):
    with open(path, "ab" if rest else "wb") as file:
        client.retrbinary(f"RETR {remote}", file.write, rest=rest)


def store(client, path, remote, verb="STOR"):
    with open(path, "rb") as file:
        client.storbinary(f"{verb} {remote}", file)


def list_directory(client, path):
    with open(path, "w", encoding="latin-1") as file:
        client.retrlines("LIST pub", lambda line: file.write(f"{line}\n"))


def abort(client, visit):
    connection = client.transfercmd("RETR pub/huge")
    connection.recv(65536)
    client.putline("ABOR")
    connection.close()
    # Servers answer ABOR once or twice, with many codes; nothing but NOOP is answered 200 here.
    client.putline("NOOP")
    while not client.getmultiline().startswith("200"):
        pass
    client.voidcmd("TYPE I")
    fetch(client, "pub/small", visit.local("abort"))


def with_ftplib(kind):
    def run(visit):
        with visit.namespace.entered(), kind(visit.address) as client:
            client.login(visit.user, PASSWORD)
            client.set_pasv(visit.passive)
            half = os.path.getsize(visit.own("big")) // 2
            steps = [
                lambda: store(client, visit.own("big"), "pub/up/upload"),
                lambda: fetch(client, "pub/big", visit.local("download")),
                lambda: list_directory(client, visit.local("list")),
                lambda: fetch(client, "pub/big", visit.begin("rest"), half),
                lambda: [store(client, visit.own("small"), "pub/up/append", "APPE") for _ in range(2)],
                lambda: [store(client, visit.own("small"), "pub/up/old"), client.rename("pub/up/old", "pub/up/rename")],
                lambda: fetch(client, "pub/empty", visit.local("empty")),
                lambda: store(client, visit.own("empty"), "pub/up/empty"),
                lambda: fetch(client, "pub/none", visit.local("none")),
                lambda: fetch(client, "pub/small", visit.local("missing")),
            ]
            for number, name in enumerate(NAMES):
                text = name.decode("latin-1")
                steps.append(lambda text=text, number=number: [
                    store(client, visit.own("small"), f"pub/up/{text}"),
                    fetch(client, f"pub/names/{text}", visit.local(f"name-{number}"))])
            for step in [*steps, *([lambda: abort(client, visit)] if visit.aborts else [])]:
                try:
                    step()
                except ftplib.Error:
                    pass  # a refusal; the file that is not there tells
    return run


PERL_FTP = r"""
use strict; use Net::FTP;
my ($host, $user, $password, $passive, $source, $here, $seconds, $aborts, @names) = @ARGV;
my $ftp = Net::FTP->new($host, Passive => $passive, Timeout => $seconds) or die $@;
$ftp->login($user, $password) or die $ftp->message;
$ftp->binary;
my $half = (-s "$source/big") / 2;
my @steps = (
	sub { $ftp->put("$source/big", "pub/up/upload") },
	sub { $ftp->get("pub/big", "$here/download") },
	sub { open(my $file, ">", "$here/list"); print $file "$_\n" for $ftp->dir("pub") },
	sub { $ftp->get("pub/big", "$here/rest", $half) },
	sub { $ftp->append("$source/small", "pub/up/append") for 1, 2 },
	sub { $ftp->put("$source/small", "pub/up/old"); $ftp->rename("pub/up/old", "pub/up/rename") },
	sub { $ftp->get("pub/empty", "$here/empty"); $ftp->put("$source/empty", "pub/up/empty") },
	sub { $ftp->get("pub/none", "$here/none"); $ftp->get("pub/small", "$here/missing") },
);
for my $number (0 .. $#names) {
	my $name = pack("H*", $names[$number]);
	push @steps, sub { $ftp->put("$source/small", "pub/up/$name"); $ftp->get("pub/names/$name", "$here/name-$number") };
}
push @steps, sub {
	my $data = $ftp->retr("pub/huge") or return;
	$data->read(my $some, 65536);
	$data->abort;
	$ftp->get("pub/small", "$here/abort");
} if $aborts;
eval { $_->() } for @steps;
$ftp->quit;
"""

LWP = r"""
use strict; use LWP::UserAgent; use HTTP::Request;
my ($url, $source, $here, $seconds) = @ARGV;
my $agent = LWP::UserAgent->new(timeout => $seconds, keep_alive => 1);
open(my $file, "<:raw", "$source/big"); my $content = do { local $/; <$file> };
$agent->request(HTTP::Request->new(PUT => "${url}pub/up/upload", undef, $content));
my @wanted = (["pub/big", "download"], ["pub/", "list"], ["pub/empty", "empty"],
	["pub/none", "none"], ["pub/small", "missing"]);
$agent->get($url . $_->[0], ":content_file" => "$here/$_->[1]") for @wanted;
"""


def run_net_ftp(visit):
    visit.begin("rest")
    visit.run(installed("perl"), "-e", PERL_FTP, visit.address, visit.user, PASSWORD, int(visit.passive), visit.source,
              visit.directory, f"{SECONDS:g}", int(visit.aborts), *[name.hex() for name in NAMES])


def run_lwp(visit):
    root = os.path.join(unpacked("libwww-perl"), "root/usr")
    paths = [f"{root}/share/perl5", *(entry.path for entry in os.scandir(f"{root}/lib") if entry.is_dir())]
    paths += [os.path.join(path, "perl5", version) for path in paths[1:] if os.path.isdir(f"{path}/perl5")
              for version in os.listdir(f"{path}/perl5")]
    visit.run("env", f"PERL5LIB={':'.join(paths)}", f"FTP_PASSIVE={int(visit.passive)}", installed("perl"), "-e", LWP,
              visit.url(), visit.source, visit.directory, f"{SECONDS:g}")


def run_wget(visit):
    wget = [installed("wget"), "--no-config", "-q", "-t1", f"-T{SECONDS:g}", "--no-glob",
            *([] if visit.passive else ["--no-passive-ftp"])]
    visit.run(*wget, "-O", visit.local("download"), visit.url("pub/big"))
    visit.run(*wget, "-O", visit.local("list"), visit.url("pub/"))
    visit.run(*wget, "-c", "-O", visit.begin("rest"), visit.url("pub/big"))
    visit.run(*wget, "-O", visit.local("empty"), visit.url("pub/empty"))
    visit.run(*wget, visit.url("pub/none"), visit.url("pub/small"))
    if os.path.exists(visit.local("small")):
        os.rename(visit.local("small"), visit.local("missing"))
    for number, name in enumerate(NAMES):
        visit.run(*wget, "-O", visit.local(f"name-{number}"), visit.url(b"pub/names/" + name))


def run_curl(visit):
    curl = [installed("curl"), "--disable", "-sS", "--globoff", "--max-time", f"{SECONDS:g}", "--no-ftp-skip-pasv-ip",
            "--ftp-method", "nocwd", *([] if visit.passive else ["--ftp-port", "-"])]
    visit.run(*curl, "-T", visit.own("big"), visit.url("pub/up/upload"), "--next", *curl[1:],
              "-o", visit.local("download"), visit.url("pub/big"))
    visit.run(*curl, "-o", visit.local("list"), visit.url("pub/"))
    visit.run(*curl, "-C", "-", "-o", visit.begin("rest"), visit.url("pub/big"))
    for _ in range(2):
        visit.run(*curl, "--append", "-T", visit.own("small"), visit.url("pub/up/append"))
    visit.run(*curl, "-T", visit.own("small"), "-Q", "-RNFR pub/up/old", "-Q", "-RNTO pub/up/rename",
              visit.url("pub/up/old"))
    visit.run(*curl, "-T", visit.own("empty"), visit.url("pub/up/empty"), "--next", *curl[1:],
              "-o", visit.local("empty"), visit.url("pub/empty"))
    visit.run(*curl, "-o", visit.local("none"), visit.url("pub/none"), "-o", visit.local("missing"),
              visit.url("pub/small"))
    for number, name in enumerate(NAMES):
        visit.run(*curl, "-T", visit.own("small"), visit.url(b"pub/up/" + name), "--next", *curl[1:],
                  "-o", visit.local(f"name-{number}"), visit.url(b"pub/names/" + name))


def run_lftp(visit):
    visit.begin("rest")
    visit.run(installed("lftp"), "--norc", "-c", f"""
set net:max-retries 1; set net:timeout {SECONDS:g}; set net:persist-retries 0; set ftp:ssl-allow no
set xfer:clobber yes
set ftp:passive-mode {'yes' if visit.passive else 'no'}; set ftp:fix-pasv-address no
open -u {visit.user},{PASSWORD} ftp://{visit.host}
put {visit.own('big')} -o pub/up/upload
get pub/big -o {visit.local('download')}
ls pub > {visit.local('list')}
get -c pub/big -o {visit.local('rest')}
put {visit.own('small')} -o pub/up/old
mv pub/up/old pub/up/rename
get pub/empty -o {visit.local('empty')}
put {visit.own('empty')} -o pub/up/empty
get pub/none -o {visit.local('none')}
get pub/small -o {visit.local('missing')}
""")


def with_commands(start, extra=""):
    """The family of BSD's ftp: one script for all."""
    def run(visit):
        visit.begin("rest")
        visit.run(*start(visit), text=f"""{extra}user {visit.user} {PASSWORD}
binary
put {visit.own('big')} pub/up/upload
get pub/big {visit.local('download')}
dir pub {visit.local('list')}
reget pub/big {visit.local('rest')}
append {visit.own('small')} pub/up/append
append {visit.own('small')} pub/up/append
put {visit.own('small')} pub/up/old
rename pub/up/old pub/up/rename
get pub/empty {visit.local('empty')}
put {visit.own('empty')} pub/up/empty
get pub/none {visit.local('none')}
get pub/small {visit.local('missing')}
quit
""")
    return run


def tnftp(visit):
    return [installed("tnftp"), "-n", "-v", "-i", "-p" if visit.passive else "-A", visit.address]


def inetutils_ftp(visit):
    return [*unpacked_program("inetutils-ftp", "usr/bin/inetutils-ftp"), "-n", "-v", "-i",
            "-p" if visit.passive else "-A", visit.address]


def netkit_ftp(visit):
    return [*unpacked_program("ftp-ssl", "usr/bin/ftp-ssl"), "-n", "-v", "-i", "-z", "nossl",
            *(["-p"] if visit.passive else []), visit.address]


def run_ncftp(visit):
    def ncftp(program, *words, output=None):
        start = unpacked_program("ncftp", f"usr/bin/{program}")
        visit.run(*start, "-F" if visit.passive else "-E", "-u", visit.user, "-p", PASSWORD, "-t", f"{SECONDS:.0f}",
                  "-r", "1", *words, output=output)
    ncftp("ncftpput", "-C", visit.address, visit.own("big"), "pub/up/upload")
    ncftp("ncftpget", "-C", visit.address, "pub/big", visit.local("download"))
    ncftp("ncftpls", "-l", f"ftp://{visit.address}/pub/", output="list")
    for _ in range(2):
        ncftp("ncftpput", "-A", "-C", visit.address, visit.own("small"), "pub/up/append")
    ncftp("ncftpput", "-C", visit.address, visit.own("empty"), "pub/up/empty")
    ncftp("ncftpget", "-C", visit.address, "pub/empty", visit.local("empty"))


def run_busybox(visit):
    login = ["-u", visit.user, "-p", PASSWORD, visit.address]
    visit.run(installed("busybox"), "ftpput", *login, "pub/up/upload", visit.own("big"))
    visit.run("busybox", "ftpget", *login, visit.local("download"), "pub/big")
    visit.run("busybox", "ftpget", "-c", *login, visit.begin("rest"), "pub/big")
    visit.run("busybox", "ftpget", *login, visit.local("empty"), "pub/empty")
    visit.run("busybox", "ftpput", *login, "pub/up/empty", visit.own("empty"))


BOTH, PASSIVE = (True, False), (True,)
# Each with the modes and families that it has.
CLIENTS = {
    "Net::FTP": (run_net_ftp, BOTH, (4, 6)),
    "LWP": (run_lwp, BOTH, (4,)),
    "ftplib": (with_ftplib(Client), BOTH, (4, 6)),
    "ftplib with bare LF": (with_ftplib(BareClient), BOTH, (4, 6)),
    "ftplib byte by byte": (with_ftplib(SlowTypist), BOTH, (4, 6)),
    "ftplib with EPSV ALL": (with_ftplib(JavaLike), BOTH, (4, 6)),
    "wget": (run_wget, BOTH, (4, 6)),
    "curl": (run_curl, BOTH, (4, 6)),
    "lftp": (run_lftp, BOTH, (4, 6)),
    "tnftp": (with_commands(tnftp), BOTH, (4, 6)),
    "inetutils-ftp": (with_commands(inetutils_ftp), BOTH, (4, 6)),
    "netkit-ftp": (with_commands(netkit_ftp), BOTH, (4,)),
    "ncftp": (run_ncftp, BOTH, (4,)),
    "busybox": (run_busybox, PASSIVE, (4, 6)),
}
