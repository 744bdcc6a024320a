# SPDX-License-Identifier: Apache-2.0
"""The life of the Debian package on a booted bare system: install, use, keys, reload, upgrade with the settings as they
came and edited, stop, remove, purge."""
import json
import pathlib
import re
import shutil
import subprocess

import bare

SETTINGS = "/etc/ringcast/ringcast.toml"
GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/tls.md"
KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"


class LifeCycle:
    def __init__(self, suite, deb, folder, log):
        self.deb, self.folder, self.log = deb, folder, log
        self.system = bare.Bare(suite, folder, f"life-{suite}", log)
        self.steps = [self.install, self.serves, self.use, self.fresh_secrets, self.keys, self.reload, self.tls,
                      self.upgrade_untouched, self.upgrade_edited, self.drains, self.remove, self.install_on_taken_port, self.purge]

    def prepare(self):
        self.system.run("apt-get", "update", "-qq")
        self.system.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "systemd-sysv")

    def fetch(self):
        """What the network is needed for, as the booted system has none."""
        shutil.copy(self.deb, self.system.root / "srv/1.deb")
        self.system.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "--download-only", "/srv/1.deb")
        self.remade("2.deb", "2", 'log_level = "warning"\n')
        self.remade("3.deb", "3", 'log_level = "error"\n')

    def boot(self):
        self.system.boot()

    def remade(self, name, revision, more):
        """The package with another revision, and with settings that end otherwise."""
        folder = self.folder / f"{self.system.root.name}-{revision}"
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-R", self.deb, folder], check=True)
        control = folder / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^(Version: .*)-\d+", rf"\1-{revision}", control.read_text()))
        with open(folder / SETTINGS[1:], "a", encoding="utf-8") as settings:
            settings.write(more)
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", folder,
                        self.system.root / "srv" / name], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)

    # --- what the steps are made of ---

    def apt(self, *words):
        return self.system.on("apt-get", "-y", "-q", "--no-install-recommends", *words)

    def file(self, path):
        return self.system.root / path[1:]

    def show(self, what):
        return self.system.on("systemctl", "show", "--value", "-p", what, "ringcast").strip()

    def answers(self, path="/health", *words):
        """The status."""
        done = self.system.curl("-o", "/dev/null", "-w", "%{http_code}", *words, f"http://localhost:3000{path}", check=False)
        return done.stdout[-3:]

    def up(self):
        bare.until("ringcast answers or failed", lambda: self.answers() == "200" or self.show("ActiveState") == "failed")
        assert self.show("ActiveState") == "active", self.system.on("journalctl", "-u", "ringcast", "-n", "30", "--no-pager")

    def restart(self):
        self.system.on("systemctl", "restart", "ringcast", check=False)
        self.up()

    def named(self):
        """Files that belong to ringcast by their names, outside of logs and of the package manager's own."""
        done = self.system.on("find", "/", "-xdev", "-iname", "*ring[cl]*a[sd]*", "-not", "-path", "/srv/*", "-not", "-path",
                              "/var/log/*", "-not", "-path", "/var/lib/dpkg/*", "-not", "-path", "/var/cache/*")
        return done.split()

    # --- the steps ---

    def install(self):
        assert self.named() == []
        self.apt("install", "/srv/1.deb")
        self.up()
        self.shipped = self.file(SETTINGS).read_text()
        assert self.show("UnitFileState") == "enabled"
        assert self.system.on("stat", "-c", "%U:%G %a", SETTINGS).strip() == "root:ringcast 640"
        assert self.system.on("stat", "-c", "%U:%G %a", "/etc/ringcast/keys").strip() == "root:root 700"

    def serves(self):
        """As its own user, on loopback addresses alone."""
        pid = self.show("MainPID")
        assert self.system.on("stat", "-c", "%U:%G", f"/proc/{pid}").strip() == "ringcast:ringcast"
        listening = re.findall(r"(?m)^ *\d+: ([0-9A-F]+):0BB8 \S+ 0A ", self.system.on("cat", "/proc/net/tcp", "/proc/net/tcp6"))
        assert set(listening) == {"0100007F", "00000000000000000000000001000000"}, listening

    def use(self):
        """Programs, manual pages, completion, the kernel profile, documentation."""
        version = re.search(r"_([\d.]+)-", self.deb.name)[1]
        assert version in self.system.on("ringcast", "--version")
        self.system.on("ringcast", "publish", "--room", "a", "hello")
        load = self.system.on("ringload", "fanout", "--target", "127.0.0.1:3000", "--members", "5", "--rate", "5", "--duration",
                              "1s", "--fail-if", "lost>0", "--fail-if", "deliveries<1", check=False)
        assert load.returncode in (0, 4), load.stdout  # a busy machine makes it INVALID
        assert "net.core.somaxconn" in self.system.on("ringcast-tune", "print")
        page = self.file("/usr/share/man/man1/ringcast.1.gz")
        if page.exists():  # minimal systems leave manual pages and documentation out
            assert "heartbeat" in subprocess.run(["gzip", "-dc", page], capture_output=True, text=True, check=True).stdout
        assert self.file("/usr/share/zsh/vendor-completions/_ringcast").exists()
        script = ('. /usr/share/bash-completion/completions/ringcast; COMP_WORDS=($1 "$2" ${3+"$3"}); '
                  'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ringcast $1; echo "${COMPREPLY[*]}"')
        for words, wanted in ((("ringcast", "--heartbeat-i"), "--heartbeat-interval"), (("ringcast", "pub"), "publish"),
                              (("ringcast", "--io", "ep"), "epoll"), (("ringcast", "publish", "--api-key-f"), "--api-key-file"),
                              (("ringload", "--conne"), "--connections")):
            assert wanted in self.system.on("bash", "-c", script, "bash", *words).split(), words

    def fresh_secrets(self):
        """`ringcast init` as docs/operating.md says."""
        self.system.on("sh", "-ec", f"rm {SETTINGS}; ringcast init {SETTINGS}; chown root:ringcast /etc/ringcast/ringcast.*; "
                       "chmod 640 /etc/ringcast/ringcast.*")
        self.restart()
        assert self.answers("/poll?rooms=a") == "401"
        self.system.on("sh", "-ec", f"rm /etc/ringcast/ringcast.*; cat >{SETTINGS} <<'E'\n{self.shipped}E\n"
                       f"chown root:ringcast {SETTINGS}; chmod 640 {SETTINGS}")
        self.restart()

    def keys(self):
        """Keys that root alone can read reach the service; an API key comes from the environment file."""
        for path, text in (("/etc/ringcast/keys/push", KEY), ("/etc/ringcast/environment", f"RINGCAST_API_KEYS={KEY}\n")):
            self.file(path).write_text(text)
            self.file(path).chmod(0o600)
        self.edit('jwt_keys = ["HS256:/run/credentials/ringcast.service/keys_push"]\nlisten = ["127.0.0.1", "[::1]"]\n')
        self.restart()
        self.token = self.system.on("ringcast", "token", "--user", "alice", "--allow", "subscribe:a", "--jwt-keys", "HS256:/etc/ringcast/keys/push").strip()
        self.keys_work()

    def keys_work(self):
        """With a user's token and with the server's key, and not without."""
        assert self.answers("/poll?rooms=a") == "401"
        assert self.answers("/poll?rooms=a&since=0", "-H", f"Authorization: Bearer {self.token}") == "200"
        publish = ("-H", "Content-Type: application/json", "-d", json.dumps({"room": "a", "content": "x"}))
        assert self.answers("/messages", *publish) == "401"
        assert self.answers("/messages", "-H", f"X-API-Key: {KEY}", *publish) == "200"

    def edit(self, more):
        with open(self.file(SETTINGS), "a", encoding="utf-8") as settings:
            settings.write(more)

    def reload(self):
        pid = self.show("MainPID")
        self.edit("origins = ['https://www.example.org']\n")
        self.system.on("systemctl", "reload", "ringcast")
        asked = ("-i", "-H", "Origin: https://www.example.org", "http://localhost:3000/health")
        bare.until("the new setting counts", lambda: "access-control-allow-origin" in self.system.curl(*asked).lower())
        assert self.show("MainPID") == pid

    def tls(self):
        """On port 443, with a certificate that the hook of docs/tls.md puts in place and renews, run as certbot does."""
        hook = re.search(r"--deploy-hook '(.+)'", GUIDE.read_text(encoding="utf-8"))[1]
        lineage = self.system.root / "srv/live"
        lineage.mkdir(exist_ok=True)

        def renew(name):
            trusted = self.folder / f"{self.system.root.name}-{name}.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                            "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", lineage / "privkey.pem", "-out", trusted],
                           check=True, capture_output=True)
            shutil.copy(trusted, lineage / "fullchain.pem")
            self.system.on("env", "RENEWED_LINEAGE=/srv/live", "RENEWED_DOMAINS=localhost", "/bin/sh", "-c", hook)
            return trusted

        def trusts(certificate):
            return self.system.curl("--cacert", str(certificate), "https://localhost/health", check=False).stdout.find("OK") >= 0

        first = renew("first")
        assert self.system.on("stat", "-c", "%U:%G %a", "/etc/ringcast/privkey.pem").strip() == "root:ringcast 640"
        self.edit('tls_listen = ["127.0.0.1:443"]\ntls_certificate = ["/etc/ringcast/fullchain.pem"]\ntls_key = ["/etc/ringcast/privkey.pem"]\n')
        self.restart()
        assert trusts(first)
        pid = self.show("MainPID")
        second = renew("second")
        bare.until("the new certificate is served", lambda: trusts(second))
        assert not trusts(first) and self.show("MainPID") == pid

    def upgrade_untouched(self):
        """Settings as they came are replaced by those that come; who may read them stays."""
        edited = self.file(SETTINGS).read_text()
        self.file(SETTINGS).write_text(self.shipped)
        pid = self.show("MainPID")
        self.apt("install", "/srv/2.deb")
        assert self.file(SETTINGS).read_text().endswith('log_level = "warning"\n')
        assert self.system.on("stat", "-c", "%U:%G %a", SETTINGS).strip() == "root:ringcast 640"
        assert self.show("MainPID") != pid
        self.file(SETTINGS).write_text(edited)
        self.restart()

    def upgrade_edited(self):
        edited, pid = self.file(SETTINGS).read_text(), self.show("MainPID")
        self.apt("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "install", "/srv/3.deb")
        self.up()
        assert self.show("MainPID") != pid, "the old program still runs"
        assert self.file(SETTINGS).read_text() == edited
        assert self.file(SETTINGS + ".dpkg-dist").read_text().endswith('log_level = "error"\n')
        self.keys_work()

    def drains(self):
        """A client hears of a stop."""
        stream = subprocess.Popen([*self.system.entered("--net"), "curl", "--noproxy", "*", "-sN", "-H", f"Authorization: Bearer {self.token}",
                                   "http://localhost:3000/events?rooms=a"], stdout=subprocess.PIPE, text=True)
        try:
            bare.until("the stream begins", lambda: "connection_id" in stream.stdout.readline())
            self.system.on("systemctl", "stop", "ringcast")
            assert "event: reconnect" in stream.stdout.read()
        finally:
            stream.kill()
            stream.wait()
        assert self.show("Result") == "success" and self.show("ActiveState") == "inactive"
        self.system.on("systemctl", "start", "ringcast")
        self.up()

    def remove(self):
        self.apt("remove", "ringcast")
        assert self.answers() == "000"
        assert not self.file("/usr/bin/ringcast").exists() and not self.file("/usr/lib/systemd/system/ringcast.service").exists()
        assert self.file(SETTINGS).exists() and self.file("/etc/ringcast/keys/push").exists()

    def install_on_taken_port(self):
        """Somebody else has the port: the package is installed all the same, and says what to look at."""
        other = subprocess.Popen([*self.system.entered("--net"), "python3", "-c",
                                  "import socket, sys; s = [socket.create_server(a, family=f) for a, f in "
                                  "((('127.0.0.1', 3000), socket.AF_INET), (('::1', 3000), socket.AF_INET6))]; "
                                  "print('ready', flush=True); sys.stdin.read()"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert other.stdout.readline() == "ready\n"
            printed = self.apt("install", "/srv/3.deb")
            assert self.system.on("dpkg-query", "-W", "-f", "${db:Status-Status}", "ringcast") == "installed"
            assert self.show("ActiveState") != "active", printed
        finally:
            other.kill()
            other.wait()

    def purge(self):
        self.apt("purge", "ringcast")
        assert self.named() == [], self.named()
        assert self.system.on("getent", "passwd", "ringcast", check=False).returncode == 2
        assert self.system.on("getent", "group", "ringcast", check=False).returncode == 2
