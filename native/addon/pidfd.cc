// openPidfd: a reference to a child that cannot come to mean another process, for setns(2).
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value open_pidfd(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "openPidfd(pid: number)");
  const long fd = syscall(SYS_pidfd_open, info[0].As<Napi::Number>().Int32Value(), 0);
  if (fd < 0) return fail(env, {"ERR_SYSTEM", errno, "pidfd_open", "Cannot refer to a process", {}, {}});
  return Napi::Number::New(env, descriptors.add_child(static_cast<int>(fd)));
}

}  // namespace barchan::addon
