#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the pages say against what there is: check.py TOP [RINGCAST RINGLOAD]

    links       every relative link leads to a file, every #fragment to a heading of it
    names       each metric, and each code that follows a status (401 `unauthorized`), is in the source
    sh, console `bash -n`; each `ringcast` and `ringload` with the options that it has, each tools/… is a file
    toml        `ringcast --check-config` finds no unknown key and no impossible value
    json, yaml  can be parsed
    js, mjs, cjs, ts, html, php, python, cpp
                can be parsed by their own programs, where these are installed (php, ts and cpp are optional)

A block that is a part of something (`…` stands for what was left out) is checked as far as that goes. The last line is
"N passed, N failed"; each block, and the links and names of each page, count as one. `--self-test` checks the checker.
"""
import ast
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

PAGES = ("*.md", "docs/*.md", "web/client/README.md", "src/README.md", "packaging/*.md")
# What runs a program of ours; what ends a command.
STARTS = {"ringcast": "ringcast", "ringload": "ringload", "tools/run": "ringcast", "tools/ringload": "ringload"}
ENDS = {"|", "&&", "||", ";", "&", "then", "do", ">", ">>", "<"}
FENCE = re.compile(r"^( *)```([a-z]*)(?: .*)?$")
LINK = re.compile(r"\[(?:[^][]|\[[^]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)")
# What examples leave to the reader.
PLACES = re.compile(r"/(?:etc|var|srv|path|opt|run|home)/[^\s\"',]+")


def slug(heading):
    """The fragment by which GitHub links to a heading."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[`*_]", lambda found: "_" if found[0] == "_" else "", text).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def read_page(text):
    """(headings, lines outside blocks, blocks) of a page; a block is (language, first line's number, text)."""
    seen, fragments, prose, blocks = {}, set(), [], []
    language, indent, start, lines = None, 0, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if language is None and found:
            language, indent, start, lines = found[2], len(found[1]), number, []
        elif language is not None and line.strip() == "```":
            blocks.append((language, start, "\n".join(lines) + "\n"))
            language = None
        elif language is not None:
            lines.append(line[indent:])
        else:
            prose.append(re.sub(r"`[^`]*`", lambda code: "`" * 2 if "](" in code[0] else code[0], line))
            if heading := re.match(r"#{1,6} +(.*)", line):
                name = slug(heading[1])
                count = seen.get(name, 0)
                seen[name] = count + 1
                fragments.add(f"{name}-{count}" if count else name)
    return fragments, prose, blocks


