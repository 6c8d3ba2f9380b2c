#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the module that Debian's kernels leave out: vfio with the mode without IOMMU, from Debian's own source of the
# kernel that prepare.sh fetched, into .cache/vm. 150 MB are downloaded; nothing is installed.
# usage: noiommu.sh
set -euo pipefail
# shellcheck source=config/env.sh
. "$(dirname "$0")/../../config/env.sh"
cd ..  # env.sh went to the folder above this one
test/vm/prepare.sh
module=$PWD/.cache/vm/noiommu/vfio.ko
[ ! -f "$module" ] || exit 0

for program in make gcc-12 xz; do
    command -v $program >/dev/null || die "vm: $program is missing: it builds a module of the guest's kernel"
done
kernel=$(basename "$(readlink .cache/vm/modules)") # 6.1.0-56-amd64
headers=linux-headers-$kernel
common=linux-headers-${kernel%-amd64}-common
series=${kernel%.*} # 6.1
version=$(apt-cache show --no-all-versions "$headers" | awk '$1 == "Version:" { print $2 }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && chmod a+rwx . && apt-get -q download "$headers=$version" "$common=$version" \
    "linux-kbuild-$series=$version" "linux-source-$series=$version") >"$work/log" 2>&1 ||
    die "vm: the kernel's source could not be downloaded: $(grep -m 1 '^E:' "$work/log")"

for package in headers kbuild; do
    for deb in "$work/linux-$package-"*.deb; do
        dpkg -x "$deb" "$work/root"
    done
done
# the headers name the folder they would be installed in
sed -i "s,/usr/src,$work/root/usr/src," "$work/root/usr/src/$headers/Makefile"
dpkg --fsys-tarfile "$work/linux-source-$series"_*.deb | tar -xO "./usr/src/linux-source-$series.tar.xz" |
    tar -xJ -C "$work" "linux-source-$series/drivers/vfio"
vfio=$work/linux-source-$series/drivers/vfio
cat >"$vfio/Kbuild" <<END
obj-m := vfio.o
vfio-y := vfio_main.o iova_bitmap.o container.o
ccflags-y := -DCONFIG_VFIO_NOIOMMU=1
END
make -C "$work/root/usr/src/$headers" M="$vfio" modules >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    die "vm: the module could not be built"
}
mkdir -p "$(dirname "$module")"
cp "$vfio/vfio.ko" "$module.new"
mv "$module.new" "$module"
