#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a manual page out of what a program says about itself: man_page.py NAME SECTION VERSION PROGRAM SYSCONFDIR DATADIR OUTPUT

`PROGRAM --help` is the text; the commands that its usage lines name ("NAME doctor [flags]") are asked for theirs.
"""
import re
import subprocess
import sys

ABOUT = {
    "ringcast": "real-time push server: WebSocket, Server-Sent Events and long polling",
    "ringload": "load generator for real-time push servers",
    "ringcast-tune": "sets the kernel up for many connections, and back",
}
FILES = {
    "ringcast": [("{etc}/ringcast/ringcast.toml", "the settings of the service"),
                 ("{etc}/ringcast/environment", "secrets as RINGCAST_… variables; read by systemd, for root alone"),
                 ("{etc}/ringcast/keys/", "key files that systemd hands to the service as credentials")],
    "ringcast-tune": [("{share}/ringcast/sysctl/", "the profiles"),
                      ("/var/lib/ringcast/tune/", "what was there before")],
}


def help_of(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        sys.exit(f"{' '.join(command)} --help ended with {done.returncode}: {done.stderr}")
    return done.stdout


def commands_in(text, name):
    """What the usage lines name behind the program: "ringcast publish, subscribe  be a client"."""
    found = re.findall(rf"(?m)^(?:Usage:)? *{name} ([a-z]+(?:, [a-z]+)*)\b", text)
    return [word for words in found for word in words.split(", ")]


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def body(text):
    """Options and positionals become tagged paragraphs, "Group:" a heading; indented lines stay as they are."""
    out, state = [], None
    for line in text.expandtabs().splitlines():
        option = re.match(r"^ {2,6}(-.*?|[a-zA-Z]+ TEXT.*?)(?: {2,}(\S.*))?$", line)
        if not line.strip():
            if state == "verbatim":
                out.append(".fi")
            out.append(".PP")
            state = None
        elif option:
            if state == "verbatim":
                out.append(".fi")
            out += [".TP", f"\\fB{escaped(option[1])}\\fR"] + ([escaped(option[2])] if option[2] else [])
            state = "option"
        elif state == "option" and line.startswith("        "):
            out.append(escaped(line.strip()))
        elif re.match(r"^\S.*:$", line) and len(line) < 60:
            if state == "verbatim":
                out.append(".fi")
            out.append(f".SS {escaped(line[:-1])}")
            state = None
        elif line.startswith("  ") or line.startswith("Usage:"):
            if state != "verbatim":
                out.append(".nf")
            out.append(escaped(line))
            state = "verbatim"
        else:
            if state == "verbatim":
                out.append(".fi")
            out.append(escaped(line))
            state = None
    return out + ([".fi"] if state == "verbatim" else [])


def main():
    name, section, version, program, etc, share, output = sys.argv[1:]
    text = help_of(program).replace("tools/tune", "ringcast-tune")
    page = [f'.TH {name.upper()} {section} "" "ringcast {version}"', ".SH NAME", f"{name} \\- {ABOUT[name]}",
            ".SH DESCRIPTION", *body(text)]
    for command in commands_in(text, name) if section == "1" else []:
        page += [f".SH {name.upper()} {command.upper()}", *body(help_of(program, command))]
    if name in FILES:
        page.append(".SH FILES")
        for path, what in FILES[name]:
            page += [".TP", escaped(path.format(etc=etc, share=share)), escaped(what)]
    page += [".SH SEE ALSO", escaped(f"The documentation: {share}/doc/ringcast/")]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(page) + "\n")


main()
