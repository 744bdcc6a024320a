# SPDX-License-Identifier: Apache-2.0
"""install_test.py ROOT BUILD: what `meson install` puts down is enough for an outside project, by pkg-config alone."""
import os
import pathlib
import subprocess
import sys
import tempfile

root, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


with tempfile.TemporaryDirectory() as directory:
    stage = pathlib.Path(directory) / "stage"
    run("meson", "install", "-C", build, "--no-rebuild", "--tags", "devel,library", "--destdir", stage)
    (pc_file,) = stage.rglob("ringcast.pc")
    libraries = pc_file.parent.parent
    assert list(libraries.glob("libringcast.so.*")), "no shared library was installed"
    headers = sorted(path.name for path in stage.rglob("include/ringcast/*.h"))
    assert headers == sorted(path.name for path in (root / "include/ringcast").glob("*.h")), headers

    environment = {**os.environ, "PKG_CONFIG_PATH": str(pc_file.parent), "PKG_CONFIG_SYSROOT_DIR": str(stage),
                   "LD_LIBRARY_PATH": str(libraries)}
    flags = run("pkg-config", "--cflags", "--libs", "ringcast", env=environment).split()
    program = pathlib.Path(directory) / "outside"
    run("c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", root / "tests/embed/outside/main.cc", "-o", program, *flags)
    assert run(program, env=environment) == "receivers 0\n"
print("ok")
