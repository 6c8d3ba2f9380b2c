#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Run the tests that need a guest, on what was built in a build folder.
# usage: suite.sh BUILD [PYTEST_OPTION]...
set -eu
. "$(dirname "$0")/../../config/env.sh"
cd ..  # env.sh went to the folder above this one
build=$(cd "$1" && pwd)
shift

test/vm/prepare.sh
DAD_BUILD=$build PYTHONDONTWRITEBYTECODE=1 \
    exec /usr/bin/python3 -m pytest -q -rs -p no:cacheprovider --durations=0 "$@" test/vm
