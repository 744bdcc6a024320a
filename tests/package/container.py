# SPDX-License-Identifier: Apache-2.0
"""Plays packaging/Containerfile step by step in bare systems, without a container daemon, and uses what comes out as a
container's runtime would: as its user, on a read-only file system, without capabilities, as process 1."""
import difflib
import glob
import ipaddress
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

import bare

SUITES = {"debian:12-slim": "bookworm", "debian:13-slim": "trixie"}


def parse(text):
    """[(INSTRUCTION, rest)], continuation lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    steps = re.sub(r"\\\n", " ", "\n".join(lines)).splitlines()
    return [tuple(re.split(r"\s+", step.strip(), maxsplit=1)) for step in steps if step.strip()]


def ignored(context):
    """.dockerignore as arguments of tar."""
    words = []
    for line in (context / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            deep = line.startswith("**/")
            words += ["--no-anchored", f"--exclude={line[3:]}"] if deep else ["--anchored", f"--exclude=./{line}"]
    return words


class Image:
    """A stage of the file, while it is played."""

    def __init__(self, system):
        self.system, self.directory, self.user = system, "/", None
        self.health, self.stop_signal, self.entry, self.ports = None, "SIGTERM", None, []

    def copy(self, context, stages, rest):
        source = re.match(r"--from=(\S+) ", rest)
        *names, target = rest[source.end() if source else 0:].split()
        goal = self.system.root / (pathlib.PurePosixPath(self.directory) / target).relative_to("/")
        goal.mkdir(parents=True, exist_ok=True)
        if source:
            root = stages[source[1]].system.root
            paths = [path for name in names for path in glob.glob(str(root / name.lstrip("/")))]
            assert paths, f"COPY {rest}: there is no such file"
            for path in paths:
                shutil.copy(path, goal)
        else:
            assert names == ["."], f"COPY {rest}: only the whole context is understood"
            tar = subprocess.Popen(["tar", "-C", context, *ignored(context), "-cf", "-", "."], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-C", goal, "--no-same-owner", "-xf", "-"], stdin=tar.stdout, check=True)
            assert tar.wait() == 0

    def start(self, environment, log):
        command = self.system.command(self.entry, user=self.user, read_only=True, directory=self.directory)
        return subprocess.Popen(command, env=bare.environment(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def healthy(self, environment):
        command = self.system.command(["/bin/sh", "-c", self.health], user=self.user, read_only=True)
        return subprocess.run(command, env=bare.environment(environment), capture_output=True, check=False).returncode == 0


def build(context, folder, log):
    """Plays the file; its last stage, and the stages by name."""
    stages, image = {}, None
    for instruction, rest in parse((context / "packaging/Containerfile").read_text()):
        log.write(f"== {instruction} {rest}\n")
        log.flush()
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            assert base in SUITES, f"FROM {base}: known are {', '.join(SUITES)}"
            name = name or "final"
            image = stages[name] = Image(bare.Bare(SUITES[base], folder, f"container-{name}", log))
            image.suite = SUITES[base]
        elif instruction == "WORKDIR":
            image.directory = rest
            (image.system.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            image.copy(context, stages, rest)
        elif instruction == "RUN":
            image.system.run("/bin/sh", "-c", rest, directory=image.directory, user=image.user)
        elif instruction == "USER":
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest), f"USER {rest}: not two numbers, or root"
            image.user = rest.split(":")
        elif instruction == "EXPOSE":
            image.ports.append(int(rest))
        elif instruction == "HEALTHCHECK":
            image.health = re.fullmatch(r"(?:--\S+ )*\s*CMD (.+)", rest)[1]
        elif instruction == "STOPSIGNAL":
            image.stop_signal = rest
        elif instruction == "ENTRYPOINT":
            image.entry = json.loads(rest)
        else:
            raise AssertionError(f"{instruction} is not understood by this test")
    return image, stages


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(url):
    try:
        return urllib.request.urlopen(url, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def try_image(image, log):
    """Runs the container, holds it against what its file promises, and stops it with a client connected."""
    port = free_port()
    environment = {"RINGCAST_PORT": str(port), "RINGCAST_DRAIN_DELAY": "1s", "RINGCAST_DRAIN_PERIOD": "1s"}
    url = f"http://127.0.0.1:{port}"
    assert image.user and image.ports == [3000] and image.health
    assert not image.healthy(environment), "the health check passes while nothing runs"
    written = image.system.run("touch", "/tmp/file", user=image.user, read_only=True, check=False)
    assert written.returncode != 0, "the file system is not read-only"
    process = image.start(environment, log)
    try:
        bare.until("the container is healthy", lambda: process.poll() is not None or image.healthy(environment))
        assert process.poll() is None, "the container ended"
        status = pathlib.Path(f"/proc/{bare.first_child(process.pid)}/status").read_text()
        for wanted in (r"Uid:\t65534\t", r"Gid:\t65534\t", r"NoNewPrivs:\t1\n", r"CapEff:\t0+\n", r"NSpid:.*\t1\n"):
            assert re.search(wanted, status), f"{wanted} is not in\n{status}"
        with urllib.request.urlopen(f"{url}/events?rooms=a", timeout=30) as stream:
            bare.until("the stream begins", lambda: b"connection_id" in stream.readline())
            bare.stop(process, image.stop_signal)
            bare.until("/ready says no", lambda: status_of(f"{url}/ready") in (503, None))
            received = stream.read().decode()
        assert "event: reconnect" in received, f"the client heard only {received!r}"
        assert process.wait(timeout=bare.DEADLINE_S) == 0, f"it ended with {process.returncode}"
    finally:
        process.kill()
        process.wait()


def check_node(path, context, service):
    """A service of compose names files that are there, and grants no more than the head of the Containerfile."""
    root = (path.parent / service["build"]["context"]).resolve()
    assert root == context.resolve() and (root / service["build"]["dockerfile"]).is_file()
    options = dict(option.replace(":", "=", 1).split("=", 1) for option in service["security_opt"])
    assert (path.parent / options["seccomp"]).is_file() and options["no-new-privileges"] == "true"
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "RINGCAST_API_KEYS" in service["environment"]
    seconds = int(re.fullmatch(r"(\d+)s", service["stop_grace_period"])[1])
    assert seconds > 2 + 10, "shorter than drain_delay and drain_period"


def check_compose(context):
    import yaml
    path = context / "packaging/compose.yaml"
    check_node(path, context, yaml.safe_load(path.read_text())["services"]["ringcast"])


def check_compose_cluster(context, ringcast):
    """compose.cluster.yaml: nodes with settings that the program takes, which trust nginx alone; nginx, with the changed
    configuration, serves all of them."""
    import yaml
    path = context / "packaging/compose.cluster.yaml"
    compose = yaml.safe_load(path.read_text())
    services = compose["services"]
    nodes = {name: service for name, service in services.items() if service["image"] == "ringcast"}
    assert len(nodes) >= 2 and set(services) == {*nodes, "redis", "nginx"}
    (subnet,) = (ipaddress.ip_network(each["subnet"]) for each in compose["networks"]["ringcast"]["ipam"]["config"])
    address = {name: service["networks"]["ringcast"]["ipv4_address"] for name, service in services.items() if name != "redis"}
    assert len(set(address.values())) == len(address) and all(ipaddress.ip_address(one) in subnet for one in address.values())
    for name, service in nodes.items():
        check_node(path, context, service)
        given = service["environment"]
        assert given["RINGCAST_NODE_NAME"] == name and given["RINGCAST_TRUSTED_PROXIES"] == address["nginx"]
        assert given["RINGCAST_BROKER"] == "redis://redis" and service["depends_on"]["redis"]["condition"] == "service_healthy"
        settings = {**given, "RINGCAST_API_KEYS": "a-secret-of-some-length"}
        shown = subprocess.run([ringcast, "--print-config"], env=settings, capture_output=True, text=True, check=True).stdout
        for key, value in (("broker", "redis://redis"), ("node_name", name), ("trusted_proxies", address["nginx"])):
            assert re.search(rf"(?m)^{key} = .*{re.escape(value)}", shown), f"{key} of {name} does not arrive in\n{shown}"
    assert services["redis"]["networks"] == ["ringcast"] and set(compose["volumes"]) == {"redis"}
    # The script of nginx, but for its last word, with files of its own.
    nginx = services["nginx"]
    assert set(nginx["depends_on"]) == set(nodes) and nginx["volumes"] == ["./nginx.conf:/ringcast.conf:ro"]
    with tempfile.TemporaryDirectory() as folder:
        text = nginx["command"][2].replace("/ringcast.conf", str(path.parent / "nginx.conf")).replace("/etc/nginx/", f"{folder}/")
        (pathlib.Path(folder) / "conf.d").mkdir()
        (pathlib.Path(folder) / "nginx.conf").write_text("events {\n    worker_connections  1024;\n}\n")
        script, last = text.rstrip().rsplit("\n", 1)
        assert last.startswith("exec nginx ")
        subprocess.run([*nginx["command"][:2], "set -e\n" + script], check=True)
        site = (pathlib.Path(folder) / "conf.d/default.conf").read_text()
        assert "worker_connections 16384;" in (pathlib.Path(folder) / "nginx.conf").read_text()
    found = re.findall(r"^ +(server [\d.:; server]+)$", site, re.M)
    assert found == [" ".join(f"server {address[name]}:3000;" for name in nodes)], found
    changed = difflib.unified_diff((path.parent / "nginx.conf").read_text().splitlines(), site.splitlines(), lineterm="", n=0)
    assert len(list(changed)) == 2 + 1 + 2, "one line changes"
