#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Both sides of each comparison are in one process, in interleaved rounds, so that the figures may
# be compared: many short ones, as a machine that is shared changes within a second. One lcore
# drives the devices; the other CPUs are left to their threads. IOVAs are virtual addresses: EAL
# chooses so with dma_skeleton in the process, and else would not.
#
# sweep    engines of dma_dad beside DPDK's dma_skeleton and the CPU's own functions, these on the
#          lcore's CPU and on the worker's: CPUs of a virtual machine are not always equally fast
# latency  one operation at a time, for all engines, beside the same
# cores    engine=auto, which uses two CPUs, beside memcpy on one and on two
# cost     what mt=1, iommu=soft, counting (xstats) and a rule of inject cost either engine
#
# The tables go to the terminal, and the same figures to bench-PART.json in the build folder, one
# JSON object a line. config/figures.py makes tables for the documents of them.
# usage: bench.sh BUILD [PART...]
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift
[ $# -gt 0 ] || set -- sweep latency cores cost
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: the summary of 'meson setup' says why"

hugepages=$(config/hugepages.sh)
echo "$hugepages"
case $hugepages in
*--no-huge*) memory="--no-huge -m 512 --no-shconf" ;;
*) memory=--in-memory ;;
esac
cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)

# ticks: of all CPUs since boot, those at work (for whomever) and all.
ticks() {
    awk '$1 == "cpu" { idle = $5 + $6; print $2 + $3 + $4 + $7 + $8 + $9 + 0, idle; exit }' /proc/stat
}

# others: how much of the machine somebody else needs just now, which spoils what is measured.
others() {
    before=$(ticks)
    sleep 0.5
    after=$(ticks)
    echo "$before $after" | awk '{ busy = $3 - $1; idle = $4 - $2
        printf "before: CPUs %.0f %% busy with other work\n", 100 * busy / (busy + idle + !(busy + idle)) }'
}

# run PART DEVICES OPTION...: DEVICES are devargs of dma_dad0, dma_dad1, … and a name of its own.
run() {
    file=$build/bench-$1.json
    vdevs=
    n=0
    for device in $2; do
        case $device in
        dma_*) vdevs="$vdevs --vdev $device" ;;
        *)
            vdevs="$vdevs --vdev dma_dad$n,$device"
            n=$((n + 1))
            ;;
        esac
    done
    shift 2
    echo
    others
    # shellcheck disable=SC2086 # lists of options
    "$testdma" -l "$cpu" --no-pci --iova-mode=va $memory --no-telemetry \
        --log-level lib.eal:error --log-level pmd.dma.skeleton:warning $vdevs -- \
        --bench --rounds 21 --duration-ms 10 --json="$file" "$@"
    echo "the same as JSON lines: $file"
}

if [ "$(nproc)" -lt 2 ]; then
    sweep_threads=1 cores_threads=1
else
    sweep_threads=1,other cores_threads=1,2
fi

for part; do
    case $part in
    sweep)
        run sweep "engine=thread engine=inline engine=inline,eager=1 dma_skeleton0" \
            --cpu-threads "$sweep_threads"
        ;;
    latency)
        run latency "engine=thread engine=inline engine=auto dma_skeleton0" \
            --parts latency --sets core --ops copy --sizes 64,4k
        ;;
    cores) run cores engine=auto --ops copy --sizes 256k,1m --cpu-threads "$cores_threads" ;;
    cost)
        devices=
        # the rule is looked at for each operation, and fits none
        for engine in thread inline; do
            for option in "" ,mt=1 ,iommu=soft ,xstats=0 ,inject=bus_error:min:1T; do
                devices="$devices engine=$engine$option"
            done
        done
        run cost "$devices" --ops copy --sets core,cache --sizes 64,256,4k
        ;;
    *) die "no part '$part': there is sweep, latency, cores, cost" ;;
    esac
done
echo
echo "into the documents: config/figures.py $build README.md doc/guides/dmadevs/dad.md"
