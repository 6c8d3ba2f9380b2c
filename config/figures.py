#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Put what was measured into documents: tables between markers, from the objects of one run.

usage: figures.py BUILD FILE...

A block of a file is what stands between the lines

    <!-- figures NAME [SIZE,...] -->
    <!-- figures end -->

and becomes the table of that name: copy, fill, sg (of bench-sweep.json in the folder BUILD),
latency, cores, cost (of bench-NAME.json) or ring (of ringbench.json). With sizes it has only those.
A block whose objects are not there stays as it is. Ratios are medians of those of the rounds, in
which both sides were measured one soon after the other.
"""
import json
import re
import statistics
import sys
from pathlib import Path

SETS = {"core": "a core's caches", "cache": "last-level cache", "memory": "memory"}
# What costs something: how its devarg begins, and its column.
COSTLY = {"mt=1": "`mt=1` : `mt=0`", "iommu=soft": "`iommu=soft` : none", "xstats=0": "`xstats=1` : `xstats=0`",
          "inject=": "a rule for nothing : no rule"}
OTHER = ", other CPU"
BEGIN = re.compile(r"<!-- figures (?!end)(\w+)(?: ([\d,]+))? -->")
END = "<!-- figures end -->"


def objects(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def backend(o):
    """What a column is about: thread, inline, "inline eager", "thread mt=1", dma_skeleton, memcpy, "memcpy 2",
    "memcpy, other CPU"."""
    if o["cpu_threads"]:
        return o["driver"] + (OTHER if o["cpu_other"] else f" {o['cpu_threads']}" if o["cpu_threads"] > 1 else "")
    if o["driver"] != "dma_dad":
        return o["driver"]
    devargs = o["devargs"].split(",")
    eager = ["eager"] if "eager=1" in devargs else []
    return " ".join([o["engine"], *eager, *(c for c in COSTLY if any(d.startswith(c) for d in devargs))])


def cells(found, op="copy"):
    """{(set, size): {backend: object}}, in the order of the file."""
    table = {}
    for o in found:
        if o["op"] == op and not o["failed"]:
            table.setdefault((o["set"], o["size"]), {})[backend(o)] = o
    return table


def mib(size):
    return f"{size / 2**20:.3g} MiB" if size >= 2**20 else f"{size >> 10} KiB"


def set_name(cell):
    o = next(iter(cell.values()))
    return f"{SETS[o['set']]} ({mib(o['set_bytes'])})"


def number(value):
    """Three digits, or all of them before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def rate(cell, name, field="mops"):
    return number(cell[name][field]) if name in cell else "–"


def ratio(cell, subject, peer):
    if subject not in cell or peer not in cell:
        return "–"
    rounds = zip(cell[subject]["mops_rounds"], cell[peer]["mops_rounds"])
    return f"{statistics.median(a / b for a, b in rounds):.2f}"


def markdown(head, left, rows):
    """left: how many columns are words; the others are numbers. A word that repeats is left out."""
    lines = [head, ["---"] * left + ["---:"] * (len(head) - left)]
    before = None
    for row in rows:
        lines.append([""] + row[1:] if row[0] == before else row)
        before = row[0]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def sweep_table(found, op, sizes):
    cpu = "memset" if op == "fill" else "memcpy"
    peers = (["dma_skeleton"] if op == "copy" else []) + [cpu, cpu + OTHER]
    inlines = ["inline", "inline eager"] if op == "copy" else ["inline"]
    columns = ["thread", *inlines, *peers]
    pairs = [("thread", c) for c in peers] + [(c, cpu) for c in inlines]
    rows = [[set_name(cell), str(size), *(rate(cell, c) for c in columns), *(ratio(cell, *p) for p in pairs)]
            for (_, size), cell in cells(found, op).items() if not sizes or size in sizes]
    return markdown([f"{op}, working set", "bytes", *columns, *(f"{a} : {b}" for a, b in pairs)], 1, rows)


def latency_table(found, sizes):
    fields = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"]
    rows = []
    for (_, size), cell in cells(found).items():
        if sizes and size not in sizes:
            continue
        peer = cell.get("dma_skeleton")
        for name, o in cell.items():
            times = [f"{o[f] / peer[f]:.2f}" if peer and peer[f] else "–" for f in ("p50_ns", "p99_ns")]
            rows.append([str(size), name, *(f"{o[f]:.0f}" for f in fields), *times])
    return markdown(["bytes", "one operation, ns", "p50", "p90", "p99", "p99.9", "max",
                     "p50 : dma_skeleton's", "p99 : dma_skeleton's"], 2, rows)


