// A monitor that was taken over asks its own virtual machine for what no guest needs: interrupt chips, devices, model-specific registers.
// @technique T1611
// @weakness CWE-782
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 6
#include <linux/kvm.h>

#include "../attack.h"

int main(void) {
  TAKEN_OVER("KVM_CREATE_IRQCHIP", SYS_ioctl, -1, KVM_CREATE_IRQCHIP);
  TAKEN_OVER("KVM_CREATE_PIT2", SYS_ioctl, -1, KVM_CREATE_PIT2);
  TAKEN_OVER("KVM_CREATE_DEVICE", SYS_ioctl, -1, KVM_CREATE_DEVICE);
  TAKEN_OVER("KVM_IOEVENTFD", SYS_ioctl, -1, KVM_IOEVENTFD);
  TAKEN_OVER("KVM_IRQFD", SYS_ioctl, -1, KVM_IRQFD);
  TAKEN_OVER("KVM_NMI", SYS_ioctl, -1, KVM_NMI);
  return 0;
}
