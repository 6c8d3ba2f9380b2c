#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Check the source without building it. Every check runs and prints one line; those that fail
# print the offenders first, and make the whole fail at the end.
# shellcheck disable=SC2317 # functions that check() calls
set -euo pipefail
# shellcheck source=config/env.sh
. "$(dirname "$0")/env.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
failed=0

# tracked PATTERN...: the files in git that match; the checkout may belong to another user.
tracked() {
    git -c safe.directory="$PWD" ls-files -- "$@"
}

# check NAME COUNT COMMAND...: run a check of COUNT files; its output matters when it fails.
check() {
    local name=$1 count=$2
    shift 2
    if "$@" >"$log" 2>&1; then
        echo "lint: $name: ok ($count files)"
    else
        cat "$log"
        echo "lint: $name: FAILED"
        failed=1
    fi
}

# none PATTERN FILE...: no line of the files matches.
none() {
    local pattern=$1
    shift
    [ $# -eq 0 ] || ! grep -nHIP "$pattern" "$@"
}

mapfile -t all < <(tracked)
mapfile -t c < <(tracked '*.c' '*.h')
mapfile -t shell < <(tracked '*.sh' '.ci/run')
mapfile -t python < <(tracked '*.py')
mapfile -t source < <(tracked '*.c' '*.h' '*.py' '*.sh' '*.build' '*.pml' .ci/run Makefile meson_options.txt)
mapfile -t public < <(tracked 'lib/*/dad_*.h' 'drivers/*/rte_pmd_*.h' ':!lib/*/*_internal.h' ':!lib/*/*_pvt.h')
mapfile -t quiet < <(tracked 'lib/*.[ch]' 'drivers/*.[ch]' ':!*_test.c' ':!*_bench.c')
mapfile -t one_version < <(tracked '*.[ch]' ':!drivers/compat')
read -r -a dpdk_flags < <(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g')
[ ${#all[@]} -gt 0 ] || die "lint: no tracked files: this is not a git checkout"

spdx() {
    local file missing=0
    for file in "$@"; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' ||
            { echo "$file: no SPDX line on top"; missing=1; }
    done
    return "$missing"
}

# A public header stands on its own, in both languages.
header_alone() {
    local header result=0
    for header in "$@"; do
        gcc -x c -std=gnu11 "${header_flags[@]}" "$header" || result=1
        g++ -x c++ -std=c++14 "${header_flags[@]}" "$header" || result=1
    done
    return "$result"
}
header_flags=(-fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE -DALLOW_EXPERIMENTAL_API
    -Ilib/dma -Ilib/ring "${dpdk_flags[@]}")

# DPDK's headers are found on the machine or fetched, never kept here.
no_dpdk_header() {
    local file result=0
    for file in "$@"; do
        case ${file##*/} in
        rte_pmd_dad.h) ;; # ours, named as programs expect it
        rte_*.h | dev_driver.h | bus_*driver.h) echo "$file: a header of DPDK"; result=1 ;;
        esac
    done
    return "$result"
}

# cppcheck reads neither DPDK's headers nor the system's: it is told those of their macros that
# are no expressions. A sign in a printf format is left to the compiler's -Wformat; a vector of
# GCC, whose elements are written one by one, is taken for an array never written.
cat >"$work/macros.h" <<'EOF'
#define RTE_LOG_REGISTER(name, ...) int name;
#define RTE_LOG_REGISTER_DEFAULT(name, ...) int name;
#define RTE_LOG_REGISTER_SUFFIX(name, ...) int name;
#define RTE_PMD_REGISTER_VDEV(...)
#define RTE_PMD_REGISTER_ALIAS(...)
#define RTE_PMD_REGISTER_PARAM_STRING(...)
#define RTE_TRACE_POINT(...)
#define RTE_TRACE_POINT_FP(...)
#define RTE_TRACE_POINT_REGISTER(...)
#define RTE_INIT(name) static void name(void)
#define RTE_FINI(name) static void name(void)
#define RTE_LCORE_FOREACH(i) for (i = 0; i < 128; i++)
#define RTE_LCORE_FOREACH_WORKER(i) for (i = 1; i < 128; i++)
#define RTE_DMA_FOREACH_DEV(i) for (i = 0; i < 64; i++)
#define TAILQ_HEAD(name, type) struct name { struct type *first; }
#define TAILQ_ENTRY(type) struct { struct type *next; }
#define TAILQ_FOREACH(item, list, field) for (item = (list)->first; item; item = item->field.next)
EOF
cppcheck_flags=(--quiet --error-exitcode=1 --inline-suppr --std=c11 -j 2
    "--enable=warning,performance,portability" --suppress=missingIncludeSystem
    --suppress=invalidPrintfArgType_uint --suppress=invalidPrintfArgType_sint
    --suppress=uninitvar:drivers/dma/dad/exec_impl.h
    --include="$work/macros.h" -Iapp/common -Ilib/dma -Ilib/ring)

check clang-format ${#c[@]} clang-format --dry-run -Werror --ferror-limit=3 "${c[@]}"
check cppcheck ${#c[@]} cppcheck "${cppcheck_flags[@]}" "${c[@]}"
check shellcheck ${#shell[@]} shellcheck -x -P SCRIPTDIR "${shell[@]}"
check pyflakes ${#python[@]} python3 -m pyflakes /dev/null "${python[@]}"
check codespell ${#all[@]} codespell "${all[@]}"
check spdx ${#source[@]} spdx "${source[@]}"
check public-headers ${#public[@]} header_alone "${public[@]}"
check no-dpdk-header ${#c[@]} no_dpdk_header "${c[@]}"
# Libraries and drivers log, and leave the process to the application.
check no-print-no-exit ${#quiet[@]} \
    none '\b(printf|vprintf|puts|putchar|perror|_?exit|abort|rte_panic|rte_exit)\s*\(' "${quiet[@]}"
check one-place-for-versions ${#one_version[@]} none '\bRTE_VER(SION(_NUM)?|_[A-Z]+)\b' "${one_version[@]}"
check trailing-whitespace ${#all[@]} none '[ \t]+$' "${all[@]}"
check nothing-left-undone ${#source[@]} none '\b(TO''DO|FIX''ME|X''XX)\b' "${source[@]}"

exit $failed
