# SPDX-License-Identifier: Apache-2.0
"""Bare Debian systems: a folder with nothing but the minimum of a release, in which commands run, a container's process
lives, or systemd boots. Needs root; no daemon and no image is involved."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import time

DEADLINE_S = 120
KEPT = ("http_proxy", "https_proxy", "no_proxy")  # what a machine needs to reach its package archive

# Mounts what every Linux system has, in a namespace of its own. In a chroot / is no mount point, and then private
# already, or nothing would have been mounted there.
MOUNTS = r"""
set -e
root=$1; shift
mount --make-rprivate / 2>/dev/null || true
mount --bind "$root" "$root"
mount --make-private "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for name in null zero full random urandom tty; do
  : >"$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
"""


def environment(more=None):
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive", **kept, **(more or {})}


def missing():
    """What this process needs for bare systems and has not; None when it has all."""
    if os.geteuid() != 0:
        return "root"
    done = subprocess.run(["unshare", "--mount", "--pid", "--net", "--cgroup", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True, text=True, check=False)
    return f"namespaces and mounts: {done.stderr.strip()}" if done.returncode != 0 else None


def tarball(suite, folder):
    """The bare system of a release; made once."""
    made = folder / f"{suite}.tar"
    if not made.exists():
        part = folder / f"{suite}.part.tar"
        here = [f"--aptopt={path}" for path in glob.glob("/etc/apt/apt.conf.d/*")
                if any(word in pathlib.Path(path).read_text() for word in ("Check-Valid-Until", "::Proxy"))]
        done = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", *here, suite, part],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"mmdebstrap cannot make a bare {suite}. It fetches the packages from deb.debian.org, by way of "
                                 f"http_proxy or a proxy in /etc/apt/apt.conf.d if there is one. It says:\n{done.stdout[-2000:]}")
        part.rename(made)
    return made


def until(what, happened, deadline_s=DEADLINE_S):
    """Waits for the event; its value."""
    end = time.monotonic() + deadline_s
    while not (value := happened()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.1)
    return value


class Bare:
    def __init__(self, suite, folder, name, log):
        self.root, self.log = folder / name, log
        self.booted = None
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-xf", tarball(suite, folder), "-C", self.root], check=True)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            if os.path.exists(name):
                shutil.copy(name, self.root / name[1:])

    def namespaced(self, more_mounts, command, *kinds):
        return ["unshare", "--propagation", "unchanged", "--mount", "--pid", "--fork", "--kill-child", *kinds,
                "sh", "-c", MOUNTS + more_mounts + '\nexec "$@"', "sh", str(self.root), *command]

    def command(self, words, directory="/", user=None, read_only=False):
        """What runs the words inside as the first process of a namespace, like a container's."""
        as_user = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--no-new-privs",
                   "--inh-caps=-all", "--bounding-set=-all"] if user else []
        within = ["env", "-C", directory] if directory != "/" else []
        return self.namespaced('mount -o remount,bind,ro "$root"' if read_only else "",
                               ["chroot", str(self.root), *as_user, *within, *words])

    def run(self, *words, check=True, **how):
        """Runs the words inside, with the network of this machine; what they print."""
        return self.finish(self.command(words, **how), words, check)

    def finish(self, command, words, check, more=None):
        self.log.write(f"$ {' '.join(map(str, words))}\n")
        self.log.flush()
        done = subprocess.run(command, env=environment(more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        self.log.write(done.stdout)
        self.log.flush()
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout if check else done

    # A whole system: systemd as the first process, in a network that is only its own loopback.

    def boot(self):
        # Shared: credentials are mounted by a child of systemd and must reach it.
        groups = ('mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"; mount -t tmpfs -o mode=755 tmpfs "$root/run"; '
                  'mount --make-rshared "$root"')
        self.booted = subprocess.Popen(
            self.namespaced(groups, ["chroot", str(self.root), "/lib/systemd/systemd"], "--uts", "--ipc", "--net", "--cgroup"),
            env=environment({"container": "test"}), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            until("systemd runs", lambda: self.booted.poll() is not None or (
                self.first_process() and self.on("systemctl", "is-system-running", check=False).stdout.strip()
                in ("running", "degraded")))
            assert self.booted.poll() is None, "systemd ended"
        except BaseException:
            self.end()
            raise

    def first_process(self):
        return first_child(self.booted.pid)

    def entered(self, *kinds):
        return ["nsenter", f"--target={self.first_process()}", *kinds]

    def on(self, *words, check=True):
        """Runs the words on the booted system."""
        return self.finish([*self.entered("--all"), "chroot", str(self.root), *words], words, check)

    def curl(self, *words, check=True):
        """The curl of this machine, in the booted system's network."""
        return self.finish([*self.entered("--net"), "curl", "--noproxy", "*", "-sS", "--max-time", "30", *words],
                           ("curl", *words), check)

    def end(self):
        if self.booted:
            self.booted.kill()  # and with it all of its namespace
            self.booted.wait()
            self.booted = None


def first_child(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return None
    return int(words[0]) if words else None


def stop(process, signal_name):
    """Sends the signal to the first process of a namespace."""
    os.kill(first_child(process.pid), getattr(signal, signal_name))
