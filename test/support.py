# SPDX-License-Identifier: BSD-3-Clause
"""What the system tests share: where things were built, EAL options that work, running a program."""
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("DAD_BUILD", REPO / "build")).resolve()

TESTDMA = BUILD / "app" / "dad-testdma"
DAD_PMD = BUILD / "drivers" / "librte_dma_dad.so"
FAULTY_PMD = BUILD / "test" / "librte_dma_faulty.so"
LIBDAD_DMA = BUILD / "lib" / "libdad_dma.so.0"

# The DPDK that was built against: its programs, and its libraries where the linker does not look.
DPDK_PREFIX = os.environ.get("DAD_DPDK_PREFIX", "/usr")
DPDK_LIBDIR = os.environ.get("DAD_DPDK_LIBDIR", "")
DPDK_VERSION = os.environ.get("DAD_DPDK_VERSION", "")

# Set by meson where the driver has to be there: its absence is a failure then, and no reason to skip.
DRIVER_EXPECTED = os.environ.get("DAD_DRIVER") == "yes"

HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
ENOUGH_HUGEPAGES = 160


# That this process may run on: 0 need not be among them.
CPUS = sorted(os.sched_getaffinity(0))
ONE_CPU = str(CPUS[0])
TWO_CPUS = ",".join(map(str, CPUS[:2]))
needs_two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")


def no_huge(megabytes):
    """EAL options for memory that is no hugepages, with no files that stay behind."""
    return ["--no-huge", "-m", str(megabytes), "--iova-mode=va", "--no-shconf"]


def eal_options(*vdevs, lcores=ONE_CPU, extra=()):
    """EAL options for a program of its own: no PCI, nothing shared, hugepages if there are."""
    try:
        huge = int(HUGEPAGES.read_text()) >= ENOUGH_HUGEPAGES and os.geteuid() == 0
    except OSError:
        huge = False
    options = ["-l", lcores, "--no-pci", *(["--in-memory"] if huge else no_huge(400))]
    for vdev in vdevs:
        options += ["--vdev", vdev]
    return options + list(extra)


def need_driver():
    """Skip where the driver could not be built for want of headers; fail where it should be there."""
    if DAD_PMD.exists():
        return
    if DRIVER_EXPECTED:
        pytest.fail(f"{DAD_PMD} is missing")
    pytest.skip("the driver was not built: no driver-SDK headers")


def run(command, timeout=60, **kwargs):
    """Run to the end, or fail: a program that hangs is a bug."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=timeout, check=False, **kwargs)


class Running:
    """A program beside the test. What it prints goes to files, which never fill up as pipes do; whatever
    becomes of the test, the program has ended when the block has."""

    def __init__(self, command, **kwargs):
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self._process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self._out,
                                         stderr=self._err, **kwargs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._err.close()

    @staticmethod
    def _text(file):
        # the file's position is the program's
        return os.pread(file.fileno(), 1 << 24, 0).decode(errors="replace")

    @property
    def stdout(self):
        return self._text(self._out)

    @property
    def stderr(self):
        return self._text(self._err)

    def _proc(self, name):
        return dict(line.split(":", 1) for line in Path(f"/proc/{self._process.pid}/{name}").read_text().splitlines())

    def catches(self, number):
        """Does it have a handler for this signal just now?"""
        return bool(int(self._proc("status")["SigCgt"], 16) >> (number - 1) & 1)

    def written(self):
        """Bytes that it has written to whatever."""
        return int(self._proc("io")["wchar"])

    def until(self, condition, timeout=60):
        """Wait; fail if it ends before, or takes too long for any machine."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert self._process.poll() is None, f"ended with {self._process.returncode}: {self.stdout}{self.stderr}"
            assert time.monotonic() < deadline, f"not in {timeout} s: {self.stdout}{self.stderr}"
            time.sleep(0.01)

    def says(self, text):
        """Wait until this is on its standard output."""
        self.until(lambda: text in self.stdout)

    def runs(self):
        return self._process.poll() is None

    def interrupt(self, number=signal.SIGINT):
        """Send a signal, when there is a handler for it."""
        self.until(lambda: self.catches(number))
        self._process.send_signal(number)

    def send_signal(self, number):
        self._process.send_signal(number)

    def end(self, timeout=60):
        """Wait for its end; the exit status."""
        return self._process.wait(timeout)


def dpdk_program(name):
    """One of the DPDK that was built against; None if it has none."""
    return shutil.which(name, path=f"{DPDK_PREFIX}/bin")


def _world_writable(path):
    return any(p.stat().st_mode & stat.S_IWOTH for p in [path, *path.parents])


def private_folder(owner=None):
    """A new folder that EAL loads plugins from: it refuses all below one that everybody may write to. Of another
    user it may not be below a home."""
    wanted = [os.environ.get("DAD_STAGE"), Path.home(), "/var/lib", "/opt", os.environ.get("XDG_RUNTIME_DIR")]
    if owner is not None:
        wanted = ["/var/lib", "/opt"]
    for base in (Path(w).resolve() for w in wanted if w):
        if base.is_dir() and os.access(base, os.W_OK) and not _world_writable(base):
            folder = Path(tempfile.mkdtemp(prefix=".dad-stage-", dir=base))
            if owner is not None:
                os.chown(folder, owner, owner)
            return folder
    raise RuntimeError("no folder to stage plugins in: set DAD_STAGE to one whose path nobody else may write to")


def stage(folder):
    """Copy what was built for -d into folder; the driver finds the library beside itself."""
    for built in (DAD_PMD, LIBDAD_DMA, FAULTY_PMD):
        if built.exists():
            shutil.copy(built, folder / built.name)
    return folder


def sanitized(library):
    """Was it built with -fsanitize=address?"""
    return b"__asan_init" in library.read_bytes()


def preloaded(library):
    """The environment for a program of others that loads library."""
    env = dict(os.environ)
    env["LD_LIBRARY_PATH"] = ":".join(p for p in (DPDK_LIBDIR, env.get("LD_LIBRARY_PATH")) if p)
    if sanitized(library):
        # the sanitizer must come first; DPDK's own programs leak, by design or not
        asan = subprocess.check_output([os.environ.get("CC", "gcc"), "-print-file-name=libasan.so"], text=True).strip()
        env.update(LD_PRELOAD=asan, ASAN_OPTIONS="detect_leaks=0")
    return env
