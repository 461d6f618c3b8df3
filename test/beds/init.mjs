/** The first process of a bed. */

/**
 * @param {string[]} modules  in the order to load them
 * @param {string} parameters  of the last module, e.g. "ept=0"
 * @param {number} startFlags  of the monitors (native/abi/start.h)
 */
export function initScript(modules, parameters = '', startFlags = 0) {
  const insert = modules.map((name, i) => {
    const words = i === modules.length - 1 ? ` ${parameters}` : '';
    return `insmod /mod/${name}.ko${words} || echo "BED: insmod ${name} failed"`;
  });
  return `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts; mount -t tmpfs tmp /tmp
chmod 1777 /tmp
ln -sf /proc/self/fd /dev/fd; ln -sf /proc/self/fd/1 /dev/stdout
ip link set lo up
exec </dev/null >/dev/console 2>&1
${insert.join('\n')}
for p in ept npt unrestricted_guest vpid; do
  for m in kvm_intel kvm_amd; do
    [ -f /sys/module/$m/parameters/$p ] && echo "BED: $m $p=$(cat /sys/module/$m/parameters/$p)"
  done
done
echo "BED: kernel $(uname -r), up $(cut -d' ' -f1 /proc/uptime) s"
/bed/driver /bed/list /bed/monitor /dev/ttyS1 ${startFlags}
echo "BED: driver ended with $?, up $(cut -d' ' -f1 /proc/uptime) s"
dmesg | grep -iE 'kvm|vmx|svm|BUG|WARNING|Oops' | tail -20
poweroff -f
`;
}
