# SPDX-License-Identifier: BSD-3-Clause
"""meson install: the driver is where EAL looks, headers and libraries are where pkg-config says."""
import os
import re
import shutil
import subprocess

import pytest

import support

MESON = shutil.which("meson")
EAL = next((p for p in map(support.Path, ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"])
            if (p / "librte_eal.so").exists()), None)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    r = support.run([MESON, "install", "-C", support.BUILD, "--no-rebuild", "--destdir", root], timeout=120)
    assert r.returncode == 0, r.stdout + r.stderr
    return root


def find(root, name):
    found = sorted(root.rglob(name))
    assert found, name
    return found[0]


def test_the_driver_is_in_the_folder_that_eal_has_compiled_in(installed):
    support.need_driver()
    driver = find(installed, "librte_dma_dad.so")
    folder = "/" + str(driver.parent.relative_to(installed))
    assert EAL is not None
    assert folder.encode() in (EAL / "librte_eal.so").read_bytes()
    assert os.path.isdir(folder), "no such folder in the installed DPDK"


@pytest.fixture
def with_installed(installed):
    """Run a command as if the driver had been installed: its folder over DPDK's own, for that process alone."""
    support.need_driver()
    driver, library = find(installed, "librte_dma_dad.so"), find(installed, "libdad_dma.so")
    folder = "/" + str(driver.parent.relative_to(installed))
    over = f"mount -t overlay -o ro,lowerdir={driver.parent}:{folder} overlay {folder}"
    if support.run(["unshare", "-m", "sh", "-c", over]).returncode != 0:
        pytest.skip("no right to mount, or no overlay")
    env = dict(os.environ, LD_LIBRARY_PATH=f"{library.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}")
    return lambda *command: support.run(["unshare", "-m", "sh", "-c", over + ' && exec "$@"', "sh", *command], env=env)


def test_eal_loads_the_installed_driver_by_itself(installed, with_installed):
    r = with_installed(find(installed, "dad-testdma"), *support.eal_options("dma_dad0"), "--", "--start", "--count", "100")
    assert r.returncode == 0, r.stdout + r.stderr
    assert "completed 100," in r.stdout


def test_one_that_was_built_works_beside_the_installed_one(with_installed, staged):
    """The program loads the driver that lies beside it, and others by -d, and EAL the other one."""
    for extra in [], ["-d", staged / support.DAD_PMD.name]:
        r = with_installed(support.TESTDMA, *support.eal_options("dma_dad0", extra=extra), "--", "--start", "--count", "100")
        assert r.returncode == 0, r.stdout + r.stderr
        assert "completed 100," in r.stdout


def test_a_program_builds_and_runs_with_the_driver(installed, tmp_path):
    support.need_driver()
    if support.sanitized(support.LIBDAD_DMA):
        pytest.skip("a plain program cannot link a library with sanitizers")
    driver, library = find(installed, "librte_dma_dad.so"), find(installed, "libdad_dma.so")
    source = tmp_path / "use.c"
    source.write_text("#include <stddef.h>\n#include <rte_pmd_dad.h>\n"
                      "int main(void) { return rte_pmd_dma_dad_info_get(-1, NULL) == 0; }\n")
    subprocess.run(["gcc", f"-I{find(installed, 'rte_pmd_dad.h').parent}", source, "-o", tmp_path / "use", driver,
                    f"-Wl,-rpath-link,{library.parent}"], check=True)
    subprocess.run([tmp_path / "use"], check=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=f"{driver.parent}:{library.parent}"))


@pytest.mark.parametrize("library, header, program", [
    ("libdad_dma", "dad_dma.h",
     "int main(void) { return dad_dma_mapping_error(0, DAD_DMA_MAPPING_ERROR) == 0; }"),
    ("libdad_ring", "dad_ring.h",
     "int main(void) { return dad_ring_footprint(16, 64, 0) < 0; }"),
])
def test_a_program_builds_and_runs_by_pkg_config(installed, tmp_path, library, header, program):
    if support.sanitized(support.LIBDAD_DMA):
        pytest.skip("a plain program cannot link a library with sanitizers")
    # what was installed below DESTDIR is asked for as if it had been installed there
    pc = find(installed, library + ".pc").read_text()
    prefix = re.search(r"^prefix=(.*)$", pc, re.M).group(1)
    (tmp_path / f"{library}.pc").write_text(pc.replace(f"prefix={prefix}\n", f"prefix={installed}{prefix}\n", 1))
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", library], text=True,
                                    env=dict(os.environ, PKG_CONFIG_PATH=str(tmp_path))).split()
    source = tmp_path / "use.c"
    source.write_text(f"#include <{header}>\n{program}\n")
    subprocess.run(["gcc", "-D_GNU_SOURCE", source, "-o", tmp_path / "use", *flags], check=True)
    folder = find(installed, library + ".so").parent
    subprocess.run([tmp_path / "use"], check=True, env=dict(os.environ, LD_LIBRARY_PATH=str(folder)))


def test_public_prototypes_are_exported(installed):
    for name in ["dma", "ring"]:
        library, headers = f"libdad_{name}.so", sorted(find(installed, f"dad_{name}.h").parent.glob(f"dad_{name}*.h"))
        so = find(installed, library)
        names = subprocess.check_output(["nm", "-D", "--defined-only", so], text=True)
        exported = {line.split()[2] for line in names.splitlines() if line.split()[1] == "T"}
        declared = set()
        for header in headers:
            text = header.read_text()
            text = re.sub(r"static inline.*?\n}\n", "", text, flags=re.S)
            text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
            declared |= set(re.findall(r"\b(dad_\w+)\(", text))
        assert exported == declared


def test_the_programs_are_installed(installed):
    for name in ["dad-testdma", "dad-ringperf"]:
        assert os.access(find(installed, name), os.X_OK)


def test_headers_of_another_version_are_not_taken():
    """Debian's are of one version: for a DPDK of another one its own source tree is wanted."""
    cache = support.REPO / ".cache" / "driver-sdk" / "1.2.3"
    try:
        r = support.run(["sh", support.REPO / "config" / "driver-sdk.sh", "1.2.3"])
        assert r.returncode == 1 and not cache.exists()
        assert "libdpdk 1.2.3 is not Debian's, which is " in r.stderr and "-Ddpdk_sdk=" in r.stderr
    finally:
        shutil.rmtree(cache, ignore_errors=True)
