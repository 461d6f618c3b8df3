// Sockets for the calls that Node decides (abi/intercept.h): messages with descriptors, which node:net does not do.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "addon/addon.h"

namespace barchan::addon {
namespace {

constexpr size_t kMessageMost = 1 << 20;
constexpr size_t kDescriptorsMost = 8;

bool is_bytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

Napi::Value pair_of(Napi::Env env, Descriptors& descriptors, const int (&ends)[2]) {
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, descriptors.add(ends[0]));
  pair.Set(1u, descriptors.add(ends[1]));
  return pair;
}

}  // namespace

Napi::Value create_socket_pair(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsBoolean())
    return fail_argument(env, "createSocketPair(packets: boolean)");
  const int type = info[0].As<Napi::Boolean>().Value() ? SOCK_SEQPACKET : SOCK_STREAM;
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(env, {"ERR_SYSTEM", errno, "socketpair", "Cannot create a socket pair", {}, {}});
  if (fcntl(ends[0], F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return fail(env, {"ERR_SYSTEM", error, "fcntl", "Cannot make a socket non-blocking", {}, {}});
  }
  return pair_of(env, descriptors, ends);
}

Napi::Value receive_message(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  const double most = info.Length() == 2 && info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0;
  if (info.Length() != 2 || !info[0].IsNumber() || !(most >= 1 && most <= kMessageMost))
    return fail_argument(env, "receiveMessage(fd: number, most: number)");

  std::vector<uint8_t> bytes(static_cast<size_t>(most));
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsMost * sizeof(int))];
  iovec vector = {bytes.data(), bytes.size()};
  msghdr header = {};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(info[0].As<Napi::Number>().Int32Value(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return env.Null();
  if (size < 0) return fail(env, {"ERR_SYSTEM", errno, "recvmsg", "Cannot receive a message", {}, {}});

  Napi::Array fds = Napi::Array::New(env);
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const auto* list = reinterpret_cast<const int*>(CMSG_DATA(c));
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
      fds.Set(fds.Length(), descriptors.add(list[i]));
  }
  Napi::Object message = Napi::Object::New(env);
  message.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, bytes.data(), static_cast<size_t>(size)));
  message.Set("fds", fds);
  message.Set("cut", Napi::Boolean::New(env, (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0));
  return message;
}

Napi::Value send_message(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsNumber() || !is_bytes(info[1]) ||
      (info.Length() > 2 && !info[2].IsUndefined() && !info[2].IsNumber())) {
    return fail_argument(env, "sendMessage(fd: number, bytes: Uint8Array, descriptor?: number)");
  }
  const auto bytes = info[1].As<Napi::Uint8Array>();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec vector = {const_cast<uint8_t*>(bytes.Data()), bytes.ByteLength()};
  msghdr header = {};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (info.Length() > 2 && info[2].IsNumber()) {
    const int fd = info[2].As<Napi::Number>().Int32Value();
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    __builtin_memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t size;
  do {
    size = sendmsg(info[0].As<Napi::Number>().Int32Value(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  // Nobody is there any more, which is for the caller to see by other ways as well.
  if (size < 0 && (errno == EPIPE || errno == ECONNRESET)) return Napi::Boolean::New(env, false);
  if (size < 0) return fail(env, {"ERR_SYSTEM", errno, "sendmsg", "Cannot send a message", {}, {}});
  return Napi::Boolean::New(env, true);
}

Napi::Value describe_fd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "describeFd(fd: number)");
  struct stat status;
  if (fstat(info[0].As<Napi::Number>().Int32Value(), &status) != 0)
    return fail(env, {"ERR_SYSTEM", errno, "fstat", "Cannot look at a descriptor", {}, {}});
  const char* kind = S_ISREG(status.st_mode)    ? "file"
                     : S_ISSOCK(status.st_mode) ? "socket"
                     : S_ISFIFO(status.st_mode) ? "pipe"
                     : S_ISCHR(status.st_mode)  ? "device"
                     : S_ISDIR(status.st_mode)  ? "directory"
                     : S_ISBLK(status.st_mode)  ? "disk"
                                                : "other";
  return Napi::String::New(env, kind);
}

}  // namespace barchan::addon
