# SPDX-License-Identifier: Apache-2.0
"""The same events over WebSocket, SSE and long polling: bytes, requests, the server's CPU."""
from . import arguments as command_line
from . import machine, output
from .generator import run_ringload
from .rounds import say
from .servers import Ringcast
from .tables import Table, number

TRANSPORTS = (("websocket", "WebSocket"), ("sse", "SSE"), ("poll", "long poll"))
CLIENTS = 10_000
QUICK_CLIENTS = 20
CLOSE_ENOUGH = 1.15  # between the most clients that held and the fewest that did not
CLIENTS_LEAST = 50


def measure(setting, engine, transport, clients, rate):
    arguments = ["fanout", "--members", str(clients), "--rate", f"{rate:g}", "--transport", transport]
    with Ringcast(engine).start(setting, clients + 1) as process:
        outcome = run_ringload(setting, process, clients + 1, arguments)
    say(f"{engine} {transport} {clients:,} clients × {rate:g}/s: "
        f"{number(outcome.figure(('server', 'cpu_us_per_delivery')))} µs per event"
        + ("" if outcome.valid else f"  INVALID: {'; '.join(outcome.reasons)}"))
    return outcome


def holds(outcome):
    return outcome.valid and outcome.faults() == 0


def most_that_hold(measured, clients):
    """`measured(clients)` gives an Outcome; halves until a number holds, then narrows down.

    (clients, their outcome); where none holds 0 and the last one's.
    """
    outcome = measured(clients)
    if holds(outcome):
        return clients, outcome
    good, bad, best = 0, clients, outcome
    attempt = clients // 2
    while attempt >= CLIENTS_LEAST and bad > max(good, 1) * CLOSE_ENOUGH:
        outcome = measured(attempt)
        if holds(outcome):
            good, best = attempt, outcome
        else:
            bad = attempt
            best = best if good else outcome
        attempt = (good + bad) // 2
    return good, best


def row_of(name, clients, outcome):
    """Figures of one event of one client."""
    events = outcome.data.get("deliveries") or 1
    down, up = (outcome.data.get(name, 0) / events for name in ("bytes_in", "bytes_out"))
    requests = outcome.data.get("requests")
    cpu = outcome.figure(("server", "cpu_us_per_delivery"))
    network = outcome.data.get("loopback", {})
    return {"transport": name, "clients": clients, "events_per_s": outcome.data.get("deliveries_per_s"),
            "bytes_down": down, "bytes_up": up,
            "wire_bytes": network["bytes"] / events if network else None,
            "packets": network["packets"] / events if network else None,
            "requests": requests / events if requests is not None else None, "cpu_us": cpu,
            "p99_ms": outcome.figure(("latency_ms", "corrected", "p99")), "valid": outcome.valid,
            "reasons": outcome.reasons}


def table_of(engine, rows, rate):
    columns = ["", "clients", "events/s", "bytes down", "bytes up", "on the wire", "packets", "requests", "server CPU",
               "p99", "bytes, of the dearest"]
    total = {row["transport"]: row["wire_bytes"] or row["bytes_down"] + row["bytes_up"] for row in rows}
    most = max(total.values(), default=1)
    cells = []
    for row in rows:
        saved = total[row["transport"]] / most
        cells.append([row["transport"], f"{row['clients']:,}", number(row["events_per_s"]), number(row["bytes_down"]),
                      number(row["bytes_up"]), number(row["wire_bytes"]), number(row["packets"]), number(row["requests"]),
                      f"{number(row['cpu_us'])} µs", f"{number(row['p99_ms'])} ms",
                      "INVALID" if not row["valid"] else f"{saved * 100:.0f} % ({(1 - saved) * 100:.0f} % saved)"])
    return Table(f"By transport, {engine}", columns, cells,
                 f"{rate:g} events/s to each client, 128-byte payloads; bytes, packets, requests and CPU are those of one "
                 "event to one client. Down and up are TCP payload; on the wire are headers and acknowledgements too, as "
                 "the loopback interface counted them in all directions, so nothing else may use it meanwhile.")


def run(given, engines):
    clients = given.clients or (QUICK_CLIENTS if given.quick else CLIENTS)
    setting = command_line.setting_of(given, given.seconds or (1 if given.quick else 10), 0.2 if given.quick else 2)
    tables, document_rows, notes = [], [], []
    for server in map(Ringcast, engines):
        rows = []
        for transport, title in TRANSPORTS:
            held, outcome = most_that_hold(
                lambda count: measure(setting, server.engine, transport, count, given.rate), clients)
            if held < clients:
                notes.append([server.name, title, f"{held:,} of {clients:,} clients", f"{held * given.rate:,.0f} events/s"])
            rows.append(row_of(title, held or outcome.data.get("connections", 1) - 1, outcome))
        tables.append(table_of(server.name, rows, given.rate))
        document_rows += [{"server": server.name, **row} for row in rows]
    if notes:
        tables.append(Table("The most that held", ["server", "transport", "clients", "rate"], notes,
                            "More than this, and the generator was the limit or something was lost."))
    found = {"kind": "transports", "title": "By transport", "machine": machine.describe(), "clients": clients,
             "rate": given.rate, "figures": document_rows, "tables": [table.as_document() for table in tables]}
    return output.write(found, tables, setting.programs, given.out, "transports", given.markdown)
