#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C++ file that holds the report page in two parts, around its data: embed_report.py OUTPUT PAGE FILE...

The page's @@NAME@@ are replaced with the files of these names, so that what ringload writes needs no other file.
"""
import os
import sys

output, page, *files = sys.argv[1:]
with open(page, encoding="utf-8") as file:
    text = file.read()
for path in files:
    with open(path, encoding="utf-8") as file:
        content = file.read()
    mark = f"@@{os.path.basename(path)}@@"
    if text.count(mark) != 1 or "</script" in content or "</style" in content:
        sys.exit(f"{page}: wants {mark} once, and nothing in that file that would end its element")
    text = text.replace(mark, content.rstrip("\n"))
parts = text.split("@@documents@@")
if len(parts) != 2:
    sys.exit(f"{page}: wants @@documents@@ once")
with open(output, "w", encoding="ascii") as out:
    out.write('#include "page.h"\n\nnamespace ringcast::ringload {\nnamespace {\n')
    for number, part in enumerate(parts):
        data = part.encode()
        out.write(f"constexpr unsigned char kPart{number}[] = {{{','.join(map(str, data))}}};\n")
    out.write("}  // namespace\n")
    for number, name in enumerate(("page_before_documents", "page_after_documents")):
        out.write(f"std::string_view {name}() {{\n")
        out.write(f"  return {{reinterpret_cast<const char*>(kPart{number}), sizeof kPart{number}}};\n}}\n")
    out.write("}  // namespace ringcast::ringload\n")
