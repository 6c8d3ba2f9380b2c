#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Provide what the guest boots from, in .cache/vm: a Debian kernel with its modules (downloaded
# and unpacked, not installed) and an initramfs made of busybox and a few of those modules.
# usage: prepare.sh
set -euo pipefail
# shellcheck source=config/env.sh
. "$(dirname "$0")/../../config/env.sh"
cd ..  # env.sh went to the folder above this one
cache=$PWD/.cache/vm
here=$PWD/test/vm

# In this order: what the guest loads. Whatever they depend on is added; what is built in is left out.
modules="virtio_pci 9pnet_virtio 9p overlay vfio_iommu_type1 vfio_pci"

for program in qemu-system-x86_64 busybox cpio depmod; do
    command -v $program >/dev/null ||
        die "vm: $program is missing: 'make test-vm' as root installs it (section vm of config/packages.txt)"
done

fetch_kernel() {
    package=$(apt-cache depends linux-image-amd64 2>/dev/null |
        awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
    [ -n "$package" ] || die "vm: no kernel to boot: apt knows no linux-image-amd64"
    rm -rf "$cache"
    mkdir -p "$cache/kernel"
    # not -q: apt's lists may be older than what the mirror still has
    (cd "$cache" && chmod a+rwx . && { apt-get download "$package" || { apt-get update && apt-get download "$package"; }; }) \
        >"$cache/fetch.log" 2>&1 ||
        die "vm: $package could not be downloaded: $(grep -m 1 '^E:' "$cache/fetch.log") (once is enough)"
    dpkg -x "$cache/$package"_*.deb "$cache/kernel"
    rm "$cache/$package"_*.deb
    version=${package#linux-image-}
    depmod -b "$cache/kernel" "$version"
    ln -s "kernel/boot/vmlinuz-$version" "$cache/vmlinuz"
    ln -s "kernel/lib/modules/$version" "$cache/modules"
}

# The file names of a module and of those it needs, the deepest first.
closure() {
    awk -v wanted="$1" '
        { path = $1; sub(/:$/, "", path); name = path; sub(/.*\//, "", name); sub(/\.ko.*/, "", name)
          gsub(/-/, "_", name)
          if (name == wanted) { for (i = NF; i > 1; i--) print $i; print path; exit } }
        ' "$cache/modules/modules.dep"
}

make_initramfs() {
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/modules"
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp "$here/init" "$root/init"
    chmod +x "$root/init"
    for module in $modules; do
        closure "$module"
    done | awk '!seen[$0]++' | while read -r path; do
        cp "$cache/modules/$path" "$root/modules/"
        basename "$path" >>"$root/modules/order"
    done
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$cache/initramfs.new"
    mv "$cache/initramfs.new" "$cache/initramfs.gz"
    rm -rf "$root"
}

[ -f "$cache/complete" ] || fetch_kernel
if [ ! -f "$cache/initramfs.gz" ] || [ "$here/init" -nt "$cache/initramfs.gz" ] ||
    [ "$here/prepare.sh" -nt "$cache/initramfs.gz" ]; then
    make_initramfs
fi
touch "$cache/complete"
