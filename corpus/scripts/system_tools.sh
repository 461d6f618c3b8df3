#!/bin/sh
# Breaks out with the tools that a system has: mount, unshare, nsenter, chroot, mknod, insmod, sysctl, hostname.
# @technique T1611
# @weakness CWE-250
# @stopped-by namespace
# @options {"policy":"compat"}
# @control none: natively, as root, these would change the host
# @attempts 10
# @timeout 60
PATH=/usr/sbin:/sbin:$PATH
attempt "mount" mount -t tmpfs none /mnt
attempt "bind mount" mount --bind / /mnt
attempt "remount" mount -o remount,rw /
attempt "unmount" umount -l /proc
attempt "unshare" unshare -m true
attempt "unshare, users" unshare -Ur true
attempt "nsenter" nsenter -t 1 -m true
attempt "block device" mknod /tmp/disk b 8 0
attempt "hostname" hostname attacked
attempt "setting" sh -c 'echo 1 >/proc/sys/kernel/core_pattern'
attempt "magic key" sh -c 'echo h >/proc/sysrq-trigger'
