# SPDX-License-Identifier: BSD-3-Clause
"""Booting the guest, once for each test."""
import subprocess
import tempfile
from pathlib import Path

RUN = Path(__file__).resolve().parent / "run.sh"

# dad-testdma with the driver and one of the devices; DEVARGS and OPTIONS are replaced
TESTDMA = ("timeout 60 $DAD_BUILD/app/dad-testdma -l 0 --in-memory --iova-mode=va -a $DAD_EDU,DEVARGS "
           "-d $DAD_EDU_PMD -- OPTIONS")


def run_testdma(devargs, options):
    return TESTDMA.replace("DEVARGS", devargs).replace("OPTIONS", options)


class Guest:
    """What a guest left behind: returncode, stdout, stderr, and the kernel's log."""

    def __init__(self, command, limit=60, options=()):
        with tempfile.NamedTemporaryFile("r") as log:
            done = subprocess.run([RUN, *options, "-t", str(limit), "-k", log.name, command], capture_output=True,
                                  text=True, timeout=limit + 180, check=False, stdin=subprocess.DEVNULL)
            self.kernel_log = log.read()
        self.returncode, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    def faults(self, kind):
        """How many transfers the IOMMU stopped: "Read" or "Write"."""
        return self.kernel_log.count(f"DMAR: [DMA {kind} ")

    def check(self):
        assert self.returncode == 0, self.stdout[-4000:] + self.stderr
        return self
