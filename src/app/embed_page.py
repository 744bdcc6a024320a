#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ file that holds the page's files: embed_page.py OUTPUT ROOT FILE..."""
import os
import sys

output, root, *files = sys.argv[1:]
with open(output, "w", encoding="ascii") as out:
    out.write('#include "app/page.h"\n\nnamespace ringcast::app {\nnamespace {\n')
    for number, path in enumerate(files):
        with open(path, "rb") as file:
            content = file.read()
        out.write(f"constexpr unsigned char kFile{number}[] = {{")
        out.write(",".join(str(byte) for byte in content) or "0")
        out.write("};\n")
    out.write("const PageFile kFiles[] = {\n")
    for number, path in enumerate(files):
        name = os.path.relpath(path, root)
        out.write(f'    {{"{name}", {{reinterpret_cast<const char*>(kFile{number}), {os.path.getsize(path)}}}}},\n')
    out.write("};\n}  // namespace\nstd::span<const PageFile> built_in_page() { return kFiles; }\n")
    out.write("}  // namespace ringcast::app\n")
