#include "addon/addon.h"

#include <cstring>

namespace barchan::addon {

Napi::Value fail(Napi::Env env, const Failure& failure) {
  std::string message = failure.message;
  if (failure.error != 0) message.append(": ").append(std::strerror(failure.error));
  Napi::Error error = Napi::Error::New(env, message);
  Napi::Object object = error.Value();
  object.Set("code", failure.code);
  if (failure.error != 0) object.Set("errno", failure.error);
  if (failure.syscall != nullptr) object.Set("syscall", failure.syscall);
  if (!failure.path.empty()) object.Set("path", failure.path);
  if (!failure.remedy.empty()) object.Set("remedy", failure.remedy);
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value fail_argument(Napi::Env env, const char* message) {
  return fail(env, {"ERR_INVALID_ARG_TYPE", 0, nullptr, message, {}, {}});
}

void report_uncaught(Napi::Env env) {
  napi_value error;
  if (env.IsExceptionPending() && napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
}

namespace {

// One instance per environment (main thread or worker).
class Barchan : public Napi::Addon<Barchan> {
 public:
  Barchan(Napi::Env env, Napi::Object exports) {
    event_ring_ = Napi::Persistent(define_event_ring(env));
    DefineAddon(exports, {
                             InstanceMethod("openDevice", &Barchan::open, napi_enumerable),
                             InstanceMethod("createMemfd", &Barchan::memfd, napi_enumerable),
                             InstanceMethod("createSharedMemory", &Barchan::shared_memory, napi_enumerable),
                             InstanceMethod("createPipe", &Barchan::pipe, napi_enumerable),
                             InstanceMethod("createSocketPair", &Barchan::socket_pair, napi_enumerable),
                             InstanceMethod("createTcpPair", &Barchan::tcp_pair, napi_enumerable),
                             InstanceMethod("receiveMessage", &Barchan::receive, napi_enumerable),
                             InstanceMethod("sendMessage", &Barchan::send, napi_enumerable),
                             InstanceMethod("describeFd", &Barchan::describe, napi_enumerable),
                             InstanceMethod("openTerminal", &Barchan::terminal, napi_enumerable),
                             InstanceMethod("resizeTerminal", &Barchan::resize, napi_enumerable),
                             InstanceMethod("readFd", &Barchan::read, napi_enumerable),
                             InstanceMethod("writeFd", &Barchan::write, napi_enumerable),
                             InstanceValue("Watcher", define_watcher(env), napi_enumerable),
                             InstanceMethod("openPidfd", &Barchan::pidfd, napi_enumerable),
                             InstanceMethod("createEventRing", &Barchan::event_ring, napi_enumerable),
                             InstanceMethod("closeFd", &Barchan::close, napi_enumerable),
                             InstanceMethod("releaseFd", &Barchan::release, napi_enumerable),
                             InstanceMethod("lockFile", &Barchan::lock, napi_enumerable),
                             InstanceMethod("syncFilesystem", &Barchan::sync, napi_enumerable),
                             InstanceMethod("dieBySignal", &Barchan::die, napi_enumerable),
                             InstanceMethod("exitNow", &Barchan::exit, napi_enumerable),
                         });
  }

 private:
  Napi::Value open(const Napi::CallbackInfo& info) { return open_device(info, descriptors_); }
  Napi::Value memfd(const Napi::CallbackInfo& info) { return create_memfd(info, descriptors_); }
  Napi::Value shared_memory(const Napi::CallbackInfo& info) {
    return create_shared_memory(info, descriptors_);
  }
  Napi::Value pipe(const Napi::CallbackInfo& info) { return create_pipe(info, descriptors_); }
  Napi::Value socket_pair(const Napi::CallbackInfo& info) { return create_socket_pair(info, descriptors_); }
  Napi::Value tcp_pair(const Napi::CallbackInfo& info) { return create_tcp_pair(info, descriptors_); }
  Napi::Value receive(const Napi::CallbackInfo& info) { return receive_message(info, descriptors_); }
  Napi::Value send(const Napi::CallbackInfo& info) { return send_message(info); }
  Napi::Value describe(const Napi::CallbackInfo& info) { return describe_fd(info); }
  Napi::Value terminal(const Napi::CallbackInfo& info) { return open_terminal(info, descriptors_); }
  Napi::Value resize(const Napi::CallbackInfo& info) { return resize_terminal(info); }
  Napi::Value read(const Napi::CallbackInfo& info) { return read_fd(info); }
  Napi::Value write(const Napi::CallbackInfo& info) { return write_fd(info); }
  Napi::Value pidfd(const Napi::CallbackInfo& info) { return open_pidfd(info, descriptors_); }
  Napi::Value event_ring(const Napi::CallbackInfo& info) {
    std::vector<napi_value> arguments;
    for (size_t i = 0; i < info.Length(); i++) arguments.push_back(info[i]);
    return event_ring_.New(arguments);
  }
  Napi::Value close(const Napi::CallbackInfo& info) { return close_fd(info, descriptors_); }
  Napi::Value release(const Napi::CallbackInfo& info) { return release_fd(info, descriptors_); }
  Napi::Value lock(const Napi::CallbackInfo& info) { return lock_file(info); }
  Napi::Value sync(const Napi::CallbackInfo& info) { return sync_filesystem(info); }
  Napi::Value die(const Napi::CallbackInfo& info) { return die_by_signal(info); }
  Napi::Value exit(const Napi::CallbackInfo& info) { return exit_now(info); }

  Descriptors descriptors_;
  Napi::FunctionReference event_ring_;
};

NODE_API_NAMED_ADDON(barchan, Barchan)

}  // namespace
}  // namespace barchan::addon