def cores_table(found, sizes):
    columns = ["auto", "memcpy", "memcpy 2"]
    pairs = [("auto", "memcpy"), ("memcpy 2", "memcpy"), ("auto", "memcpy 2")]
    rows = [[set_name(cell), str(size), *(rate(cell, c, "gbs") for c in columns), *(ratio(cell, *p) for p in pairs)]
            for (_, size), cell in cells(found).items() if not sizes or size in sizes]
    return markdown(["copy, GB/s, working set", "bytes", "auto, two CPUs", "memcpy", "memcpy on two CPUs",
                     "auto : memcpy", "memcpy, two : one", "auto : memcpy on two"], 1, rows)


def cost_table(found, sizes):
    table = cells(found)
    options = [c for c in COSTLY if any(f"thread {c}" in cell for cell in table.values())]
    rows = []
    for engine in ("thread", "inline"):
        for (_, size), cell in table.items():
            if sizes and size not in sizes:
                continue
            with_option = [ratio(cell, engine, f"{engine} {c}") if c == "xstats=0" else
                           ratio(cell, f"{engine} {c}", engine) for c in options]
            rows.append([f"{engine}, {set_name(cell)}", str(size), rate(cell, engine), *with_option])
    return markdown(["copy, working set", "bytes", "Mops", *(COSTLY[c] for c in options)], 1, rows)


def ring_table(found, sizes):
    """Many producers and consumers; rte_ring in whichever of its three modes is fastest in a cell."""
    peers = ("rte-mpmc", "rte-rts", "rte-hts")
    table = {}
    for o in found:
        if not o["failed"] and (not sizes or o["elem"] in sizes):
            shape = f"{o['producers']} + {o['consumers']}"
            table.setdefault((shape, o["elem"]), {}).setdefault(o["bulk"], {})[o["ring"]] = o["mops"]
    rows = []
    for (shape, elem), bulks in table.items():
        best = {b: max(rings.get(p, 0) for p in peers) for b, rings in bulks.items()}
        rows.append([shape, str(elem), " / ".join(map(str, bulks)),
                     " / ".join(number(rings["dad"]) for rings in bulks.values()),
                     " / ".join(number(best[b]) for b in bulks),
                     " / ".join(f"{rings['dad'] / best[b]:.2f}" for b, rings in bulks.items())])
    return markdown(["threads", "bytes", "bulk", "dad_ring, Mops", "best of rte_ring MP/MC, RTS, HTS", "ratio"], 1, rows)


def table_of(build, name, sizes):
    """@return the text, or None without objects"""
    sweep = name in ("copy", "fill", "sg")
    file = build / ("ringbench.json" if name == "ring" else f"bench-{'sweep' if sweep else name}.json")
    makers = {"latency": latency_table, "cores": cores_table, "cost": cost_table, "ring": ring_table}
    if not sweep and name not in makers:
        sys.exit(f"no figures '{name}': there is copy, fill, sg, {', '.join(makers)}")
    if not file.exists():
        print(f"{file} is not there: figures {name} stay as they are", file=sys.stderr)
        return None
    found = objects(file)
    return sweep_table(found, name, sizes) if sweep else makers[name](found, sizes)


def fill_in(build, path):
    out, lines = [], iter(path.read_text(encoding="utf-8").splitlines(keepends=True))
    for line in lines:
        out.append(line)
        begin = BEGIN.fullmatch(line.strip())
        if not begin:
            continue
        old = []
        for line in lines:
            if line.strip() == END:
                break
            old.append(line)
        else:
            sys.exit(f"{path}: figures {begin[1]} without an end")
        table = table_of(build, begin[1], [int(s) for s in begin[2].split(",")] if begin[2] else [])
        out += old if table is None else ["\n", table, "\n"]
        out.append(line)
    path.write_text("".join(out), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__.split("\n\n")[1])
    for file in sys.argv[2:]:
        fill_in(Path(sys.argv[1]), Path(file))
