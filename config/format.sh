#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Lay out all tracked C files as .clang-format says.
set -eu
. "$(dirname "$0")/env.sh"
git -c safe.directory="$PWD" ls-files -z -- '*.c' '*.h' | xargs -0 clang-format -i
