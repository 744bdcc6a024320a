#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/tune on made-up roots: nothing of this machine is read or changed.

    tune_test.py SOURCE_ROOT [unittest arguments]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
MEMORY_KB = 16 * 1024 * 1024
PAGES = MEMORY_KB * 1024 // os.sysconf("SC_PAGESIZE")

# As a kernel shows them: tabs in triples, and values of which some are already higher than the profile's.
KERNEL = {
    "fs.file-max": "9223372036854775807",
    "fs.nr_open": "1048576",
    "kernel.random.boot_id": "b0071d00-0000-4000-8000-000000000001",
    "net.core.somaxconn": "4096",
    "net.core.netdev_max_backlog": "1000",
    "net.core.rmem_max": "212992",
    "net.core.wmem_max": "212992",
    "net.ipv4.tcp_max_syn_backlog": "1024",
    "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
    "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
    "net.ipv4.tcp_mem": "189345\t252462\t378690",
    "net.ipv4.tcp_slow_start_after_idle": "1",
    "net.ipv4.tcp_max_orphans": "65536",
    "net.ipv4.tcp_max_tw_buckets": "65536",
    "net.ipv4.tcp_tw_reuse": "2",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.netfilter.nf_conntrack_max": "262144",
    "net.netfilter.nf_conntrack_buckets": "65536",
}


class TuneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A copy that everybody may read, wherever the sources are: some cases run as nobody.
        cls.copy = pathlib.Path(tempfile.mkdtemp(prefix="tune_test."))
        cls.addClassCleanup(shutil.rmtree, cls.copy)
        (cls.copy / "tools").mkdir()
        shutil.copy(SOURCE / "tools/tune", cls.copy / "tools/tune")
        shutil.copytree(SOURCE / "sysctl", cls.copy / "sysctl")
        for path in [cls.copy, *cls.copy.rglob("*")]:
            path.chmod(0o755)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tune_test."))
        self.addCleanup(shutil.rmtree, self.root)
        for key, value in KERNEL.items():
            self.path(key).parent.mkdir(parents=True, exist_ok=True)
            self.path(key).write_text(value + "\n")
        (self.root / "proc/meminfo").write_text(f"MemTotal:       {MEMORY_KB} kB\nMemFree: 1 kB\n")
        (self.root / "etc/security/limits.d").mkdir(parents=True)
        (self.root / "var/lib").mkdir(parents=True)
        self.limits = self.root / "etc/security/limits.d/ringcast.conf"

    def path(self, key):
        return self.root / "proc/sys" / key.replace(".", "/")

    def value(self, key):
        return self.path(key).read_text().rstrip("\n")

    def run_tune(self, *arguments, prefix=()):
        environment = {"PATH": os.environ["PATH"], "TUNE_ROOT": str(self.root), "LC_ALL": "C"}
        return subprocess.run([*prefix, str(self.copy / "tools/tune"), *arguments], env=environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)

    def tune(self, *arguments, status=0, **more):
        done = self.run_tune(*arguments, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def tree(self):
        """Every file below the root and its bytes."""
        return {str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
                for path in sorted(self.root.rglob("*"))}

    # --- the round ---

    def test_apply_check_revert_restores_every_byte(self):
        before = self.tree()
        self.assertIn("not as they should be", self.tune("check", status=1))
        self.assertEqual(self.tree(), before, "check changes nothing")
        self.tune("apply")
        self.assertNotEqual(self.tree(), before)
        self.tune("check")
        self.assertEqual(self.value("net.core.somaxconn"), "65535")
        self.assertEqual(self.limits.read_bytes(), (SOURCE / "sysctl/limits.conf").read_bytes())
        self.tune("revert")
        self.assertEqual(self.tree(), before)

    def test_a_second_apply_keeps_what_the_first_one_found(self):
        before = self.tree()
        self.tune("apply")
        self.tune("apply", "--profile", "throughput", "--load")
        self.assertEqual(self.value("net.ipv4.ip_local_port_range"), "10000 65535")
        self.assertEqual(self.value("net.ipv4.tcp_rmem"), "4096 131072 16777216")
        self.tune("check")  # as last applied
        self.tune("check", "--profile=idle", status=1)
        self.tune("revert")
        self.assertEqual(self.tree(), before)

    def test_what_is_higher_already_is_not_lowered(self):
        self.path("net.core.wmem_max").write_text("33554432\n")
        self.tune("apply")
        self.assertEqual(self.value("fs.file-max"), "9223372036854775807")
        self.assertEqual(self.value("net.core.wmem_max"), "33554432")
        self.assertIn("net.core.wmem_max = 33554432\n", self.tune("print"))

    def test_no_limit_of_conntrack_stays_none(self):
        self.path("net.netfilter.nf_conntrack_max").write_text("0\n")
        self.tune("apply")
        self.assertEqual(self.value("net.netfilter.nf_conntrack_max"), "0")

    def test_tcp_mem_is_worked_out_from_memory_in_pages(self):
        self.tune("apply")
        self.assertEqual(self.value("net.ipv4.tcp_mem"), f"{PAGES // 8} {PAGES * 3 // 16} {PAGES // 4}")
        self.tune("apply", "--profile", "throughput")
        self.assertEqual(self.value("net.ipv4.tcp_mem"), f"{PAGES // 8} {PAGES // 4} {PAGES * 3 // 8}")

    def test_connections_raise_what_is_too_little(self):
        self.tune("apply", "--connections", "4000000")
        self.assertGreaterEqual(int(self.value("fs.nr_open")), 4_200_000)
        self.assertGreaterEqual(int(self.value("net.netfilter.nf_conntrack_max")), 4_000_000)
        self.tune("check")
        buckets = int(self.value("net.netfilter.nf_conntrack_buckets"))
        self.assertGreaterEqual(buckets, 1_000_000)
        self.assertEqual(buckets % 512, 0, "the kernel rounds up to whole pages of chains, and would say another value")
        self.tune("check", "--connections=5000000", status=1)
        self.tune("check", "--connections=1000", status=0)

    def test_a_limits_file_that_was_there_comes_back(self):
        self.limits.write_text("* hard nofile 7\n")
        self.limits.chmod(0o600)
        self.tune("apply")
        self.assertNotIn("nofile 7", self.limits.read_text())
        self.tune("revert")
        self.assertEqual(self.limits.read_text(), "* hard nofile 7\n")
        self.assertEqual(self.limits.stat().st_mode & 0o777, 0o600)

    def test_no_limits_file_above_nr_open(self):
        self.path("fs.nr_open").unlink()
        self.path("fs.nr_open").mkdir()
        said = self.tune("apply", status=1)
        self.assertIn("it would make logins fail", said)
        self.assertFalse(self.limits.exists())

    def test_revert_without_apply_and_twice(self):
        before = self.tree()
        self.assertIn("nothing to revert", self.tune("revert"))
        self.tune("apply")
        self.tune("revert")
        self.assertIn("nothing to revert", self.tune("revert"))
        self.assertEqual(self.tree(), before)

    def test_after_a_restart_only_files_are_reverted(self):
        self.tune("apply")
        for key, value in KERNEL.items():
            self.path(key).write_text(value + "\n")
        self.path("kernel.random.boot_id").write_text("b0071d00-0000-4000-8000-000000000002\n")
        self.path("net.core.somaxconn").write_text("8192\n")  # by the new kernel's own configuration
        self.assertIn("has restarted", self.tune("revert"))
        self.assertEqual(self.value("net.core.somaxconn"), "8192")
        self.assertFalse(self.limits.exists())

    def test_apply_after_a_restart_remembers_the_new_values(self):
        self.tune("apply")
        for key, value in KERNEL.items():
            self.path(key).write_text(value + "\n")
        self.path("kernel.random.boot_id").write_text("b0071d00-0000-4000-8000-000000000002\n")
        self.path("net.core.somaxconn").write_text("8192\n")
        self.tune("apply")
        self.tune("revert")
        self.assertEqual(self.value("net.core.somaxconn"), "8192")
        self.assertFalse(self.limits.exists())

    # --- what it may not ---

    def test_absent_conntrack_is_no_failure(self):
        shutil.rmtree(self.root / "proc/sys/net/netfilter")
        self.assertRegex(self.tune("apply"), r"skipped +net\.netfilter\.nf_conntrack_max: conntrack is not loaded")
        self.tune("check")
        self.tune("revert")

    def test_a_key_that_is_not_there_is_named(self):
        self.path("net.ipv4.tcp_mem").unlink()
        before = self.tree()
        self.assertRegex(self.tune("apply", status=1), r"cannot +net\.ipv4\.tcp_mem: .*network namespace")
        self.assertEqual(self.value("net.core.somaxconn"), "65535", "the others are set")
        self.assertRegex(self.tune("check", status=1), r"missing +net\.ipv4\.tcp_mem")
        self.tune("revert")
        self.assertEqual(self.tree(), before)

    def test_a_value_that_cannot_be_written_is_named_with_the_reason(self):
        prefix = self.as_nobody()
        for key in ("net.core.somaxconn", "fs.nr_open"):
            self.path(key).chmod(0o444)
        said = self.tune("apply", status=1, prefix=prefix)
        self.assertRegex(said, r"cannot +net\.core\.somaxconn = 65535 \(is 4096\): needs root")
        self.assertRegex(said, r"cannot +fs\.nr_open = 2000000 \(is 1048576\): needs root")
        self.assertIn("2 could not be set", said)
        self.assertEqual(self.value("net.ipv4.tcp_max_syn_backlog"), "65535")
        self.tune("revert", prefix=prefix)
        for key, value in KERNEL.items():
            self.assertEqual(self.value(key), value, key)

    def test_what_cannot_be_restored_is_remembered(self):
        prefix = self.as_nobody()
        self.tune("apply", prefix=prefix)
        self.path("net.core.somaxconn").chmod(0o444)
        self.assertRegex(self.tune("revert", status=1, prefix=prefix), r"cannot +net\.core\.somaxconn = 4096: needs root")
        self.assertEqual(self.value("net.ipv4.tcp_max_syn_backlog"), "1024")
        self.path("net.core.somaxconn").chmod(0o644)
        self.tune("revert", prefix=prefix)
        self.assertEqual(self.value("net.core.somaxconn"), "4096")

    def test_without_a_place_for_the_state_nothing_is_changed(self):
        shutil.rmtree(self.root / "var")
        (self.root / "var").write_text("in the way")
        before = self.tree()
        self.assertIn("nothing was changed", self.tune("apply", status=1))
        self.assertEqual(self.tree(), before)

    def test_a_damaged_state_changes_nothing(self):
        self.tune("apply")
        values = self.root / "var/lib/ringcast/tune/values"
        values.write_text(values.read_text() + "gibberish\n")
        before = self.tree()
        self.assertIn("gibberish", self.tune("revert", status=1))
        self.assertEqual(self.tree(), before)

    def as_nobody(self):
        """Permissions mean nothing to root, so it gives the tree away and runs as somebody else."""
        if os.getuid() != 0:
            return ()
        if shutil.which("setpriv") is None:
            self.skipTest("no setpriv")
        for path in [self.root, *self.root.rglob("*")]:
            os.chown(path, 65534, 65534)
        return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

    # --- arguments ---

    def test_wrong_arguments_are_named_and_change_nothing(self):
        before = self.tree()
        for arguments, named in [
                ((), "tools/tune apply"),
                (("tune",), '"tune"'),
                (("apply", "--profile", "fast"), '"fast"'),
                (("apply", "--profile"), "--profile"),
                (("apply", "--connections", "0"), '"0"'),
                (("apply", "--connections", "1e6"), '"1e6"'),
                (("apply", "--connections=-5"), '"-5"'),
                (("check", "--connections"), "--connections"),
                (("apply", "now"), '"now"'),
                (("revert", "--load"), "revert"),
        ]:
            self.assertIn(named, self.tune(*arguments, status=2), arguments)
        self.assertEqual(self.tree(), before)

    def test_help(self):
        self.assertIn("revert", self.tune("--help"))

    # --- the profiles ---

    def test_each_value_has_its_line_of_why(self):
        for name in ("idle", "throughput", "load"):
            lines = (SOURCE / f"sysctl/{name}.conf").read_text().splitlines()
            settings = [index for index, line in enumerate(lines) if re.match(r"(#computed )?[a-z]+\.", line)]
            self.assertGreater(len(settings), 2)
            for index in settings:
                self.assertRegex(lines[index - 1], r"^# .{30,}", lines[index])
            self.assertNotRegex("\n".join(lines), r"(?m)^net\.ipv4\.tcp_mem", "it is in pages: never pasted")

    def test_print_has_values_alone_and_changes_nothing(self):
        before = self.tree()
        printed = self.tune("print", "--load")
        self.assertEqual(self.tree(), before)
        self.assertIn(f"net.ipv4.tcp_mem = {PAGES // 8} ", printed)
        self.assertIn("net.ipv4.ip_local_port_range = 10000 65535", printed)
        for line in printed.splitlines()[1:]:
            self.assertRegex(line, r"^-?[a-z][a-z0-9_.-]+ = \d+( \d+){0,2}$")

    def test_limits_stay_below_the_default_of_nr_open(self):
        figures = re.findall(r"(?m)^[^#].*nofile (\d+)$", (SOURCE / "sysctl/limits.conf").read_text())
        self.assertEqual(len(figures), 4)
        for figure in figures:
            self.assertLess(int(figure), 1_048_576)


if __name__ == "__main__":
    unittest.main()
