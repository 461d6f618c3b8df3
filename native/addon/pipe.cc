// createPipe: real pipes for a guest's stdio. Node's own `stdio: 'pipe'` makes socket pairs, which a
// program can tell apart: opening /dev/stdout or /dev/stdin fails with ENXIO on a socket.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value create_pipe(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsBoolean())
    return fail_argument(env, "createPipe(nonblockingRead: boolean)");

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(env, {"ERR_SYSTEM", errno, "pipe2", "Cannot create a pipe", {}, {}});
  if (info[0].As<Napi::Boolean>().Value() && fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK) != 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return fail(env, {"ERR_SYSTEM", error, "fcntl", "Cannot make a pipe non-blocking", {}, {}});
  }
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, descriptors.add(ends[0]));
  pair.Set(1u, descriptors.add(ends[1]));
  return pair;
}

}  // namespace barchan::addon
