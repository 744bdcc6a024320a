#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ringcast under packaging/seccomp.json: serves with both engines, and what the profile leaves out is refused.
Under filters that refuse one system call: it serves without those that are not essential, and names those that are.

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
import socket
import subprocess
import sys
import time
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
        unit = (SOURCE / "packaging/ringcast.service.in").read_text()
        allowed = {name for rule in PROFILE["syscalls"] for name in rule["names"]}
        for name in ("io_uring_setup", "io_uring_enter", "io_uring_register", "unshare"):
            self.assertIn(name, allowed)
            self.assertRegex(unit, rf"(?m)^SystemCallFilter=.*\b{name}\b")


# Calls that something else stands in for, or that only make things better.
OPTIONAL = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "epoll_pwait2", "epoll_wait", "unshare", "close_range", "prlimit64",
    "setrlimit", "sched_getaffinity", "sched_setaffinity", "getrandom", "rseq", "set_robust_list", "membarrier",
    "madvise", "mbind", "get_mempolicy", "mincore", "getcpu", "statx", "faccessat2", "uname", "sysinfo", "prctl",
    "rt_sigpending", "getpeername", "sched_yield", "clock_getres")
# Calls that it cannot do without: the start fails, and the message names the call.
NEEDED = {
    "epoll_create1": "epoll_create1", "epoll_ctl": "epoll_ctl", "eventfd2": "eventfd", "socket": "socket", "bind": "bind",
    "listen": "listen", "setsockopt": "SO_REUSEPORT", "rt_sigtimedwait": "signals",
    "accept4": "accept4", "recvfrom": "recvfrom", "sendmsg": "sendmsg", "sendto": "sendto"}


def refuse(name, error):
    """Loads a filter that allows everything but one call; False where the call is unknown here."""
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        return None
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ALLOW)))
    assert seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ERRNO | error), number, 0, None) == 0

    def load():
        if seccomp.seccomp_load(context) != 0:
            os._exit(99)
    return load


class OneCallRefused(unittest.TestCase):
    def start(self, load, engine, listen=("--listen", "127.0.0.1")):
        server = subprocess.Popen(
            [RINGCAST, "--port", "0", *listen, "--reactors", "2", "--io", engine, "--drain-delay", "0s",
             "--drain-period", "0s"],
            preexec_fn=load, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("RINGCAST_")})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.kill)
        said = ""
        for line in server.stdout:
            said += line
            found = re.match(r"listening on (http://\S+)", line)
            if found:
                return server, found[1], said
        server.wait(60)
        return server, None, said

    def get(self, url):
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()

    def waits(self, url):
        found = re.findall(r"(?m)^ringcast_engine_waits_total\{[^}]*\} (\d+)", self.get(url + "/metrics"))
        self.assertTrue(found)
        return sum(map(int, found))

    def test_optional_calls(self):
        for name in OPTIONAL:
            for error in (errno.EPERM, errno.ENOSYS):
                for engine in ("auto", "epoll"):
                    load = refuse(name, error)
                    if load is None:
                        continue
                    with self.subTest(call=name, error=errno.errorcode[error], engine=engine):
                        server, url, said = self.start(load, engine)
                        self.assertIsNotNone(url, said)
                        message = json.dumps({"room": "general", "user": "Alice", "content": "Hello"}).encode()
                        request = urllib.request.Request(url + "/messages", message, {"Content-Type": "application/json"})
                        with urllib.request.urlopen(request, timeout=30) as answer:
                            self.assertEqual(json.load(answer)["status"], "sent")
                        self.assertIn("Hello", self.get(url + "/history?room=general"))
                        # Nothing to do for a while: a loop that never sleeps would wait some 100,000 times.
                        before = self.waits(url)
                        time.sleep(0.1)
                        self.assertLess(self.waits(url) - before, 2000)
                        server.send_signal(signal.SIGTERM)
                        self.assertEqual(server.wait(60), 0)

    def test_needed_calls(self):
        for name, shown in NEEDED.items():
            for error in (errno.EPERM, errno.ENOSYS):
                load = refuse(name, error)
                if load is None:
                    continue
                with self.subTest(call=name, error=errno.errorcode[error]):
                    server, url, said = self.start(load, "epoll")
                    self.assertIsNone(url, said)
                    self.assertEqual(server.returncode, 1, said)
                    self.assertRegex(said, f"ringcast: .*{shown}.*: {os.strerror(error)}")

    def test_a_machine_without_ipv6(self):
        context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ALLOW)))
        of_ipv6 = (Comparison * 1)(Comparison(0, COMPARISONS["SCMP_CMP_EQ"], socket.AF_INET6, 0))
        number = seccomp.seccomp_syscall_resolve_name(b"socket")
        self.assertEqual(
            seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ERRNO | errno.EAFNOSUPPORT), number, 1, of_ipv6), 0)
        server, url, said = self.start(lambda: seccomp.seccomp_load(context), "auto", listen=())
        self.assertRegex(url, "http://127.0.0.1:", said)
        self.assertEqual(self.get(url + "/health").strip(), "OK")

    def test_threads(self):
        # The C library takes clone where clone3 is not there, and nothing where it is refused.
        _, url, said = self.start(refuse("clone3", errno.ENOSYS), "epoll")
        self.assertIsNotNone(url, said)
        server, url, said = self.start(refuse("clone3", errno.EPERM), "epoll")
        self.assertEqual((url, server.returncode), (None, 1), said)
        self.assertRegex(said, "ringcast: starting a thread: Operation not permitted")


if __name__ == "__main__":
    unittest.main()
