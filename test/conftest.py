# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures. DAD_BUILD names the build folder (default: build in the repository)."""
import shutil

import pytest

import support


@pytest.fixture(scope="session")
def staged():
    """A folder that EAL accepts, with librte_dma_dad.so, libdad_dma.so.0 and librte_dma_faulty.so."""
    support.need_driver()
    folder = support.private_folder()
    yield support.stage(folder)
    shutil.rmtree(folder)


@pytest.fixture(params=["dma_dad0", "dma_dad0,engine=inline", "dma_skeleton0"])
def device(request):
    """Devargs of a device that works."""
    if request.param.startswith("dma_dad"):
        support.need_driver()
    return request.param


@pytest.fixture
def faulty(staged):
    """EAL options for a device with a fault: faulty("error", at=100)."""
    assert (staged / support.FAULTY_PMD.name).exists(), "the driver was built, but not librte_dma_faulty.so"

    def options(fault, at=100):
        return support.eal_options(f"dma_faulty0,fault={fault},at={at}",
                                   extra=["-d", staged / support.FAULTY_PMD.name])
    return options


@pytest.fixture
def testdma():
    """Run dad-testdma: testdma(options…, eal=[…]) with a result that has returncode, stdout, stderr."""
    def call(*options, eal=None, timeout=60, **kwargs):
        arguments = [support.TESTDMA, *options] if eal is None else [support.TESTDMA, *eal, "--", *options]
        return support.run(arguments, timeout=timeout, **kwargs)
    return call