class Checker:
    def __init__(self, top, ringcast=None, ringload=None):
        self.top = pathlib.Path(top).resolve()
        self.programs = {"ringcast": ringcast, "ringload": ringload}
        self.options = {}
        self.pages = {}
        self.code = None
        self.passed = self.failed = 0

    def result(self, where, fault):
        if fault:
            self.failed += 1
            print(f"failed  {where}: {fault}")
        else:
            self.passed += 1

    def page(self, path):
        path = path.resolve()
        if path not in self.pages:
            self.pages[path] = read_page(path.read_text(encoding="utf-8"))
        return self.pages[path]

    # --- links ---

    def links(self, path):
        faults = []
        for line in self.page(path)[1]:
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:|//", target):
                    continue
                name, _, fragment = target.partition("#")
                to = (path.parent / name).resolve() if name else path
                if not to.exists():
                    faults.append(f"{target} is not there")
                elif fragment and to.suffix == ".md" and fragment not in self.page(to)[0]:
                    faults.append(f"{target}: no such heading")
        return "; ".join(faults)

    # --- names ---

    def names(self, path):
        text = re.sub(r"\s+", " ", "\n".join(path.read_text(encoding="utf-8").splitlines()))
        faults = []
        for name in set(re.findall(r"`(ringcast_[a-z0-9_]+[a-z])(?:`|\{)", text)):
            parts = re.sub("_(bucket|sum|count)$", "", name).split("_")
            # The source may have the beginnings apart from the ends.
            ends = ["_".join(parts[at:]) for at in range(len(parts))]
            if not any(re.search(rf"\b{end}\b", self.source()) for end in ends[:2]) and not any(
                    f'"{end}"' in self.source() for end in ends[1:]):
                faults.append(f"no metric {name}")
        for code in set(re.findall(r"\b[1-5]\d\d `([a-z_]+)`", text)):
            if not re.search(rf'"{code}\\?"', self.source()):
                faults.append(f"no code {code}")
        return "; ".join(sorted(faults))

    def source(self):
        if self.code is None:
            self.code = "\n".join(file.read_text(encoding="utf-8") for file in self.top.glob("src/**/*.[hc]*"))
        return self.code

    # --- commands ---

    def help_of(self, program, command):
        """The options that a program's help names; a command has those of the server as well."""
        key = program, command
        if key not in self.options:
            words = [self.programs[program], *([command] if command else []), "--help"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self.options[key] = set(re.findall(r"--[a-z0-9][a-z0-9-]*", done.stdout)) | {"--help"}
                if "the server's flags" in done.stdout:
                    self.options[key] |= self.help_of(program, "")
            else:
                self.options[key] = None
        return self.options[key]

    def options_known(self, program, words):
        if not self.programs[program]:
            return None
        command = words[0] if program == "ringcast" and words and re.fullmatch(r"[a-z]+", words[0]) else ""
        known = self.help_of(program, command)
        if known is None:
            return f"{program} has no command {command!r}"
        for word in words:
            option = word.split("=")[0]
            if option.startswith("--") and option != "--" and option not in known:
                return f"{program} {command} has no option {option}"
        return None

    def sh(self, text):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr.strip()
        joined = re.sub(r"\\\n", " ", text)
        for line in joined.splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                continue  # a quotation over several lines
            fault = self.command(words)
            if fault:
                return fault
        return None

    def command(self, words):
        """Of each program in a line; those that only stand among the arguments of another are files of the build."""
        program, taken, begins = None, [], True
        for word in [*words, ";"]:
            if word in ENDS or word.endswith(";"):
                if program and (fault := self.options_known(program, taken)):
                    return fault
                program, taken, begins = None, [], True
            elif program:
                taken.append(word)
            elif re.fullmatch(r"(?:tools|tests)/[\w/.-]+", word) and begins and not (self.top / word).exists():
                return f"there is no {word}"
            elif begins and word in STARTS:
                program = STARTS[word]
            elif begins and not ("=" in word or word in ("sudo", "exec", "nohup", "time", "!", "if", "while")):
                begins = False
        return None

    def console(self, text):
        return self.sh("\n".join(line[2:] for line in text.splitlines() if line.startswith("$ ")) + "\n")

    # --- files ---

    def toml(self, text):
        if re.search(r"^scenario *=", text, re.M):
            return self.ringload_toml(text)
        program = self.programs["ringcast"]
        if not program:
            return None
        with tempfile.TemporaryDirectory() as folder:
            # Files that an example names need not be here: only what the program says of keys and values counts.
            file = pathlib.Path(folder, "ringcast.toml")
            file.write_text(text, encoding="utf-8")
            done = subprocess.run([program, "--check-config", "--config", str(file)], capture_output=True, text=True,
                                  check=False)
        if done.returncode == 0:
            return None
        said = (done.stderr + done.stdout).strip()
        return None if PLACES.search(said) and "unknown" not in said else said

    def ringload_toml(self, text):
        if not self.programs["ringload"]:
            return None
        known = {option[2:] for option in self.help_of("ringload", "")} | {"scenario"}
        unknown = set(re.findall(r"^\[*([a-z-]+)\]*(?: *=|$)", text, re.M)) - known - set(
            re.findall(r"^([a-z-]+) *=", text[text.find("\n["):], re.M))
        return f"ringload has no {', '.join(sorted(unknown))}" if unknown else None

    def json(self, text):
        try:
            json.loads(text)
        except ValueError:
            try:
                for line in text.splitlines():
                    json.loads(line)
            except ValueError as error:
                return None if "…" in text or "..." in text else str(error)
        return None

    def yaml(self, text):
        try:
            import yaml
        except ImportError:
            return None
        try:
            list(yaml.safe_load_all(text))
        except yaml.YAMLError as error:
            return str(error)
        return None

    # --- programs ---

    def run_on(self, suffix, text, words):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "example" + suffix)
            file.write_text(text, encoding="utf-8")
            done = subprocess.run([*words, str(file)], capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else (done.stderr + done.stdout).strip().replace(str(file), "")[:400]

    def js(self, text):
        return self.run_on(".mjs", text, ["node", "--check"])

    mjs = js

    def cjs(self, text):
        return self.run_on(".cjs", text, ["node", "--check"])

    def ts(self, text):
        compiler = self.top / "tests/node_modules/.bin/tsc"
        if not compiler.exists():
            return None
        said = self.run_on(".ts", text, [str(compiler), "--noEmit", "--noResolve", "--module", "esnext", "--target", "es2022"])
        return said if said and re.search(r"error TS1\d\d\d:", said) else None  # syntax alone

    def html(self, text):
        for attributes, script in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.S):
            fault = (self.js if "module" in attributes else self.cjs)(script)
            if fault:
                return fault
        return None

    def python(self, text):
        try:
            ast.parse(text)
        except SyntaxError as error:
            return str(error)
        return None

    def php(self, text):
        return self.run_on(".php", text, ["php", "-l"]) if shutil.which("php") else None

    def go(self, text):
        return self.run_on(".go", text, ["gofmt", "-l", "-e"]) if shutil.which("gofmt") else None

    def cpp(self, text):
        if "#include" not in text:
            return None
        compiler = ["g++", "-std=c++20", "-fsyntax-only", f"-I{self.top / 'include'}"]
        fault = self.run_on(".cc", text, compiler)
        if fault and "main(" not in text:  # statements
            lines = text.splitlines()
            head = "\n".join(line for line in lines if line.startswith("#"))
            body = "\n".join(line for line in lines if not line.startswith("#"))
            fault = self.run_on(".cc", f"{head}\nint main() {{\n{body}\n}}\n", compiler)
        return fault

    def check(self, path):
        name = path.relative_to(self.top)
        self.result(f"{name}: links", self.links(path))
        self.result(f"{name}: names", self.names(path))
        for language, line, text in self.page(path)[2]:
            work = getattr(self, language, None) if language in LANGUAGES else None
            if work:
                self.result(f"{name}:{line}: {language}", work(text))
            elif language not in PLAIN:
                self.result(f"{name}:{line}", f"blocks in {language or 'no language'} are not checked: name one that is, or text")


