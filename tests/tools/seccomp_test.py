#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ringcast under packaging/seccomp.json: serves with both engines, and what the profile leaves out is refused.

    seccomp_test.py SOURCE_ROOT RINGCAST [unittest arguments]
"""
import ctypes
import ctypes.util
import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import urllib.request

SOURCE, RINGCAST = pathlib.Path(sys.argv.pop(1)), sys.argv.pop(1)
PROFILE = json.loads((SOURCE / "packaging/seccomp.json").read_text())
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
COMPARISONS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
CLONE_FILES, CLONE_NEWUTS = 0x400, 0x04000000

library = ctypes.util.find_library("seccomp")
if library is None:
    sys.exit(77)  # meson: skipped
seccomp = ctypes.CDLL(library)
seccomp.seccomp_init.restype = ctypes.c_void_p
libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def make_filter():
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO | PROFILE["defaultErrnoRet"])))
    for rule in PROFILE["syscalls"]:
        action = ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else ERRNO | rule["errnoRet"]
        comparisons = (Comparison * len(rule.get("args", [])))(*[
            Comparison(one["index"], COMPARISONS[one["op"]], one["value"], one.get("valueTwo", 0))
            for one in rule.get("args", [])])
        for name in rule["names"]:
            number = seccomp.seccomp_syscall_resolve_name(name.encode())
            if number < 0:  # not on this architecture, or newer than this library
                continue
            done = seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), comparisons)
            assert done == 0, (name, done)
    return context


FILTER = make_filter()


def load_filter():
    if seccomp.seccomp_load(FILTER) != 0:
        os._exit(99)


def in_child(action):
    """errno of what `action` returns under the filter, 0 when it succeeds."""
    child = os.fork()
    if child == 0:
        load_filter()
        os._exit(0 if action() == 0 else ctypes.get_errno() & 0xFF)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class SeccompTest(unittest.TestCase):
    def serve(self, engine):
        server = subprocess.Popen(
            [RINGCAST, "--port", "0", "--listen", "127.0.0.1", "--reactors", "2", "--io", engine, "--drain-delay", "0s"],
            preexec_fn=load_filter, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("RINGCAST_")})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.kill)
        said = ""
        for line in server.stdout:
            said += line
            found = re.match(r"listening on (http://\S+)", line)
            if found:
                break
        else:
            self.fail(said)
        url = found[1]
        with urllib.request.urlopen(url + "/health", timeout=30) as answer:
            self.assertEqual(answer.read().strip(), b"OK")
        message = json.dumps({"room": "general", "user": "Alice", "content": "Hello"}).encode()
        request = urllib.request.Request(url + "/messages", message, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertEqual(json.load(answer)["status"], "sent")
        with urllib.request.urlopen(url + "/", timeout=30) as answer:
            self.assertIn(b"<html", answer.read())
        server.send_signal(signal.SIGHUP)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0)

    def test_serves_with_epoll(self):
        self.serve("epoll")

    def test_serves_with_io_uring(self):
        # Without a filter it may be refused here too; then there is nothing to be shown.
        plain = subprocess.run([RINGCAST, "doctor", "--connections", "1", "--io", "uring"], capture_output=True, text=True)
        if "io_uring cannot be used" in plain.stdout:
            self.skipTest("no io_uring here")
        self.serve("uring")

    def test_a_table_of_descriptors_but_no_namespace(self):
        self.assertEqual(in_child(lambda: libc.unshare(CLONE_FILES)), 0)
        self.assertEqual(in_child(lambda: libc.unshare(CLONE_NEWUTS)), errno.EPERM)
        self.assertEqual(in_child(lambda: libc.unshare(CLONE_FILES | CLONE_NEWUTS)), errno.EPERM)

    def test_clone3_sends_the_c_library_to_clone(self):
        number = seccomp.seccomp_syscall_resolve_name(b"clone3")
        if number < 0:
            self.skipTest("this libseccomp does not know clone3")
        self.assertEqual(in_child(lambda: libc.syscall(number, None, 0)), errno.ENOSYS)

    def test_what_is_not_named_is_refused(self):
        self.assertEqual(in_child(lambda: libc.mount(b"none", b"/", b"tmpfs", 0, None)), errno.EPERM)
        self.assertEqual(in_child(lambda: libc.ptrace(0, 0, 0, 0)), errno.EPERM)

    def test_the_unit_names_what_the_profile_allows(self):
        unit = (SOURCE / "packaging/ringcast.service").read_text()
        allowed = {name for rule in PROFILE["syscalls"] for name in rule["names"]}
        for name in ("io_uring_setup", "io_uring_enter", "io_uring_register", "unshare"):
            self.assertIn(name, allowed)
            self.assertRegex(unit, rf"(?m)^SystemCallFilter=.*\b{name}\b")


if __name__ == "__main__":
    unittest.main()
