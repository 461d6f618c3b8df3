// watch: a callback when a descriptor can be read or written or its other end is gone, by the event loop of this
// environment. For descriptors that node:net cannot have: packet sockets, terminals.
#include <uv.h>

#include <memory>

#include "addon/addon.h"

namespace barchan::addon {
namespace {

constexpr const char kUsage[] = "watch(fd: number, callback: (readable, writable, gone) => void)";

// Lives until libuv has let the handle go: after close(), or with the environment.
struct Poll {
  uv_poll_t handle = {};
  Napi::FunctionReference callback;
  napi_async_cleanup_hook_handle hook = nullptr;
  napi_env env = nullptr;
  bool closing = false;
};

void on_closed(uv_handle_t* handle) {
  auto* poll = static_cast<Poll*>(handle->data);
  if (poll->hook != nullptr) napi_remove_async_cleanup_hook(poll->hook);
  delete poll;
}

void close(Poll* poll) {
  if (poll->closing) return;
  poll->closing = true;
  poll->callback.Reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle), on_closed);
}

void on_event(uv_poll_t* handle, int status, int events) {
  auto* poll = static_cast<Poll*>(handle->data);
  if (poll->closing) return;
  const Napi::Env env(poll->env);
  const Napi::HandleScope scope(env);
  const auto truth = [&](bool value) { return Napi::Boolean::New(env, value); };
  poll->callback.MakeCallback(env.Global(),
                              {truth(status < 0 || (events & UV_READABLE)), truth(events & UV_WRITABLE),
                               truth(status < 0 || (events & UV_DISCONNECT))});
  report_uncaught(env);
}

}  // namespace

// The JavaScript object: select(readable, writable) says what to wait for beside the end, stop() for nothing, close() ends it.
class Watcher : public Napi::ObjectWrap<Watcher> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Watcher",
                       {InstanceMethod("select", &Watcher::select), InstanceMethod("stop", &Watcher::stop),
                        InstanceMethod("close", &Watcher::end), InstanceMethod("ref", &Watcher::ref),
                        InstanceMethod("unref", &Watcher::unref)});
  }

  explicit Watcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Watcher>(info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsFunction()) {
      fail_argument(env, kUsage);
      return;
    }
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    auto poll = std::make_unique<Poll>();
    const int error = uv_poll_init(loop, &poll->handle, info[0].As<Napi::Number>().Int32Value());
    if (error != 0) {
      fail(env, {"ERR_SYSTEM", -error, "epoll_ctl", "Cannot watch a descriptor", {}, {}});
      return;
    }
    poll_ = poll.release();
    poll_->handle.data = poll_;
    poll_->env = env;
    poll_->callback = Napi::Persistent(info[1].As<Napi::Function>());
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* data) { close(static_cast<Poll*>(data)); }, poll_,
        &poll_->hook);
  }

  // Nobody can call close() any more. At the end of the environment the hook was first, and the Poll may be gone.
  ~Watcher() override = default;

 private:
  Napi::Value select(const Napi::CallbackInfo& info) {
    if (info.Length() != 2 || !info[0].IsBoolean() || !info[1].IsBoolean())
      return fail_argument(info.Env(), "select(readable: boolean, writable: boolean)");
    if (poll_ == nullptr) return info.Env().Undefined();
    const int events = (info[0].As<Napi::Boolean>().Value() ? UV_READABLE : 0) |
                       (info[1].As<Napi::Boolean>().Value() ? UV_WRITABLE : 0) | UV_DISCONNECT;
    uv_poll_start(&poll_->handle, events, on_event);
    return info.Env().Undefined();
  }
  Napi::Value stop(const Napi::CallbackInfo& info) {
    if (poll_ != nullptr) uv_poll_stop(&poll_->handle);
    return info.Env().Undefined();
  }
  Napi::Value end(const Napi::CallbackInfo& info) {
    if (poll_ != nullptr) close(poll_);
    poll_ = nullptr;
    return info.Env().Undefined();
  }
  Napi::Value ref(const Napi::CallbackInfo& info) {
    if (poll_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
    return info.Env().Undefined();
  }
  Napi::Value unref(const Napi::CallbackInfo& info) {
    if (poll_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
    return info.Env().Undefined();
  }

  Poll* poll_ = nullptr;
};

Napi::Function define_watcher(Napi::Env env) { return Watcher::define(env); }

}  // namespace barchan::addon
