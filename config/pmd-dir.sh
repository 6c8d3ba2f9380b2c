#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Print the folder from which the installed EAL loads drivers by itself.
# usage: pmd-dir.sh LIBDIR
set -eu
libdir=$1
# EAL has it as a string constant; pkg-config does not tell it.
dir=$(grep -a -o 'DPDK_PLUGIN_PATH=[[:print:]]*' "$libdir"/librte_eal.so 2>/dev/null | head -n 1 | cut -d= -f2-) || true
if [ -z "$dir" ]; then
    # a path of its own, not the marker Debian leaves
    dir=$(grep -a -o '/[[:print:]]*/dpdk/pmds-[0-9.]*' "$libdir"/librte_eal.so 2>/dev/null | head -n 1) || true
fi
echo "${dir:-$libdir/dpdk/pmds}"
