# SPDX-License-Identifier: Apache-2.0
"""What a tool found, written: JSON and the HTML report beside each other, Markdown for a page, text for the terminal."""
import json
import pathlib
import subprocess
import sys

from .tables import as_markdown, as_text


def write(found, tables, programs, folder, name, markdown):
    """`found`: the JSON document. Into folder/name.json, .md and .html; prints the tables."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    in_markdown = "\n".join(as_markdown(table) for table in tables)
    json_path = folder / f"{name}.json"
    json_path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(in_markdown, encoding="utf-8")
    print(in_markdown if markdown else "\n".join(as_text(table) for table in tables))
    page = folder / f"{name}.html"
    made = subprocess.run([programs.ringload, "report", str(json_path), "--out", str(page)], check=False)
    if made.returncode == 0:
        print(f"{json_path}, {page}", file=sys.stderr)
    return made.returncode
