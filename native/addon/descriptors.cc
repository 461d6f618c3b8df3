#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "addon/addon.h"

namespace barchan::addon {

Descriptors::~Descriptors() {
  for (const int child : children_) {
    syscall(SYS_pidfd_send_signal, child, SIGKILL, nullptr, 0);
    siginfo_t info;
    // ECHILD: Node was first.
    while (waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(child), &info, WEXITED) != 0 &&
           errno == EINTR) {}
  }
  for (const int fd : open_) ::close(fd);
}

int Descriptors::add(int fd) {
  open_.insert(fd);
  return fd;
}

int Descriptors::add_child(int pidfd) {
  children_.insert(pidfd);
  return add(pidfd);
}

bool Descriptors::release(int fd) {
  children_.erase(fd);
  return open_.erase(fd) == 1;
}

bool Descriptors::close(int fd) {
  if (!release(fd)) return false;
  ::close(fd);
  return true;
}

Napi::Value close_fd(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber() ||
      !descriptors.close(info[0].As<Napi::Number>().Int32Value())) {
    return fail_argument(env, "closeFd(fd: number), of a descriptor that the addon has opened");
  }
  return env.Undefined();
}

Napi::Value release_fd(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber() ||
      !descriptors.release(info[0].As<Napi::Number>().Int32Value())) {
    return fail_argument(env, "releaseFd(fd: number), of a descriptor that the addon has opened");
  }
  return env.Undefined();
}

}  // namespace barchan::addon
