# SPDX-License-Identifier: Apache-2.0
"""tools/install --prefix, from what is built: everything is there and works from there, and settings survive the next."""
import os
import pathlib
import re
import subprocess
import tempfile

# What the completion of zsh offers for the last of the words.
ZSH = """
compadd() { print -l -- ${(P)2} }
_files() { print a file }
fpath=($0 $fpath)
autoload -Uz _ringcast
words=("$@") CURRENT=$#
_ringcast
"""


def run(*words, **how):
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **how)
    assert done.returncode == 0, f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def check_install(top, build):
    with tempfile.TemporaryDirectory() as folder:
        prefix = pathlib.Path(folder).resolve() / "made/prefix"
        command = (top / "tools/install", "--build", build, "--prefix", prefix)
        assert f"PATH={prefix}/bin:" in run(*command)

        env = {**os.environ, "PATH": f"{prefix}/bin:{prefix}/sbin:{os.environ['PATH']}"}
        version = re.search(r"version: '([\d.]+)'", (top / "meson.build").read_text())[1]
        for program in ("ringcast", "ringload"):
            assert version in run(program, "--version", env=env)
            assert (prefix / f"share/man/man1/{program}.1").exists()
            assert (prefix / f"share/bash-completion/completions/{program}").exists()
        assert "net.core.somaxconn" in run("ringcast-tune", "print", env=env)
        assert (prefix / "share/doc/ringcast/docs/operating.md").exists()

        for words, wanted in ((("ringcast", "--heartbeat-i"), ["--heartbeat-interval"]), (("ringcast", "pub"), ["publish"]),
                              (("ringload", "--connec"), ["--connect-rate", "--connect-timeout", "--connections"]), (("ringcast", "--config", "/"), ["a file"])):
            found = run("zsh", "-fc", ZSH, prefix / "share/zsh/site-functions", *words, env=env).splitlines()
            assert sorted(found) == wanted, (words, found)

        unit = (prefix / "lib/systemd/system/ringcast.service").read_text()
        start = re.search(r"(?m)^ExecStartPre=(\S+) --config (\S+) --check-config$", unit)
        assert pathlib.Path(start[1]) == prefix / "bin/ringcast"
        run(*start[0].removeprefix("ExecStartPre=").split())

        settings = pathlib.Path(start[2])
        for text in (settings.read_text(), (prefix / "share/man/man1/ringcast.1").read_text()):
            assert str(settings) in text.replace("\\-", "-")
            assert " /etc/" not in text and " /usr/" not in text, text
        settings.write_text("port = 4000\n")
        run(*command)
        assert settings.read_text() == "port = 4000\n"
