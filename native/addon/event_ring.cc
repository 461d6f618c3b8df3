// createEventRing: the memory for one sandbox's events (abi/events.h), its eventfd, and the reader's side of both.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <memory>

#include "addon/addon.h"
#include "addon/event_reader.h"

namespace barchan::addon {
namespace {

u64 nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<u64>(now.tv_sec) * 1000000000 + static_cast<u64>(now.tv_nsec);
}

// The time-stamp counter and a clock at one moment.
struct Moment {
  u64 counter = __builtin_ia32_rdtsc();
  u64 steady = nanoseconds(CLOCK_MONOTONIC);
};

struct Shared {
  napi_env env;
  napi_async_cleanup_hook_handle hook = nullptr;
  uv_poll_t poll;
  int memory_fd = -1, wake_fd = -1;
  u8* memory = nullptr;
  u64 size = 0;
  std::unique_ptr<EventReader> reader;
  Moment begin;
  u64 epoch_us = nanoseconds(CLOCK_REALTIME) / 1000;  // of `begin`
  Napi::FunctionReference wake;
  std::unique_ptr<Napi::AsyncContext> context;
  std::shared_ptr<Shared> self;  // as long as libuv has the handle

  // Lets go of whoever waits for room and tells monitors that nobody listens. Idempotent.
  void close() {
    if (!memory) return;
    abi::EventControl& c = reader->control();
    reader->watch(0);
    __atomic_store_n(&c.block, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&c.room, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &c.room, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    munmap(memory, size);
    memory = nullptr;
    ::close(memory_fd);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
      auto* shared = static_cast<Shared*>(handle->data);
      if (shared->hook) napi_remove_async_cleanup_hook(shared->hook);
      shared->hook = nullptr;
      shared->self.reset();
    });
    ::close(wake_fd);  // libuv polls it no more
  }
};

void on_wake(uv_poll_t* handle, int, int) {
  auto* shared = static_cast<Shared*>(handle->data);
  u64 count;
  if (read(shared->wake_fd, &count, sizeof count) < 0 && errno == EAGAIN) return;
  if (!shared->memory) return;
  const Napi::Env env(shared->env);
  const Napi::HandleScope scope(env);
  shared->wake.MakeCallback(env.Global(), std::initializer_list<napi_value>{}, *shared->context);
  report_uncaught(env);
}

