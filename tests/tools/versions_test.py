#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The version stands in several files: versions_test.py SOURCE_ROOT VERSION"""
import json
import pathlib
import sys

source, version = pathlib.Path(sys.argv[1]), sys.argv[2]


def read(name):
    return json.loads((source / name).read_text(encoding="utf-8"))


found = {"web/openapi.json": read("web/openapi.json")["info"]["version"],
         "web/client/package.json": read("web/client/package.json")["version"]}
wrong = {name: value for name, value in found.items() if value != version}
sys.exit(f"meson.build has {version}, but {wrong}" if wrong else 0)
