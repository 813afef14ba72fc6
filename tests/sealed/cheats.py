# ruff: noqa: E501  # code in texts
"""Cheats that strategies in Python might try, by family; none may succeed.

ESCAPES: the body of a function that returns a true value if it got hold of something outside the seal.
PEEKS: whole strategies that try to know the next bar.
DISTURBANCES: whole strategies that try to hang, confuse or exhaust the Job.
"""

# expressions; names that they use are imported by `escape`
_FILES = {
    "open": "open('/etc/passwd').read()",
    "os_open": "os.open('/', os.O_RDONLY)",
    "listdir": "os.listdir('/')",
    "scandir": "[*os.scandir('/')]",
    "stat": "os.stat('/etc/passwd')",
    "access": "os.access('/etc/passwd', os.R_OK)",
    "readlink": "os.readlink('/proc/self/exe')",
    "getcwd": "os.getcwd()",
    "chdir": "os.chdir('/tmp') is None",
    "write": "open('/tmp/cheat', 'w')",
    "mkdir": "os.mkdir('/tmp/cheat') is None",
    "rename": "os.rename('/tmp', '/tmp2') is None",
    "symlink": "os.symlink('/etc', '/tmp/cheat') is None",
    "chmod": "os.chmod('/tmp', 0o777) is None",
    "mkfifo": "os.mkfifo('/tmp/cheat') is None",
    "open_code": "io.open_code('/etc/passwd')",
    "numpy_fromfile": "np.fromfile('/etc/passwd', 'u1').size",
    "numpy_memmap": "np.memmap('/etc/passwd', 'u1', 'r').size",
    "numpy_save": "np.save('/tmp/cheat', np.ones(1)) is None",
    "pandas_read_csv": "pd.read_csv('/etc/passwd', header=None).size",
    "pandas_to_csv": "pd.DataFrame({'a': [1]}).to_csv('/tmp/cheat') is None",
    "import_from_disk": "__import__('colorsys')",
    "import_own_path": "(sys.path.append(os.path.dirname(os.__file__)), __import__('colorsys'))",
    "libc_open": "libc.open(b'/etc/passwd', 0) >= 0",
    "memfd": "os.memfd_create('cheat')",
    "dup": "os.dup(0)",
    "pipe": "os.pipe()",
    "other_descriptors": "[fd for fd in range(2, 1024) if can_read(fd)]",
    "fdopen_environment": "open('/proc/self/environ').read()",
    "parent_environment": "open('/proc/1/environ').read()",
    "parent_memory": "open(f'/proc/{os.getpid() - 1}/mem', 'rb')",
    "environ": "dict(os.environ)",
    "getenv": "libc.getenv(b'PATH') or libc.getenv(b'DATABASE_URL')",
    "modules_of_the_platform": "[m for m in sys.modules if m.startswith(('adapters', 'sqlalchemy', 'redis'))]",
}
_NETWORK = {
    family: f"socket.socket(socket.AF_{family.upper()}, socket.SOCK_{kind})"
    for family, kind in {
        "inet": "STREAM", "inet6": "DGRAM", "unix": "STREAM", "netlink": "RAW", "packet": "RAW", "alg": "SEQPACKET",
    }.items()
} | {
    "socketpair": "socket.socketpair()",
    "dns": "socket.getaddrinfo('localhost', 80)",
    "host_by_name": "socket.gethostbyname('localhost')",
    "host_name": "socket.gethostname()",
    "uname": "os.uname()",
    "socket_of_the_pipe": "socket.socket(fileno=0).getsockname()",
    "connect": "socket.create_connection(('127.0.0.1', 6379), 1)",
    "libc_socket": "libc.socket(2, 1, 0) >= 0",
}  # fmt: skip
_PROCESSES = {
    "fork": "os.fork() >= 0",
    "vfork": "libc.fork() >= 0",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "system": "os.system('true') == 0",
    "execv": "os.execv('/bin/true', ['true'])",
    "thread": "threading.Thread(target=int).start() is None",
    "raw_thread": "_thread.start_new_thread(int, ())",
    "kill_nobody": "os.kill(1, 0) is None",
    "kill_all": "os.kill(-1, 0) is None",
    "kill_group": "os.killpg(0, 0) is None",
    "kill_neighbour": "os.kill(os.getpid() - 1, 0) is None",
    "parent_pid": "os.getppid() > 0",
    "pidfd": "os.pidfd_open(os.getpid())",
    "nice": "os.nice(1)",
    "affinity": "os.sched_setaffinity(0, {0}) is None",
    "alarm": "0 <= signal.alarm(1) < 100",
    "itimer": "signal.setitimer(signal.ITIMER_REAL, 1)",
    "raise_limit": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) is None",
    "usage_of_children": "resource.getrusage(resource.RUSAGE_CHILDREN)",
    "setuid": "os.setuid(0) is None",
    "chroot": "os.chroot('/') is None",
    "wait": "os.waitpid(-1, 0)",
}
# system calls of x86-64 by number, with arguments that would be accepted
_CALLS = {
    "openat2": (437, -100, b"/etc", 0, 0), "io_uring_setup": (425, 1, 0), "ptrace": (101, 16, 1, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "shmget": (29, 0, 4096, 0o1600), "semget": (64, 0, 1, 0o1600),
    "msgget": (68, 0, 0o1600), "mq_open": (240, b"cheat", 0o102, 0o600, 0), "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0), "userfaultfd": (323, 0), "add_key": (248, b"user", b"cheat", b"1", 1, -2),
    "keyctl": (250, 0, -3, 0), "unshare": (272, 0), "setns": (308, 0, 0), "clone": (56, 17, 0, 0, 0, 0),
    "prctl_dumpable": (157, 4, 1, 0, 0, 0), "prctl_deathsig": (157, 1, 0, 0, 0, 0), "seccomp": (317, 2, 0, 0),
    "prlimit": (302, 0, 7, 0, 0), "timerfd": (283, 1, 0), "eventfd": (290, 0, 0), "epoll": (291, 0), "inotify": (294, 0),
    "sendfile": (40, 1, 0, 0, 1), "splice": (275, 0, 0, 1, 0, 1, 0), "fcntl": (72, 0, 3, 0), "ioctl": (16, 0, 0x541B, 0),
    "poll": (7, 0, 0, 0), "getcwd_call": (79, 0, 0), "sysinfo": (99, 0), "personality": (135, -1), "arch_prctl": (158, 4097, 0),
    "close": (3, 1), "sched_getaffinity": (204, 0, 8, 0), "setpriority": (141, 0, 0, 5), "tgkill": (234, 1, 1, 0),
    "rt_sigqueueinfo": (129, 1, 0, 0), "settimeofday": (164, 0, 0), "mount": (165, 0, 0, 0, 0, 0), "kcmp": (312, 1, 1, 0, 0, 0),
    "landlock": (444, 0, 0, 1), "memfd_secret": (447, 0), "pkey_alloc": (330, 0, 0), "umask": (95, 0), "getppid_call": (110,),
}  # fmt: skip
ESCAPES = {
    **{f"file_{name}": body for name, body in _FILES.items()},
    **{f"network_{name}": body for name, body in _NETWORK.items()},
    **{f"process_{name}": body for name, body in _PROCESSES.items()},
    **{f"call_{name}": f"called{arguments}" for name, arguments in _CALLS.items()},
}
# those that do succeed without the seal, on any Linux: the control that the cheats are real
REAL = [
    "file_open",
    "file_os_open",
    "file_listdir",
    "file_stat",
    "file_access",
    "file_getcwd",
    "file_libc_open",
    "file_memfd",
    "file_dup",
    "file_pipe",
    "file_numpy_fromfile",
    "file_import_own_path",
    "network_inet",
    "network_unix",
    "network_socketpair",
    "network_host_name",
    "network_uname",
    "process_parent_pid",
    "process_affinity",
    "process_alarm",
    "call_eventfd",
    "call_epoll",
    "call_fcntl",
    "call_poll",
    "call_getppid_call",
    "call_prctl_dumpable",
    "call_umask",
]


def escape(expression: str) -> str:
    """Return a strategy that buys on every bar if the expression is true."""
    return f"""
import ctypes, io, os, resource, signal, socket, sys, threading, _thread
import numpy as np
import pandas as pd
libc = ctypes.CDLL(None)
libc.syscall.restype = ctypes.c_long
def called(number, *arguments):
    return libc.syscall(ctypes.c_long(number), *[
        each if isinstance(each, bytes) else ctypes.c_long(each) for each in arguments
    ]) != -1
def can_read(descriptor):
    try:
        return os.write(descriptor, b"") == 0
    except OSError:
        return False
def attempt():
    return {expression}
try:
    won = bool(attempt() if not isinstance(attempt, type) else 0)
except Exception:
    won = False
def on_bar(bars):
    return 1 if won else 0
"""


_UP = "1 if {next} > bars.close[-1] else -1"


def _on_bar(source_of_next: str, before: str = "") -> str:
    """Return a strategy that trades by what it takes for the next close; 0 where it has none."""
    body = "\n".join(f"        {line}" for line in source_of_next.strip().split("\n"))
    return f"""
import ctypes, gc, os, sys
import numpy as np
{before}
def on_bar(bars):
    try:
{body}
        return 1 if later > bars.close[-1] else -1
    except Exception:
        return 0
"""


_WALK_BASES = """
array = bars.close
while array.base is not None:
    array = array.base
flat = np.asarray(array).ravel()
place = int(np.flatnonzero(flat == bars.close[-1])[-1])
later = flat[place + 1]
"""


def _signals(body: str, before: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    return f"import builtins, os, sys, time\nimport numpy as np\n{before}\ndef signals(bars):\n{lines}\n"


_PEEK = "np.sign(np.diff(bars.close, append=bars.close[-1]))"
PEEKS = {
    "index_beyond": _on_bar("later = bars.close[len(bars)]"),
    "index_wrapped": _on_bar("later = bars.close[-len(bars) - 1]"),
    "take_wrapped": _on_bar("later = np.take(bars.close, len(bars), mode='clip') * 1.001"),
    "base_of_the_view": _on_bar(_WALK_BASES),
    "stride_beyond": _on_bar(
        "later = np.lib.stride_tricks.as_strided(bars.close, (len(bars) + 1,), (8,))[-1]"
    ),
    "memory_beyond": _on_bar(
        "at = bars.close.ctypes.data\nlater = (ctypes.c_double * (len(bars) + 1)).from_address(at)[len(bars)]"
    ),
    "attributes": _on_bar("later = [*vars(bars).values()][-1][3][len(bars)]"),
    "inner_block": _on_bar("later = bars._block[3, len(bars)]"),
    "inner_count": _on_bar(
        "bars._n += 1\ntry:\n    later = bars.close[-1]\nfinally:\n    bars._n -= 1"
    ),
    "frame_beyond": _on_bar("later = bars.frame.shift(-1).close.iloc[-1]"),
    "frame_base": _on_bar("later = bars.frame.values.base.ravel()[-1] * 1.0"),
    "caller_locals": _on_bar(
        "frame, found = sys._getframe(), []\nwhile frame:\n    found += [v for v in frame.f_locals.values() "
        "if isinstance(v, bytes) and len(v) == 48]\n    frame = frame.f_back\nlater = np.frombuffer(found[-1])[3]"
    ),
    "garbage_collector": _on_bar(
        "arrays = [a for a in gc.get_objects() if isinstance(a, np.ndarray) and a.size > len(bars)]\n"
        "later = max(a.ravel()[len(bars)] for a in arrays if a.dtype == float)"
    ),
    "answer_before_reading": _on_bar(
        "os.write(1, b'\\x00')\nimport struct\nlater = struct.unpack('<5dq', os.read(0, 48))[3]\n"
        "bars.append(struct.pack('<5dq', *[later] * 5, 0))\nlater = later + 1e-9"
    ),
    "answers_in_advance": _on_bar("os.write(1, bytes([1, 2] * 50))\nlater = 1e9", "n = 0"),
    "state_in_builtins": _on_bar(
        "seen = sys.modules['builtins'].__dict__.setdefault('seen', [])\nseen.append(bars.close[-1])\n"
        "later = seen[len(bars)]"
    ),
    "state_in_a_module": _on_bar(
        "seen = np.__dict__.setdefault('seen', [])\nseen.append(bars.close[-1])\nlater = seen[len(bars)]"
    ),
    "patched_reader": _on_bar(
        "later = kept[len(bars)]",
        "kept = []\nreal = os.read\ndef read(fd, n):\n    data = real(fd, n)\n    kept.append(data)\n    return data\n"
        "os.read = read",
    ),
    "patched_append": _on_bar(
        "later = kept[len(bars)]",
        "module = sys.modules['consumer.sealed.process']\nkept = []\nreal = module.Bars.append\n"
        "def append(self, record):\n    kept.append(np.frombuffer(record)[3])\n    real(self, record)\n"
        "module.Bars.append = append",
    ),
    "parent_through_modules": _on_bar(
        "later = sys.modules['consumer.sealed.evaluation']._records(0)[0]"
    ),
    "next_close": _signals(f"return {_PEEK}"),
    "mean_of_all": _signals("return np.where(bars.close > bars.close.mean(), 1, -1)"),
    "last_length": _signals(
        "return np.where(np.arange(len(bars)) % 7 == len(bars) % 7, np.sign(1), 0)"
    ),
    "cache_between_calls": _signals(
        f"if len(bars) > len(best):\n    best[:] = {_PEEK}.tolist()\nreturn best[:len(bars)]",
        "best = []",
    ),
    "cache_in_builtins": _signals(
        f"best = builtins.__dict__.setdefault('best', [])\nif len(bars) > len(best):\n    best[:] = {_PEEK}.tolist()\n"
        "return best[:len(bars)]"
    ),
    "cache_in_numpy": _signals(
        f"best = np.__dict__.setdefault('best', [])\nif len(bars) > len(best):\n    best[:] = {_PEEK}.tolist()\n"
        "return best[:len(bars)]"
    ),
    "cache_in_sys_modules": _signals(
        f"best = sys.modules.setdefault('cache', [])\nif len(bars) > len(best):\n    best[:] = {_PEEK}.tolist()\n"
        "return best[:len(bars)]"
    ),
    "honest_when_asked": _signals(
        f"honest = np.sign(np.diff(bars.close, prepend=bars.close[0]))\nreturn {_PEEK} if len(bars) >= 300 else honest"
    ),
    "silent_when_asked": _signals(f"if len(bars) < 300:\n    raise ValueError\nreturn {_PEEK}"),
    "short_when_asked": _signals(f"return {_PEEK}[:len(bars) - (len(bars) < 300)]"),
    "guess_when_asked": _signals(
        f"out = {_PEEK}\nif len(bars) < 300:\n    out[-1] = 1\nreturn out"
    ),
    "alternate_when_asked": _signals(
        f"out = {_PEEK}\nout[1:][out[1:] == out[:-1]] = 0\nlast = out[:-1][out[:-1] != 0]\n"
        "if len(bars) < 300:\n    out[-1] = -last[-1] if last.size else 1\nreturn out"
    ),
    "one_bar_only": _signals(
        "out = np.zeros(len(bars))\nout[100:101] = 1 if bars.close[-1] > bars.close[min(100, len(bars) - 1)] else -1\nreturn out"
    ),
    "bytes_for_the_next_process": _signals(
        f"if len(bars) >= 300:\n    os.write(1, bytes([0] * 9))\nreturn {_PEEK}"
    ),
    "time_of_the_other_process": _signals(
        f"if len(bars) >= 300:\n    time.sleep(0.05)\n    return {_PEEK}\nreturn np.full(len(bars), 1 - time.time_ns() % 3)"
    ),
    "patched_codes": _signals(
        f"sys.modules['consumer.sealed.process'].codes_of = lambda signals, n: bytes([1] * n)\nreturn {_PEEK}"
    ),
    "patched_mode": _signals(
        "frame = sys._getframe()\nwhile frame:\n    this = frame.f_locals.get('self')\n"
        "    if hasattr(this, '_mode'):\n        this._mode = 'whole'\n    frame = frame.f_back\n"
        f"return {_PEEK}"
    ),
}


def _answering(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    return f"import builtins, ctypes, gc, itertools, json, os, pickle, re, signal, struct, sys, time\ndef on_bar(bars):\n{lines}\n"


def _framed(body: str) -> str:
    """Return a strategy whose answer says that a frame follows, with this expression as the frame."""
    return _answering(
        f"body = {body}\nos.write(1, bytes([4]) + struct.pack('<I', len(body)) + body)\nos._exit(0)"
    )


# that end by the time limit of the run only
HANGS = {
    "sleep": _answering("time.sleep(1000)"),
    "loop": _answering("while True:\n    pass"),
    "loop_in_c": _answering("sum(itertools.repeat(1))"),
    "loop_that_swallows_everything": _answering(
        "while True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass"
    ),
    "loop_without_signals": _answering(
        "for number in range(1, 32):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n"
        "        pass\nwhile True:\n    pass"
    ),
    "half_a_frame": _answering(
        "os.write(1, bytes([4]) + struct.pack('<I', 100) + b'{')\ntime.sleep(1000)"
    ),
    "half_a_length": _answering("os.write(1, bytes([4, 1, 0]))\ntime.sleep(1000)"),
    "reading_the_next_bar_first": _answering("os.read(0, 48)"),
    "patched_write": _answering("os.write = lambda *arguments: 0\nreturn 5"),
    "import_that_hangs": "while True:\n    pass\ndef on_bar(bars):\n    return 0\n",
}
DISTURBANCES = {
    "exit": _answering("os._exit(0)"),
    "abort": _answering("os.abort()"),
    "segfault": _answering("ctypes.string_at(0)"),
    "exit_at_import": "import os\nos._exit(0)\ndef on_bar(bars):\n    return 0\n",
    "deep_recursion": _answering("sys.setrecursionlimit(10**9)\ndef f():\n    return f()\nf()"),
    "deep_recursion_in_c": _answering("sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6):\n    x = [x]\nrepr(x)"),
    "memory": _answering("x = [0]\nwhile True:\n    x = x * 2"),
    "memory_in_bytes": _answering("return len(bytearray(10**12))"),
    "huge_frame": _answering("os.write(1, bytes([4]) + b'\\xff' * 4)"),
    "frame_that_is_no_json": _framed("b'\\xff\\xfe{'"),
    "frame_of_a_pickle": _framed("pickle.dumps(print)"),
    "frame_of_a_list": _framed("b'[1, 2]'"),
    "frame_of_deep_lists": _framed("b'[' * 100000"),
    "frame_of_a_huge_number": _framed("b'{\"printed\": ' + b'9' * 100000 + b'}'"),
    "frame_of_wrong_types": _framed("b'{\"printed\": {}, \"plotted\": [1, 2]}'"),
    "plotted_text": _framed("b'{\"plotted\": {\"a\": \"x\"}}'"),
    "plotted_object": _framed("b'{\"plotted\": {\"a\": {}}}'"),
    "plotted_infinity": _answering("plot('a', float('inf'))\nplot('b', -float('inf'))"),
    "too_many_lines": _framed("json.dumps({'plotted': {str(i): i for i in range(1000)}}).encode()"),
    "plots_without_end": _answering("plot(str(len(bars)), 1)"),
    "unknown_answer": _answering("os.write(1, b'\\xf3')"),
    "all_flags": _answering("os.write(1, b'\\xff' * 100)"),
    "error_of_wrong_form": _answering("body = b'{\"error\": {\"type\": [], \"lines\": 5}}'\n"
                                      "os.write(1, bytes([8]) + struct.pack('<I', len(body)) + body)"),
    "error_with_huge_lines": _answering("body = b'{\"error\": {\"type\": \"a\", \"message\": \"b\", \"lines\": [[1e400, \"x\"]]}}'\n"
                                        "os.write(1, bytes([8]) + struct.pack('<I', len(body)) + body)"),
    "flood_of_answers": _answering("os.write(1, b'\\0' * 60000)"),
    "print_bomb": _answering("print('x' * 10**6)"),
    "print_of_surrogates": _answering("print('\\ud800\\x00\\x1b[31m')"),
    "error_of_surrogates": _answering("raise ValueError('\\ud800\\x00')"),
    "error_without_text": _answering("class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E"),
    "error_with_a_huge_text": _answering("raise ValueError('x' * 10**7)"),
    "error_with_a_long_name": _answering("raise type('E' * 10**6, (Exception,), {})"),
    "base_exception": _answering("raise BaseException"),
    "keyboard_interrupt": _answering("raise KeyboardInterrupt"),
    "generator_exit": _answering("raise GeneratorExit"),
    "no_stdout": _answering("sys.stdout = None\nprint('x')"),
    "no_builtins": _answering("builtins.__dict__.clear()"),
    "no_modules": _answering("sys.modules.clear()"),
    "object_that_equals_all": _answering("class A:\n    def __hash__(self):\n        return 1\n    def __eq__(self, other):\n"
                                         "        os._exit(7)\nreturn A()"),
    "answer_2_to_63": _answering("return 2**63"),
    "answer_nan": _answering("return float('nan')"),
    "answer_generator": _answering("return (x for x in [1])"),
    "handler_of_sigterm": _answering("signal.signal(signal.SIGTERM, lambda *a: os._exit(0))\nreturn 0"),
    "no_garbage_collection": _answering("gc.disable()\nreturn 0"),
    "other_second_run": _answering("return os.getpid() % 1000 % 2 if len(bars) < 2 else time.time_ns() % 2"),
}  # fmt: skip
