#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every setting of the table is read by something: a program that only stores it would accept it without effect.

    settings.py TOP       looks at the tree
    settings.py --self-test

What each does is shown by the tests of its part; this finds those that nothing reads.
"""
import pathlib
import re
import sys

ROW = re.compile(r"<&[OR]::(\w+)>\(")
# These load, check and print settings.
OWN = re.compile(r"options(_(check|draft|file|flags|inlets|print|routes|table|toml|use|value|webhooks))?\.(cc|h)$")
# What has its effect within them.
WITHIN = {"presets": "load_options()", "insecure": "the check of addresses", "proxy_listen": "proxy_listen_addresses()",
          "tls_listen": "tls_listen_addresses()"}


def unread(table, sources):
    return [field for field in ROW.findall(table)
            if not any(re.search(rf"(\.|->|::){field}\b", text) for text in sources)]


def self_test():
    table = 'row<&O::spin>(k, "spin"), row<&R::last_value>(k, "last_value"), row<&O::idle>(k, "idle"),'
    assert unread(table, ["wait(options.spin)", "if (room->last_value) {}", "idle = 3; spinner.idleness"]) == ["idle"]
    assert unread(table, ["options.spin", "x.last_value", "&O::idle"]) == []


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    source = pathlib.Path(sys.argv[1]) / "src"
    table = (source / "config/options_table.cc").read_text()
    found = ROW.findall(table)
    assert len(found) > 50, f"only {len(found)} settings found: has the table another form?"
    texts = [path.read_text() for path in sorted(source.rglob("*.cc")) + sorted(source.rglob("*.h"))
             if not (path.parent.name == "config" and OWN.match(path.name))]
    idle = [field for field in unread(table, texts) if field not in WITHIN]
    for field in idle:
        print(f"the setting {field} is read by nothing outside src/config/options*")
    print(f"{len(found)} settings, {len(idle)} without effect")
    sys.exit(1 if idle else 0)


main()
