"""The seal of a strategy's process: limits and a filter of system calls, which it cannot take off again.

Descriptors, environment and files are gone before; the filter refuses everything that could bring others: open,
socket, fork, exec, signals to others, ptrace, shared memory. What is left can compute, read its one pipe, and write to
the other.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

# of linux/prctl.h and seccomp.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PR_SET_CHILD_SUBREAPER = 36
# a refused call fails with EPERM, which Python raises as PermissionError
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1
ALLOWED = (
    "read", "write",  # of the two pipes, since no other descriptor is left
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk",  # memory
    "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "sched_yield",
    "clock_gettime", "clock_getres", "gettimeofday", "time", "nanosleep", "clock_nanosleep", "getrandom", "getpid",
    "exit", "exit_group",
)  # fmt: skip


def can_seal() -> bool:
    """Seal a child process, to learn whether library and kernel can do it here."""
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            filter_calls()
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def filter_calls() -> None:
    """Refuse all system calls but those that are ALLOWED, for good; OSError where that is impossible."""
    library = ctypes.CDLL("libseccomp.so.2")  # of the machine's own architecture, x86-64 or arm64
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_REFUSE)))
    allow = ctypes.c_uint32(_ALLOW)
    for name in ALLOWED:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # arm64 has no `time`
            library.seccomp_rule_add_array(rules, allow, number, 0, None)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if library.seccomp_load(rules):
        raise OSError("the kernel has no seccomp filter")


def limit(memory: int, cpu_s: int) -> None:
    """Limit address space beyond the present one (bytes) and CPU time; no files, processes or core dumps."""
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    if sys.platform == "linux":  # macOS maps hundreds of GB at the start
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limits[resource.RLIMIT_AS] = mapped + memory
        with suppress(OSError):  # of all processes the kernel should kill this one first
            Path("/proc/self/oom_score_adj").write_text("1000")
    for which, most in limits.items():
        with suppress(ValueError, OSError):  # it is lower already
            resource.setrlimit(which, (most, most))


def die_with(parent_pid: int) -> None:
    """Let the kernel kill this process when its parent dies; elsewhere than on Linux the end of a pipe must do."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the call
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose parent dies; on Linux only."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def await_orphans() -> None:
    """Wait for all children, which die with their parent, so that their CPU seconds count."""
    with suppress(ChildProcessError):  # none is left
        while True:
            os.waitpid(-1, 0)


def hide_memory() -> None:
    """Keep other processes of this user from reading memory and environment of this one, and of its forks."""
    _prctl(_PR_SET_DUMPABLE, 0)


def current_core() -> int:
    """Return the number of the core that this process runs on; Linux only."""
    core: int = ctypes.CDLL(None).sched_getcpu()
    return core


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
