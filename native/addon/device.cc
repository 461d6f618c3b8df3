// openDevice: opens /dev/kvm and proves that it can carry a monitor, so that a machine that cannot is
// told about in JavaScript, with a remedy, before any process is started.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"

namespace barchan::addon {
namespace {

struct Required {
  const char* name;    // property of `capabilities`
  const char* symbol;  // for the message
  int number;
  int bits;  // that KVM_CHECK_EXTENSION's answer must have; 0 = any positive answer
};

constexpr Required kRequired[] = {
    {"userMemory", "KVM_CAP_USER_MEMORY", KVM_CAP_USER_MEMORY, 0},
    {"setTssAddr", "KVM_CAP_SET_TSS_ADDR", KVM_CAP_SET_TSS_ADDR, 0},
    {"extendedCpuid", "KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID, 0},
    {"syncRegs", "KVM_CAP_SYNC_REGS", KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS},
    {"immediateExit", "KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT, 0},
    {"vcpuAttributes", "KVM_CAP_VCPU_ATTRIBUTES (TSC offset)", KVM_CAP_VCPU_ATTRIBUTES, 0},
    {"xsave", "KVM_CAP_XSAVE", KVM_CAP_XSAVE, 0},
    {"xcrs", "KVM_CAP_XCRS", KVM_CAP_XCRS, 0},
    {"memorySlots", "KVM_CAP_NR_MEMSLOTS", KVM_CAP_NR_MEMSLOTS, 0},
};

Napi::Value fail_open(Napi::Env env, const std::string& path, int error) {
  if (error == ENOENT || error == ENXIO || error == ENODEV) {
    return fail(env,
                {"ERR_KVM_NOT_FOUND", error, "open", "Cannot open the KVM device " + path, path,
                 "Load kvm_intel or kvm_amd (modprobe), switch virtualization on in the firmware, and in "
                 "a container pass the device (docker run --device /dev/kvm)."});
  }
  if (error == EACCES || error == EPERM) {
    return fail(env,
                {"ERR_KVM_PERMISSION", error, "open", "Cannot open the KVM device " + path, path,
                 "Add the user to the group that owns the device (usually: sudo usermod -aG kvm $USER) and "
                 "log in again."});
  }
  return fail(env, {"ERR_SYSTEM", error, "open", "Cannot open the KVM device " + path, path, {}});
}

Napi::Value fail_unsupported(Napi::Env env, const std::string& path, const std::string& why) {
  return fail(env, {"ERR_KVM_UNSUPPORTED", 0, "ioctl", "The KVM device " + path + " cannot be used: " + why,
                    path, "Use a Linux kernel of version 5.16 or newer with kvm_intel or kvm_amd."});
}

}  // namespace

Napi::Value open_device(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) return fail_argument(env, "openDevice(path: string)");
  const std::string path = info[0].As<Napi::String>().Utf8Value();

  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail_open(env, path, errno);

  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode)) {
    close(fd);
    return fail_unsupported(env, path, "it is not a character device");
  }
  const int version = ioctl(fd, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) {
    close(fd);
    return fail_unsupported(env, path,
                            version < 0 ? "it does not answer KVM_GET_API_VERSION"
                                        : "its API version is " + std::to_string(version) + ", not 12");
  }

  Napi::Object capabilities = Napi::Object::New(env);
  for (const Required& required : kRequired) {
    const int answer = ioctl(fd, KVM_CHECK_EXTENSION, required.number);
    if (answer <= 0 || (answer & required.bits) != required.bits) {
      close(fd);
      return fail_unsupported(env, path, std::string("it lacks ") + required.symbol);
    }
    capabilities.Set(required.name, answer);
  }

  Napi::Object device = Napi::Object::New(env);
  device.Set("fd", descriptors.add(fd));
  device.Set("apiVersion", version);
  device.Set("capabilities", capabilities);
  return device;
}

}  // namespace barchan::addon