LANGUAGES = {"sh", "console", "toml", "json", "yaml", "js", "mjs", "cjs", "ts", "html", "python", "php", "go", "cpp"}
# Pictures, transcripts; nginx.conf and SQL have tests of their own.
PLAIN = {"text", "nginx", "mermaid", "sql", "proto", "ini", "promql", "haproxy"}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "other.md").write_text("# One `two`\n\n# One two\n")
        bad = {
            "links": "[x](missing.md) [y](other.md#three)",
            "sh": "```sh\nif true; then\n```",
            "metric": "`ringcast_nothing_total`",
            "code": "401 `nothing_of_ours`",
            "tools": "```sh\ntools/nothing --here\n```",
            "json": "```json\n{\"a\":}\n```",
            "js": "```js\nconst = 1;\n```",
            "python": "```python\ndef f(:\n```",
            "html": "<!-- -->\n```html\n<script>let 1;</script>\n```",
            "no language": "```\nx\n```",
        }
        for what, text in bad.items():
            (top / "page.md").write_text(text + "\n")
            checker = Checker(top)
            checker.check(top / "page.md")
            assert checker.failed == 1, what
        (top / "page.md").write_text("[a](other.md#one-two) [b](other.md#one-two-1)\n```sh\nls | wc -l\n```\n```json\n{}\n```\n")
        checker = Checker(top)
        checker.check(top / "page.md")
        assert (checker.passed, checker.failed) == (4, 0)
    print("ok")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    checker = Checker(*sys.argv[1:])
    pages = sorted({page for pattern in PAGES for page in checker.top.glob(pattern)})
    for page in pages:
        checker.check(page)
    print(f"{checker.passed} passed, {checker.failed} failed")
    return 1 if checker.failed or not checker.passed else 0


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    sys.exit(main())
