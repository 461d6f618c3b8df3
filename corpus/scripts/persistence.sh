#!/bin/sh
# Leaves something behind that runs later: tables of cron, units, shells' start-up files, keys, preloaded libraries.
# @technique T1546
# @weakness CWE-732
# @stopped-by namespace
# @options {"policy":"compat"}
# @control none: natively, as root, this would stay on the host
# @attempts 9
for place in /etc/cron.d/attack /etc/crontab /etc/systemd/system/attack.service /etc/profile.d/attack.sh /root/.bashrc \
  /root/.ssh/authorized_keys /etc/ld.so.preload /usr/local/bin/ls /etc/passwd /lib/x86_64-linux-gnu/attack.so; do
  attempt "$place" sh -c 'echo >>"$1"' sh "$place"
done
