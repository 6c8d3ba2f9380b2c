# SPDX-License-Identifier: BSD-3-Clause
"""config/figures.py: tables in documents come from the objects of a run, and nothing else changes."""
import json
import sys

import pytest

import support

SCRIPT = support.REPO / "config" / "figures.py"


def measured(device, driver, engine="", devargs="", **more):
    return {"device": device, "driver": driver, "engine": engine, "devargs": devargs, "cpu_threads": 0,
            "cpu_other": False, "op": "copy",
            "set": "core", "set_bytes": 262144, "size": 64, "mops": 10.0, "gbs": 0.64, "mops_rounds": [10.0, 10.0, 10.0],
            "failed": False} | more


SWEEP = [measured("dma_dad0", "dma_dad", "thread", "engine=thread", mops=123.4, mops_rounds=[100.0, 120.0, 150.0]),
         measured("dma_dad1", "dma_dad", "inline", "engine=inline", mops=98.76),
         measured("dma_dad2", "dma_dad", "inline", "engine=inline,eager=1", mops=50.0, mops_rounds=[15.0, 15.0, 15.0]),
         measured("dma_skeleton0", "dma_skeleton", mops=30.0, mops_rounds=[10.0, 40.0, 30.0]),
         measured("cpu", "memcpy", cpu_threads=1, mops_rounds=[20.0, 20.0, 20.0]),
         measured("cpu-other", "memcpy", cpu_threads=1, cpu_other=True, mops=20.0, mops_rounds=[40.0, 60.0, 40.0])]
DOCUMENT = "before\n<!-- figures copy -->\nold\n<!-- figures end -->\nbetween\n<!-- figures latency -->\nkept\n" \
           "<!-- figures end -->\nafter\n"


@pytest.fixture
def figures(tmp_path):
    """figures(document, name=objects…): what becomes of the document, and what was said."""
    def call(document, **files):
        for name, found in files.items():
            file = "ringbench.json" if name == "ring" else f"bench-{name}.json"
            (tmp_path / file).write_text("".join(json.dumps(o) + "\n" for o in found))
        (tmp_path / "doc.md").write_text(document)
        r = support.run([sys.executable, SCRIPT, tmp_path, tmp_path / "doc.md"])
        return (tmp_path / "doc.md").read_text(), r
    return call


def rows(text):
    return [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


def test_a_block_becomes_the_table_and_the_rest_stays(figures):
    text, r = figures(DOCUMENT, sweep=SWEEP)
    assert r.returncode == 0, r.stderr
    assert text.startswith("before\n<!-- figures copy -->\n\n| ")
    assert "old" not in text
    assert text.endswith("\n<!-- figures end -->\nbetween\n<!-- figures latency -->\nkept\n<!-- figures end -->\nafter\n")
    assert "latency stay as they are" in r.stderr
    # 3, 5, 10: the median of the rounds' ratios, and not the ratio of the medians
    assert rows(text)[2] == ["a core's caches (256 KiB)", "64", "123", "98.8", "50", "30", "10", "20", "5.00", "6.00",
                             "2.50", "0.50", "0.75"]
    again, _ = figures(text, sweep=SWEEP)
    assert again == text


def test_only_the_sizes_wanted_are_there_and_failures_are_not(figures):
    found = SWEEP + [o | {"size": 256} for o in SWEEP] + [o | {"size": 1024, "failed": True} for o in SWEEP]
    text, _ = figures(DOCUMENT.replace("copy -->", "copy 256,1024 -->"), sweep=found)
    assert [row[1] for row in rows(text)[2:]] == ["256"]


def test_costs_are_ratios_to_the_same_engine_without(figures):
    plain = [measured("dma_dad0", "dma_dad", e, f"engine={e}") for e in ("thread", "inline")]
    costly = [measured("dma_dad1", "dma_dad", e, f"engine={e},{option}", mops_rounds=[n, n, n])
              for e in ("thread", "inline") for option, n in (("mt=1", 5.0), ("xstats=0", 8.0), ("inject=bus_error:min:1T", 9.0))]
    text, r = figures("<!-- figures cost -->\n<!-- figures end -->\n", cost=plain + costly)
    assert r.returncode == 0, r.stderr
    table = rows(text)
    assert table[0][2:] == ["Mops", "`mt=1` : `mt=0`", "`xstats=1` : `xstats=0`", "a rule for nothing : no rule"]
    assert [row[2:] for row in table[2:]] == [["10", "0.50", "1.25", "0.90"]] * 2


def test_latencies_and_two_cpus_and_rings(figures):
    ns = {"p50_ns": 100.0, "p90_ns": 110.0, "p99_ns": 150.0, "p999_ns": 200.0, "max_ns": 9000.0}
    latency = [measured("dma_dad0", "dma_dad", "inline", "", **ns),
               measured("dma_skeleton0", "dma_skeleton", **(ns | {"p50_ns": 400.0, "p99_ns": 300.0}))]
    cores = [measured("dma_dad0", "dma_dad", "auto", "engine=auto", gbs=18.0, mops_rounds=[18.0]),
             measured("cpu", "memcpy", cpu_threads=1, gbs=10.0, mops_rounds=[10.0]),
             measured("cpu2", "memcpy", cpu_threads=2, gbs=20.0, mops_rounds=[20.0])]
    ring = [{"ring": name, "elem": 8, "bulk": bulk, "producers": 1, "consumers": 1, "mops": mops, "failed": False}
            for bulk in (1, 8) for name, mops in (("dad", 30.0), ("rte-mpmc", 10.0), ("rte-hts", 20.0))]
    text, r = figures("".join(f"<!-- figures {n} -->\n<!-- figures end -->\n" for n in ("latency", "cores", "ring")),
                      latency=latency, cores=cores, ring=ring)
    assert r.returncode == 0, r.stderr
    table = rows(text)
    assert table[2] == ["64", "inline", "100", "110", "150", "200", "9000", "0.25", "0.50"]
    assert table[6] == ["a core's caches (256 KiB)", "64", "18", "10", "20", "1.80", "2.00", "0.90"]
    assert table[9] == ["1 + 1", "8", "1 / 8", "30 / 30", "20 / 20", "1.50 / 1.50"]


@pytest.mark.parametrize("document, message", [
    ("<!-- figures copy -->\nno end\n", "without an end"),
    ("<!-- figures speed -->\n<!-- figures end -->\n", "no figures 'speed'"),
])
def test_a_document_that_is_wrong_stays_as_it_is(figures, document, message):
    text, r = figures(document, sweep=SWEEP)
    assert r.returncode == 1 and message in r.stderr
    assert text == document
