// Pseudoterminals (man 7 pty): the program gets the terminal, this process the other side.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "addon/addon.h"

namespace barchan::addon {
namespace {

bool is_size(const Napi::Value& value) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 && number <= 65535;
}

unsigned short size_of(const Napi::Value& value) {
  return static_cast<unsigned short>(value.As<Napi::Number>().Uint32Value());
}

// The name of the call that failed, with errno; null when both sides are open.
const char* open_pair(const winsize& size, int& ours, int& programs) {
  if ((ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) < 0) return "open /dev/ptmx";
  int unlocked = 0;
  if (ioctl(ours, TIOCSPTLCK, &unlocked) != 0) return "ioctl TIOCSPTLCK";
  // Not by a name in /dev/pts, which may be another instance's.
  if ((programs = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) return "ioctl TIOCGPTPEER";
  if (ioctl(programs, TIOCSWINSZ, &size) != 0) return "ioctl TIOCSWINSZ";
  return nullptr;
}

}  // namespace

Napi::Value open_terminal(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !is_size(info[0]) || !is_size(info[1]))
    return fail_argument(env, "openTerminal(cols: number, rows: number)");
  int ours = -1, programs = -1;
  if (const char* call = open_pair({size_of(info[1]), size_of(info[0]), 0, 0}, ours, programs)) {
    const int error = errno;
    if (ours >= 0) close(ours);
    if (programs >= 0) close(programs);
    return fail(env, {"ERR_SYSTEM", error, call, "Cannot open a pseudoterminal", {}, {}});
  }
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, descriptors.add(ours));
  pair.Set(1u, descriptors.add(programs));
  return pair;
}

Napi::Value resize_terminal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 3 || !info[0].IsNumber() || !is_size(info[1]) || !is_size(info[2]))
    return fail_argument(env, "resizeTerminal(fd: number, cols: number, rows: number)");
  const winsize size = {size_of(info[2]), size_of(info[1]), 0, 0};
  if (ioctl(info[0].As<Napi::Number>().Int32Value(), TIOCSWINSZ, &size) != 0)
    return fail(env, {"ERR_SYSTEM", errno, "ioctl", "Cannot resize a terminal", {}, {}});
  return env.Undefined();
}

// Bytes, null when there are none now, or empty bytes at the end: the terminal's last user has closed it (EIO).
Napi::Value read_fd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "readFd(fd: number)");
  uint8_t bytes[16 << 10];
  ssize_t size;
  do {
    size = read(info[0].As<Napi::Number>().Int32Value(), bytes, sizeof bytes);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return env.Null();
  if (size < 0 && errno != EIO) return fail(env, {"ERR_SYSTEM", errno, "read", "Cannot read", {}, {}});
  return Napi::Buffer<uint8_t>::Copy(env, bytes, size < 0 ? 0 : static_cast<size_t>(size));
}

// How many bytes were taken; 0: none now.
Napi::Value write_fd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    return fail_argument(env, "writeFd(fd: number, bytes: Uint8Array)");
  }
  const auto bytes = info[1].As<Napi::Uint8Array>();
  ssize_t size;
  do {
    size = write(info[0].As<Napi::Number>().Int32Value(), bytes.Data(), bytes.ByteLength());
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN) return fail(env, {"ERR_SYSTEM", errno, "write", "Cannot write", {}, {}});
  return Napi::Number::New(env, size < 0 ? 0 : static_cast<double>(size));
}

}  // namespace barchan::addon
