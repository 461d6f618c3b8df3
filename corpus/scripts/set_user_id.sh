#!/bin/sh
# Looks for programs with the set-user-ID bit, makes one of its own, and asks them for another user's rights.
# @technique T1548.001
# @weakness CWE-269
# @stopped-by namespace
# @options {"policy":"compat","user":{"uid":1000,"gid":1000}}
# @control none: natively this is root already
# @attempts 4
attempt "su" sh -c 'echo | su -c true'
attempt "a copy with the bit" sh -c 'cp /bin/sh /tmp/sh && chmod u+s /tmp/sh && test "$(/tmp/sh -pc "id -u")" = 0'
attempt "a copy of another owner" sh -c 'cp /bin/sh /tmp/other && chown 0:0 /tmp/other'
attempt "shadow" cat /etc/shadow
attempt "root by a file capability" sh -c 'cp /bin/cat /tmp/cat && setcap cap_dac_override+ep /tmp/cat'
