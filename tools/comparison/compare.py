# SPDX-License-Identifier: Apache-2.0
"""tools/compare from its command line to its tables."""
import dataclasses
import sys

from . import arguments as command_line
from . import output, rounds, transports, works
from .programs import ProgramError
from .servers import Floor, Ringcast, ask_versions

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
        chosen = works.chosen(works.all_works(sizes_of(given)), given.only.split(",") if given.only else [])
    except ValueError as error:
        parser.error(str(error))
    if given.list:
        print("\n".join(work.name for work in chosen))
        return EXIT_GOOD
    servers = [*map(Ringcast, engines), Floor(), *given.others]
    names = [server.name for server in servers]
    if len(set(names)) < len(names):
        parser.error(f"two servers have the same name: {', '.join(names)}")
    ask_versions(given.others)
    setting = command_line.setting_of(given, given.seconds or (0.4 if given.quick else 5), 0.1 if given.quick else 1)
    found = rounds.Rounds(servers, chosen)
    interrupted = False
    try:
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
        return transports.run(given, engines) if given.transports else compare(parser, given, engines)
    except ProgramError as error:
        print(f"tools/compare: {error}", file=sys.stderr)
        return EXIT_FAILED
