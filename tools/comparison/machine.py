# SPDX-License-Identifier: Apache-2.0
"""What this machine is and has: CPUs, memory, descriptors, the kernel's sockets."""
import math
import os
import pathlib
import platform
import resource

PAGE = os.sysconf("SC_PAGESIZE")
DESCRIPTORS_USED = 0.95  # ringcast keeps a twentieth of each table free
EVENNESS = 0.87  # the kernel does not share connections out quite evenly
# The kernel tries one half of the local ports (the odd or the even ones) before the other: beyond it each connect()
# walks through thousands that are taken.
PORTS_PER_ADDRESS = 12_000


def split_cpus():
    """(the server's, the generator's): the same one where there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        return cpus, cpus
    half = len(cpus) // 2
    return cpus[:half], cpus[half:]


def descriptor_limit():
    """Of each descriptor table; the programs raise theirs to the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def tables_for(connections, limit=None):
    """How many reactors, each with a descriptor table of its own, hold so many connections."""
    each = int((limit or descriptor_limit()) * DESCRIPTORS_USED * EVENNESS) - 64
    return max(1, math.ceil(connections / each))


def sources_for(connections):
    """Source addresses with ports for so many connections to one server address, as ringload takes them."""
    count = math.ceil(connections / PORTS_PER_ADDRESS)
    if count <= 1:
        return "127.0.0.1"
    return f"127.0.0.1-127.0.{count // 256}.{count % 256}"


def meminfo():
    """In bytes."""
    values = {}
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, rest = line.split(":")
        values[name] = int(rest.split()[0]) * 1024
    return values


def tcp_buffer_bytes():
    for line in pathlib.Path("/proc/net/sockstat").read_text(encoding="ascii").splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * PAGE
    return 0


def kernel_bytes():
    """What sockets take of the kernel: slab and buffers."""
    return meminfo()["Slab"] + tcp_buffer_bytes()


def describe():
    model = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "memory_bytes": meminfo()["MemTotal"],
            "kernel": platform.release(), "descriptor_limit": descriptor_limit()}


def description_text():
    known = describe()
    return (f"{known['cpus']} CPUs ({known['cpu'] or 'unknown'}), {known['memory_bytes'] / 1e9:.0f} GB, "
            f"Linux {known['kernel']}, {known['descriptor_limit']} descriptors a table")
