// lockFile and syncFilesystem: what keeps the cache of images whole when processes meet or end in it.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value lock_file(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsBoolean())
    return fail_argument(env, "lockFile(fd: number, exclusive: boolean)");
  const int kind = info[1].As<Napi::Boolean>().Value() ? LOCK_EX : LOCK_SH;
  int result;
  do result = flock(info[0].As<Napi::Number>().Int32Value(), kind | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EWOULDBLOCK)
    return fail(env, {"ERR_SYSTEM", errno, "flock", "Cannot lock a file", {}, {}});
  return Napi::Boolean::New(env, result == 0);
}

namespace {

// syncfs(2) can take seconds: on a thread of Node's pool.
class Sync : public Napi::AsyncWorker {
 public:
  Sync(Napi::Env env, int fd) : AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), fd_(fd) {}

  void Execute() override { error_ = fd_ < 0 ? EMFILE : syncfs(fd_) == 0 ? 0 : errno; }
  void OnOK() override {
    if (fd_ >= 0) close(fd_);
    Napi::HandleScope scope(Env());
    if (error_ == 0) return deferred_.Resolve(Env().Undefined());
    Napi::Error error = Napi::Error::New(Env(), "Cannot write to the disk");
    error.Set("code", Napi::String::New(Env(), "ERR_SYSTEM"));
    error.Set("errno", Napi::Number::New(Env(), error_));
    error.Set("syscall", Napi::String::New(Env(), "syncfs"));
    deferred_.Reject(error.Value());
  }
  Napi::Promise promise() { return deferred_.Promise(); }

 private:
  Napi::Promise::Deferred deferred_;
  int fd_;  // a copy: the caller's may be closed meanwhile
  int error_ = 0;
};

}  // namespace

Napi::Value sync_filesystem(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "syncFilesystem(fd: number)");
  auto* sync = new Sync(env, fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 3));
  sync->Queue();
  return sync->promise();
}

}  // namespace barchan::addon
