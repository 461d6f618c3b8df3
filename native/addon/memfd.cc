// createMemfd: bytes for a child process in a memfd that nobody can change any more. createSharedMemory: room for what
// child processes write.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value create_memfd(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsString() || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return fail_argument(env, "createMemfd(name: string, bytes: Uint8Array)");
  }
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const auto bytes = info[1].As<Napi::Uint8Array>();

  const int fd = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(env, {"ERR_SYSTEM", errno, "memfd_create", "Cannot create a memfd", {}, {}});
  size_t done = 0;
  while (done < bytes.ByteLength()) {
    const ssize_t count = write(fd, bytes.Data() + done, bytes.ByteLength() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = errno;
      close(fd);
      return fail(env, {"ERR_SYSTEM", error, "write", "Cannot fill a memfd", {}, {}});
    }
    done += static_cast<size_t>(count);
  }
  if (lseek(fd, 0, SEEK_SET) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    const int error = errno;
    close(fd);
    return fail(env, {"ERR_SYSTEM", error, "fcntl", "Cannot seal a memfd", {}, {}});
  }
  return Napi::Number::New(env, descriptors.add(fd));
}

Napi::Value create_shared_memory(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsString() || !info[1].IsNumber())
    return fail_argument(env, "createSharedMemory(name: string, size: number)");
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const auto size = info[1].As<Napi::Number>().Int64Value();
  const int fd = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(env, {"ERR_SYSTEM", errno, "memfd_create", "Cannot create a memfd", {}, {}});
  if (size <= 0 || ftruncate(fd, size) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const int error = size <= 0 ? EINVAL : errno;
    close(fd);
    return fail(env, {"ERR_SYSTEM", error, "ftruncate", "Cannot size a memfd", {}, {}});
  }
  return Napi::Number::New(env, descriptors.add(fd));
}

}  // namespace barchan::addon
