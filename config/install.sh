#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Install a build: libraries, headers, pkg-config files and programs under meson's prefix, the
# driver where EAL loads drivers from by itself.
# usage: install.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
meson install -C "$1"
# The linker's cache learns of the libraries; with DESTDIR they are not there yet.
[ -n "${DESTDIR:-}" ] || ldconfig
