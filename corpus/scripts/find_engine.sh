#!/bin/sh
# Looks for the ways that badly made containers leave open: sockets of engines, tokens of clusters, the host's root and processes.
# @technique T1613
# @weakness CWE-668
# @stopped-by namespace
# @options {"policy":"compat"}
# @control none: whether the host has an engine is not the corpus' doing
# @attempts 8
for place in /var/run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock /run/crio/crio.sock \
  /var/run/secrets/kubernetes.io /run/systemd/private /run/dbus/system_bus_socket; do
  attempt "$place" test -e "$place"
done
attempt "another's root" ls "/proc/$ATTACK_VICTIM/root/"
attempt "another's files" ls "/proc/$ATTACK_NODE/fd/"
attempt "disks" sh -c 'ls /dev/sd* /dev/vd* /dev/nvme*'
