# SPDX-License-Identifier: Apache-2.0
"""The command lines of tools/compare and tools/scale."""
import argparse

from . import machine
from .programs import Programs
from .servers import KNOWN, Other, Setting, known

COMPARE_HELP = """\
Compares ringcast on io_uring with ringcast on epoll, with the bare send() loop of the same minute, and with other
servers. Every round every server does every work, each time as a new process; the table has medians with their spread
and says which differences are noise.

Another server: --with NAME, one of those in tools/comparison/others, which get what they need with
tools/comparison/others/NAME --install. Or any: --with 'NAME=COMMAND'. COMMAND is split as a shell would, and run
directly in the foreground; it and the processes that it starts are measured. It is given its port in the environment as
PORT and wherever {port} stands, and how many connections will come as CONNECTIONS, listens on 127.0.0.1 within 20
seconds, serves what the ringload preset of --with-preset asks for, and ends on SIGTERM (a script ends with exec).
Limits of what may wait for a connection have to be wide enough for the saturating works. The --with-… options belong to
the --with before them.
"""


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return value


def numbers(text):
    return tuple(positive(part) for part in text.split(","))


def depths(text):
    values = numbers(text)
    if max(values) > 4096:
        raise argparse.ArgumentTypeError("at most 4096 messages under way of each publisher")
    return values


class AddOther(argparse.Action):
    def __call__(self, parser, namespace, value, option_string=None):
        name, found, command = value.partition("=")
        if not found and name in KNOWN:
            other = known(name)
        elif found and name and command.strip():
            other = Other(name, command)
        else:
            parser.error(f"{option_string} is one of {', '.join(KNOWN)}, or NAME=COMMAND, not \"{value}\"")
        namespace.others = [*namespace.others, other]


class OfOther(argparse.Action):
    """An option of the --with before it."""

    def __call__(self, parser, namespace, value, option_string=None):
        if not namespace.others:
            parser.error(f"{option_string} belongs to a --with before it")
        other = namespace.others[-1]
        if self.dest == "with_arguments":
            other.arguments = tuple(value.split())
        elif self.dest == "with_echo":
            other.echo = ("--preset", "raw", "--path", value)
        elif self.dest == "with_sse":
            other.sse = True
        else:
            setattr(other, self.dest.removeprefix("with_"), value)


def common(parser, out):
    parser.add_argument("--build", metavar="DIR", help="take the programs of this build directory [build/release, built]")
    parser.add_argument("--out", metavar="DIR", default=out, help="where JSON, Markdown and page are written [%(default)s]")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--engines", default="uring,epoll", help="of ringcast [%(default)s]")
    parser.add_argument("--server-cpus", type=lambda text: [int(part) for part in text.split(",")], metavar="LIST")
    parser.add_argument("--generator-cpus", type=lambda text: [int(part) for part in text.split(",")], metavar="LIST",
                        help="the first half of the CPUs is the server's, the rest the generator's")


def compare_parser():
    parser = argparse.ArgumentParser(prog="tools/compare", description=COMPARE_HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    common(parser, "build/compare")
    parser.add_argument("--rounds", type=positive, default=5, help="[%(default)s]")
    parser.add_argument("--seconds", type=float, help="of a measurement [5; with --quick 0.4]")
    parser.add_argument("--only", metavar="TEXT,…", help="works with one of these in their names")
    parser.add_argument("--list", action="store_true", help="the names of the works")
    parser.add_argument("--quick", action="store_true", help="few connections, short: shows that it works, measures nothing")
    parser.add_argument("--connections", type=numbers, metavar="N,…", help="of the memory works [10000,100000]")
    parser.add_argument("--members", type=numbers, metavar="N,…", help="of the fan-outs [1000,10000]")
    parser.add_argument("--in-flight", type=depths, metavar="N,…",
                        help="of each publisher of the saturated works, a work for each number [32], such as 8,32,1024")
    parser.add_argument("--transports", action="store_true",
                        help="instead: the same events over WebSocket, SSE and long polling")
    parser.add_argument("--tls", action="store_true",
                        help="instead: ringcast over TLS, ringcast, and the bare SSL_write() and send() loops")
    parser.add_argument("--socketio", action="store_true",
                        help="instead: Socket.IO clients, over WebSocket and over polling, of the first engine and of Node")
    parser.add_argument("--http2", action="store_true",
                        help="instead: event streams and requests over HTTP/1.1, HTTP/2 and TLS, of the first engine")
    parser.add_argument("--clients", type=positive, help="with --transports [10000]")
    parser.add_argument("--rate", type=float, default=2, help="with --transports: events per second [%(default)s]")
    parser.add_argument("--with", dest="others", action=AddOther, default=[], metavar="NAME[=COMMAND]",
                        help=f"another server: {', '.join(KNOWN)}, or any")
    parser.add_argument("--with-preset", action=OfOther, metavar="NAME", help="ringload's preset for it [raw]")
    parser.add_argument("--with-arguments", action=OfOther, metavar="TEXT", help="further arguments of ringload")
    parser.add_argument("--with-echo", action=OfOther, metavar="PATH", help="its WebSocket that echoes")
    parser.add_argument("--with-sse", action=OfOther, nargs=0, help="it has SSE, too")
    return parser


def engines_of(parser, arguments):
    engines = arguments.engines.split(",")
    for engine in engines:
        if engine not in ("uring", "epoll"):
            parser.error(f"--engines: \"{engine}\" is neither uring nor epoll")
    return engines


def setting_of(arguments, seconds, warmup):
    """A quick run waits for nothing to settle: it measures nothing."""
    server_cpus, generator_cpus = machine.split_cpus()
    programs = Programs.in_build(arguments.build) if arguments.build else Programs.built()
    return Setting(programs, arguments.server_cpus or server_cpus, arguments.generator_cpus or generator_cpus, seconds,
                   warmup, settle=0.05 if arguments.quick else 0.5)
