#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# PID 1 of the guest with a Debian disk, until Debian's own init takes over: mount the
# disk, set up the case's scene and the network, and copy to the disk what changes from
# start to start.
#
# Inputs: the case's knobs, and /words, the same for a shell; /case and /netns of the
#   initramfs; /ssh, the keys; the disk as /dev/vda.
# Exit: never; a command that fails is a panic, which the host sees.
set -eu
export PATH=/bin

mkdir -p /dev /proc /sys /run /disk
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t ext4 /dev/vda /disk

# Add the machine's own card after the case's devices, which may use any name and number.
driver=/sys/bus/virtio/drivers/virtio_net
card=$(cd "$driver" && echo virtio*)
echo "$card" >"$driver/unbind"
# shellcheck source=/dev/null
. /case/guest.sh
up # its namespaces are in /run, which moves to Debian below
echo "$card" >"$driver/bind"

# QEMU's user-mode network always uses these addresses.
ip -batch - <<-COMMANDS
	addr add 10.0.2.15/24 dev eth0
	link set eth0 up
	route add default via 10.0.2.2
COMMANDS

rm -rf /disk/case
busybox cp -r /case /disk/case
busybox cp /netns/* /disk/usr/local/bin
mkdir -p /disk/root/.ssh
busybox cp /ssh/authorized_keys /disk/root/.ssh
busybox cp /ssh/ssh_host_ed25519_key /disk/etc/ssh
busybox chmod 600 /disk/root/.ssh/authorized_keys /disk/etc/ssh/ssh_host_ed25519_key
busybox cp /words /disk/etc/profile.d/xsklab.sh

for dir in /dev /proc /sys /run; do
	mount --move "$dir" "/disk$dir"
done
exec busybox switch_root /disk /sbin/init
