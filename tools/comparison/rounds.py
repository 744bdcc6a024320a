# SPDX-License-Identifier: Apache-2.0
"""Interleaved rounds: every server does every work once a round, in an order that turns; then medians and ratios."""
import sys

from . import machine, spread
from .tables import Table, number


def say(text):
    print(text, file=sys.stderr, flush=True)


def figures_text(work, outcome):
    return ", ".join(f"{number(outcome.figure(figure.path))} {figure.unit}" for figure in work.figures)


class Rounds:
    """What was measured: an Outcome for each (work, server) and round."""

    def __init__(self, servers, works):
        self.servers = servers
        self.works = works
        self.outcomes = {}

    def run(self, setting, count):
        for number_of_round in range(count):
            for work in self.works:
                doing = [server for server in self.servers if server.does(work)]
                turn = number_of_round % len(doing)
                for server in doing[turn:] + doing[:turn]:
                    outcome = server.measure(setting, work)
                    self.outcomes.setdefault((work.name, server.name), {})[number_of_round] = outcome
                    say(f"round {number_of_round + 1}/{count}  {work.name:24} {server.name:12} {self.said(work, outcome)}")

    @staticmethod
    def said(work, outcome):
        return figures_text(work, outcome) + ("" if outcome.valid else f"  INVALID: {'; '.join(outcome.reasons)}")

    def values(self, work, server, figure):
        """By round; None where the run does not count or did not happen."""
        by_round = self.outcomes.get((work.name, server.name), {})
        rounds = 1 + max((at for outcomes in self.outcomes.values() for at in outcomes), default=-1)
        return [by_round[at].figure(figure.path) if at in by_round and by_round[at].valid else None
                for at in range(rounds)]

    def runs(self, work, server):
        return list(self.outcomes.get((work.name, server.name), {}).values())


def cell_of(rounds, work, server, figure):
    runs = rounds.runs(work, server)
    if not runs:
        return "–"
    values = [value for value in rounds.values(work, server, figure) if value is not None]
    if not values:
        return "–" if any(run.valid for run in runs) else "INVALID"
    if figure.key == "memory" and spread.median(values) < 0:
        return "below the noise"
    text = f"{number(spread.median(values))} ± {number(spread.mad(values))}"
    invalid = sum(not run.valid for run in runs)
    return f"{text} ({invalid} of {len(runs)} INVALID)" if invalid else text


def ratio_of(rounds, work, figure, first, second):
    return spread.compare(rounds.values(work, first, figure), rounds.values(work, second, figure),
                          figure.lower_is_better)


def ratio_text(ratio):
    return "–" if ratio is None else f"{ratio.ratio:.2f} {ratio.verdict}"


def row_document(rounds, work, figure):
    first, *others = rounds.servers
    values = {}
    for server in rounds.servers:
        runs = rounds.runs(work, server)
        if not runs:
            continue
        counted = [value for value in rounds.values(work, server, figure) if value is not None]
        values[server.name] = {
            "median": spread.median(counted) if counted else None, "mad": spread.mad(counted) if counted else None,
            "valid": sum(run.valid for run in runs),
            "runs": [{"value": run.figure(figure.path), "valid": run.valid, "reasons": run.reasons} for run in runs]}
    ratios = []
    for other in others:
        ratio = ratio_of(rounds, work, figure, first, other)
        if ratio is not None:
            ratios.append({"of": first.name, "to": other.name, "ratio": ratio.ratio, "mad": ratio.mad,
                           "rounds": ratio.rounds, "verdict": ratio.verdict})
    return {"workload": work.name, "title": f"{work.title}: {figure.title}", "figure": figure.key, "unit": figure.unit,
            "lower_is_better": figure.lower_is_better, "values": values, "ratios": ratios}


def versions(servers):
    return [server.version for server in servers if getattr(server, "version", "")]


def medians_table(rounds):
    first, *others = rounds.servers
    # The ratios first: they are what is looked for, and stay in sight where the table is wider than the window.
    columns = ["", "unit", *(f"{first.name} ÷ {other.name}" for other in others),
               *(server.name for server in rounds.servers)]
    rows = []
    for work in rounds.works:
        for figure in work.figures:
            rows.append([f"{work.title}: {figure.title}", figure.unit,
                         *(ratio_text(ratio_of(rounds, work, figure, first, other)) for other in others),
                         *(cell_of(rounds, work, server, figure) for server in rounds.servers)])
    note = (f"Median ± median absolute deviation of the rounds that count. A ratio is the median of the rounds' ratios, "
            f"and noise when |ratio − 1| < max({spread.NOISE_FACTOR} × MAD, {spread.NOISE_LEAST * 100:.0f} %); of one round it is no more than that: once. "
            f"{machine.description_text()}." + "".join(f" {version}." for version in versions(rounds.servers)))
    return Table("Comparison", columns, rows, note)


def faults_table(rounds):
    """Invalid runs are in it: a loss is a loss."""
    rows = []
    for server in rounds.servers:
        runs = [run for work in rounds.works for run in rounds.runs(work, server)]
        if not runs or not any(run.data.get("scenario") for run in runs):
            continue
        received = sum(run.data.get("received", 0) for run in runs)
        rows.append([server.name, f"{received:,}", *(f"{sum(run.data.get(name, 0) for run in runs):,}"
                                                     for name in ("lost", "duplicates", "reordered")),
                     f"{sum(sum(run.data.get('errors', {}).values()) for run in runs):,}"])
    return Table("Exactness", ["server", "received", "lost", "doubled", "out of order", "errors"], rows,
                 "Of all runs together, those that do not count included.")


def invalid_table(rounds):
    rows = []
    for work in rounds.works:
        for server in rounds.servers:
            for at, run in rounds.outcomes.get((work.name, server.name), {}).items():
                if not run.valid:
                    rows.append([work.title, server.name, str(at + 1), "; ".join(run.reasons), figures_text(work, run)])
    note = "They are in no median; what they showed is no result."
    return Table("INVALID runs", ["work", "server", "round", "why", "it showed"], rows, note) if rows else None


JOINING = """\
Servers do different things with messages that are under way at once, so one depth says little: ringcast joins what came
for a room in one turn of its loop into one send to each member, however many messages it is; others stop at a number of messages
for each member and turn and send what is beyond it one by one, or send each message alone; send() is one call for each.
Below a server's own limit it may cost less than above it. Compare the rows of the depths."""


def depths_table(rounds):
    """The saturated works of several depths, one beside the other."""
    works = [work for work in rounds.works if work.depth]
    if len({work.depth for work in works}) < 2:
        return None
    figure = works[0].figures[0]
    rows = [[work.title, *(cell_of(rounds, work, server, figure) for server in rounds.servers)] for work in works]
    return Table("What messages under way at once cost", [figure.unit, *(server.name for server in rounds.servers)], rows,
                 " ".join(JOINING.split()))


def tables(rounds):
    found = [medians_table(rounds), depths_table(rounds), faults_table(rounds), invalid_table(rounds)]
    return [table for table in found if table is not None and table.rows]


def document(rounds, count):
    return {"kind": "comparison", "title": "ringcast compared on this machine", "machine": machine.describe(),
            "rounds": count, "servers": [{"name": server.name} for server in rounds.servers],
            "versions": versions(rounds.servers),
            "rows": [row_document(rounds, work, figure) for work in rounds.works for figure in work.figures],
            "tables": [table.as_document() for table in tables(rounds)]}