class EventRing : public Napi::ObjectWrap<EventRing> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "EventRing",
                       {
                           InstanceAccessor<&EventRing::memory_fd>("memoryFd", napi_enumerable),
                           InstanceAccessor<&EventRing::wake_fd>("wakeFd", napi_enumerable),
                           InstanceMethod<&EventRing::drain>("drain"),
                           InstanceMethod<&EventRing::sleep>("sleep"),
                           InstanceMethod<&EventRing::watch>("watch"),
                           InstanceMethod<&EventRing::counters>("counters"),
                           InstanceMethod<&EventRing::reset_claims>("resetClaims"),
                           InstanceMethod<&EventRing::close>("close"),
                       });
  }

  explicit EventRing(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EventRing>(info) {
    const Napi::Env env = info.Env();
    if (info.Length() != 3 || !info[0].IsNumber() || !info[1].IsBoolean() || !info[2].IsFunction()) {
      fail_argument(env, "createEventRing(slots: number, block: boolean, onWake: () => void)");
      return;
    }
    const u32 slots = info[0].As<Napi::Number>().Uint32Value();
    if (slots < abi::kEventSlotsLeast || slots > abi::kEventSlotsMost || (slots & (slots - 1)) != 0) {
      fail_argument(env, "createEventRing: slots are a power of two from 16 to 65536");
      return;
    }
    make(env, slots, info[1].As<Napi::Boolean>().Value(), info[2].As<Napi::Function>());
  }

  ~EventRing() override {
    if (shared_) shared_->close();
  }

 private:
  void make(Napi::Env env, u32 slots, bool block, Napi::Function wake) {
    auto shared = std::make_shared<Shared>();
    const u64 size = abi::event_ring_size(slots);
    // Past this limit ftruncate(2) would end the process by SIGXFSZ.
    rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
      fail(env, {"ERR_SYSTEM", EFBIG, "ftruncate", "Cannot make the memory for events", {}, {}});
      return;
    }
    const int fd = memfd_create("barchan-events", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    // Nobody who has it can shrink it below Node's feet.
    void* memory = MAP_FAILED;
    if (fd >= 0 && wake_fd >= 0 && ftruncate(fd, static_cast<off_t>(size)) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
      memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uv_loop_t* loop = nullptr;
    if (memory == MAP_FAILED || napi_get_uv_event_loop(env, &loop) != napi_ok ||
        uv_poll_init(loop, &shared->poll, wake_fd) != 0) {
      const int error = errno;
      if (memory != MAP_FAILED) munmap(memory, size);
      if (fd >= 0) ::close(fd);
      if (wake_fd >= 0) ::close(wake_fd);
      fail(env, {"ERR_SYSTEM", error, "memfd_create", "Cannot make the memory for events", {}, {}});
      return;
    }
    shared->env = env;
    shared->memory_fd = fd;
    shared->wake_fd = wake_fd;
    shared->memory = static_cast<u8*>(memory);
    shared->size = size;
    shared->reader = std::make_unique<EventReader>(shared->memory, slots, block);
    shared->wake = Napi::Persistent(wake);
    shared->context = std::make_unique<Napi::AsyncContext>(env, "barchan.events");
    shared->poll.data = shared.get();
    shared->self = shared;
    uv_poll_start(&shared->poll, UV_READABLE, on_wake);
    uv_unref(reinterpret_cast<uv_handle_t*>(&shared->poll));
    // A worker that ends must have closed the handle before its loop goes.
    napi_add_async_cleanup_hook(
        env,
        [](napi_async_cleanup_hook_handle, void* data) {
          auto* ending = static_cast<Shared*>(data);
          ending->wake.SuppressDestruct();
          ending->context.reset();
          ending->close();
        },
        shared.get(), &shared->hook);
    shared_ = std::move(shared);
  }

  bool is_open(Napi::Env env) {
    if (shared_ && shared_->memory) return true;
    fail(env, {"ERR_SANDBOX_CLOSED", 0, nullptr, "The memory for events is closed", {}, {}});
    return false;
  }

  Napi::Value memory_fd(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), shared_->memory_fd);
  }
  Napi::Value wake_fd(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), shared_->wake_fd);
  }

  // drain(most): records, their `time` as microseconds since 1970.
  Napi::Value drain(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_open(env)) return env.Undefined();
    if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "drain(most: number)");
    std::vector<u8> bytes;
    const Moment now;
    abi::EventControl& c = shared_->reader->control();
    shared_->reader->drain(bytes, info[0].As<Napi::Number>().Uint32Value(), now.steady / 1000000);
    if (__atomic_exchange_n(&c.waiting, 0, __ATOMIC_SEQ_CST) != 0)
      syscall(SYS_futex, &c.room, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    for (size_t at = 0; at < bytes.size();) {
      auto* record = reinterpret_cast<abi::EventRecord*>(bytes.data() + at);
      record->time = shared_->epoch_us + elapsed_us(record->time, now);
      at += record->size;
    }
    return Napi::Buffer<u8>::Copy(env, bytes.data(), bytes.size());
  }

  // Between the ring's beginning and now, whatever a record says.
  u64 elapsed_us(u64 counter, const Moment& now) const {
    const Moment& begin = shared_->begin;
    if (counter <= begin.counter || now.counter <= begin.counter) return 0;
    if (counter > now.counter) counter = now.counter;
    const double part =
        static_cast<double>(counter - begin.counter) / static_cast<double>(now.counter - begin.counter);
    return static_cast<u64>(part * static_cast<double>(now.steady - begin.steady) / 1000);
  }

  // sleep(): asks for onWake. False when there is something to read already.
  Napi::Value sleep(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_open(env)) return env.Undefined();
    abi::EventControl& c = shared_->reader->control();
    __atomic_exchange_n(&c.sleeping, 1, __ATOMIC_SEQ_CST);
    const bool waits = shared_->reader->has_records();
    if (waits) __atomic_store_n(&c.sleeping, 0, __ATOMIC_RELAXED);
    return Napi::Boolean::New(env, !waits);
  }

  // watch(kinds: number, calls: BigUint64Array of 8)
  Napi::Value watch(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_open(env)) return env.Undefined();
    if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsTypedArray() ||
        info[1].As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array ||
        info[1].As<Napi::TypedArray>().ElementLength() != 8)
      return fail_argument(env, "watch(kinds: number, calls: BigUint64Array of 8)");
    const auto calls = info[1].As<Napi::BigUint64Array>();
    abi::EventControl& c = shared_->reader->control();
    for (size_t i = 0; i < 8; i++) __atomic_store_n(&c.calls[i], calls[i], __ATOMIC_RELAXED);
    shared_->reader->watch(info[0].As<Napi::Number>().Uint32Value());
    return env.Undefined();
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_open(env)) return env.Undefined();
    abi::EventControl& c = shared_->reader->control();
    Napi::Object result = Napi::Object::New(env);
    auto number = [&](u64 value) { return Napi::Number::New(env, static_cast<double>(value)); };
    result.Set("dropped", number(__atomic_load_n(&c.dropped, __ATOMIC_RELAXED)));
    result.Set("lost", number(__atomic_load_n(&c.lost, __ATOMIC_RELAXED)));
    result.Set("malformed", number(shared_->reader->malformed()));
    return result;
  }

  Napi::Value reset_claims(const Napi::CallbackInfo& info) {
    if (is_open(info.Env())) shared_->reader->reset_claims();
    return info.Env().Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (shared_) {
      shared_->close();
      shared_->context.reset();
      shared_->wake.Reset();
    }
    return info.Env().Undefined();
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace

Napi::Function define_event_ring(Napi::Env env) { return EventRing::define(env); }

}  // namespace barchan::addon
