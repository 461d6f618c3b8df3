// createSocketPair and receiveFd: how this process gets descriptors of files that another one has opened for it.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value create_socket_pair(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(env, {"ERR_SYSTEM", errno, "socketpair", "Cannot create sockets", {}, {}});
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, descriptors.add(ends[0]));
  pair.Set(1u, descriptors.add(ends[1]));
  return pair;
}

Napi::Value receive_fd(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "receiveFd(socket: number)");

  char byte;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count;
  do
    count =
        recvmsg(info[0].As<Napi::Number>().Int32Value(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  // The kernel leaves a descriptor out when this process can have no more.
  const cmsghdr* header = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    const int error = count < 0 ? errno : count == 0 ? EPIPE : EMFILE;
    return fail(env, {"ERR_SYSTEM", error, "recvmsg", "Cannot receive a descriptor", {}, {}});
  }
  int fd;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return Napi::Number::New(env, descriptors.add(fd));
}

}  // namespace barchan::addon
