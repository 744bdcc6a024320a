# SPDX-License-Identifier: Apache-2.0
"""tools/compare from its command line to its tables."""
import contextlib
import dataclasses
import sys

from . import arguments as command_line
from . import http2, output, rounds, socketio, transports, works
from .programs import Certificate, ProgramError
from .servers import Floor, FloorTls, Ringcast, RingcastTls, ask_versions

EXIT_GOOD, EXIT_FAILED, EXIT_BAD_OPTIONS, EXIT_INTERRUPTED = 0, 1, 2, 130


def sizes_of(given):
    sizes = works.QUICK if given.quick else works.Sizes()
    if given.connections:
        sizes = dataclasses.replace(sizes, connections=given.connections)
    if given.members:
        sizes = dataclasses.replace(sizes, members=given.members)
    if given.in_flight:
        sizes = dataclasses.replace(sizes, in_flight=given.in_flight)
    return sizes


def compare(parser, given, engines):
    try:
        every = works.tls_works if given.tls else works.all_works
        chosen = works.chosen(every(sizes_of(given)), given.only.split(",") if given.only else [])
    except ValueError as error:
        parser.error(str(error))
    if given.list:
        print("\n".join(work.name for work in chosen))
        return EXIT_GOOD
    bare = [*map(Ringcast, engines), Floor()]
    servers = [*map(RingcastTls, engines), FloorTls(), *given.others, *bare] if given.tls else [*bare, *given.others]
    names = [server.name for server in servers]
    if len(set(names)) < len(names):
        parser.error(f"two servers have the same name: {', '.join(names)}")
    ask_versions(given.others)
    setting = command_line.setting_of(given, given.seconds or (0.4 if given.quick else 5), 0.1 if given.quick else 1)
    found = rounds.Rounds(servers, chosen)
    interrupted = False
    try:
        secure = given.tls or any(other.tls for other in given.others)
        with Certificate() if secure else contextlib.nullcontext(()) as setting.certificate:
            found.run(setting, given.rounds)
    except KeyboardInterrupt:
        interrupted = True
        rounds.say("interrupted: with what was measured so far")
    failed = output.write(rounds.document(found, given.rounds), rounds.tables(found), setting.programs, given.out,
                          "compare", given.markdown)
    return EXIT_INTERRUPTED if interrupted else failed


def main(words=None):
    parser = command_line.compare_parser()
    given = parser.parse_args(words)
    engines = command_line.engines_of(parser, given)
    try:
        if given.socketio:
            return socketio.run(given, engines)
        if given.http2:
            return http2.run(given, engines)
        return transports.run(given, engines) if given.transports else compare(parser, given, engines)
    except ProgramError as error:
        print(f"tools/compare: {error}", file=sys.stderr)
        return EXIT_FAILED
