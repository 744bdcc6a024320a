#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every file of code names its licence (https://spdx.dev) in its first line, or in the second behind `#!`.

    licence.py ROOT
"""
import pathlib
import subprocess
import sys

CODE = {".h", ".cc", ".js", ".ts", ".py", ".sh", ".yml", ".yaml"}
NAMED = {"meson.build", "meson_options.txt", "Containerfile"}
GENERATED = ("web/client/v1/",)
FOREIGN = ("web/vendor/",)  # with a licence beside them; NOTICE names them
LINE = "SPDX-License-Identifier: Apache-2.0"


def lacks(path):
    with path.open("rb") as file:
        lines = [file.readline(), file.readline()]
    script = lines[0].startswith(b"#!")
    if path.suffix not in CODE and path.name not in NAMED and not script:
        return False
    return LINE.encode() not in lines[1 if script else 0]


def main(root):
    root = pathlib.Path(root)
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode != 0:
        print(f"{root} is no checkout of git: nothing to look at")
        return 77
    files = [name for name in listed.stdout.decode().split("\0") if name and not name.startswith(GENERATED + FOREIGN)]
    bad = [name for name in files if (root / name).is_file() and lacks(root / name)]
    for name in bad:
        print(f"{name}: the first line has to be a comment with {LINE}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
