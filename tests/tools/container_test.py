#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ringcast where io_uring and unshare(2) are refused, as containers do by default: it says so and serves all the same.

    container_test.py WITHOUT_URING RINGCAST
"""
import json
import re
import signal
import subprocess
import sys
import unittest
import urllib.request

WITHOUT, RINGCAST = sys.argv.pop(1), sys.argv.pop(1)


class Container(unittest.TestCase):
    def test_serves_with_epoll_and_one_shared_table(self):
        server = subprocess.Popen(
            [WITHOUT, "--no-unshare", RINGCAST, "--port=0", "--listen=127.0.0.1", "--reactors=2", "--drain-delay=0s",
             "--drain-period=100ms", "--close-timeout=500ms"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            url = re.search(r"http://\S+", server.stdout.readline()).group(0)
            body = json.dumps({"room": "r", "user": "u", "content": "hello"}).encode()
            request = urllib.request.Request(url + "/messages", body, {"Content-Type": "application/json"})
            sent = json.load(urllib.request.urlopen(request, timeout=20))
            history = json.load(urllib.request.urlopen(url + "/history?room=r", timeout=20))
            self.assertEqual([message["id"] for message in history["messages"]], [sent["event_id"]])
            stats = json.load(urllib.request.urlopen(url + "/stats", timeout=20))
            self.assertEqual(stats["io"], "epoll")
            self.assertRegex(stats["io_fallback"], "^io_uring_setup: Operation not permitted")
            metrics = urllib.request.urlopen(url + "/metrics", timeout=20).read().decode()
            for core in (0, 1):
                self.assertRegex(metrics, rf'(?m)^ringcast_engine_info{{core="{core}",io="epoll",'
                                          r'fallback="io_uring_setup: Operation not permitted [^"]*"} 1$')
        finally:
            server.send_signal(signal.SIGTERM)
            _, log = server.communicate(timeout=30)
        self.assertEqual(server.returncode, 0, log)
        self.assertIn("io_uring_unavailable", log)
        self.assertIn("shared_descriptor_table", log)


if __name__ == "__main__":
    unittest.main()
