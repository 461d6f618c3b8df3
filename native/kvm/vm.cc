#include "kvm/vm.h"

#include <linux/mman.h>

#include "host/string.h"
#include "host/syscall.h"
#include "kvm/features.h"

namespace barchan::kvm {

i64 vm_create(Vm& vm, int kvm_fd) {
  vm.kvm_fd = kvm_fd;
  // A VM's creation is interruptible by signals; the monitor blocks none here, so retry.
  i64 fd;
  do fd = host::call(__NR_ioctl, kvm_fd, KVM_CREATE_VM, 0);
  while (fd == -EINTR);
  if (fd < 0) return fd;
  vm.fd = static_cast<int>(fd);
  if (!vm.run_size) {
    const i64 size = host::call(__NR_ioctl, kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < static_cast<i64>(sizeof(kvm_run))) return size < 0 ? size : -EINVAL;
    vm.run_size = static_cast<u64>(size);
    const i64 most = host::call(__NR_ioctl, kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    vm.max_vcpus = most > 0 ? static_cast<u32>(most) : 4;
  }
  vm.vcpus = 0;
  return 0;
}

i64 set_memslot(Vm& vm, u32 slot, u64 guest_physical, u64 size, const void* host) {
  kvm_userspace_memory_region region = {};
  region.slot = slot;
  region.guest_phys_addr = guest_physical;
  region.memory_size = size;
  region.userspace_addr = reinterpret_cast<u64>(host);
  i64 result;
  do result = host::call(__NR_ioctl, vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
  while (result == -EINTR);
  return result;
}

}  // namespace barchan::kvm
