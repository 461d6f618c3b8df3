// Purpose: what each file of the addon offers to its module table, and how the addon reports errors.
// Owner:   addon: control plane only. It never runs guest code and never reads guest memory.
// Threads: one JavaScript thread per environment; nothing here is shared between environments, so the
//          addon is safe in worker threads.
// Trust:   arguments come from lib/, which has validated them; types are checked again here.
#ifndef BARCHAN_ADDON_ADDON_H
#define BARCHAN_ADDON_ADDON_H

#include <napi.h>

#include <set>

namespace barchan::addon {

// The descriptors that one environment has open through the addon. Node closes at a worker's end only those
// that it has opened itself, and warns when it is asked to close others.
class Descriptors {
 public:
  Descriptors() = default;
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors();  // closes all

  int add(int fd);
  // A pidfd of a child that belongs to this environment alone: it is ended and reaped with the environment. Node
  // itself forgets the children of a worker that ends.
  int add_child(int pidfd);
  // Closes one; false when it is not ours.
  bool close(int fd);
  // Leaves one to a new owner; false when it is not ours.
  bool release(int fd);

 private:
  std::set<int> open_;
  std::set<int> children_;
};

// Throws a JavaScript Error {code, errno, syscall, path, remedy, message} and returns undefined.
// `error` is a positive errno or 0; `path` and `remedy` may be empty (the property is then left out).
struct Failure {
  const char* code;
  int error;
  const char* syscall;
  std::string message;
  std::string path;
  std::string remedy;
};
Napi::Value fail(Napi::Env env, const Failure& failure);
Napi::Value fail_argument(Napi::Env env, const char* message);

// For calls from the event loop, behind each: what the callback, or what ran when it had returned (process.nextTick), has thrown is an
// uncaught exception. Left pending it would come out of the next call of the addon, or keep the next callback from running.
void report_uncaught(Napi::Env env);

// openDevice(path: string): {fd, apiVersion, capabilities}
Napi::Value open_device(const Napi::CallbackInfo& info, Descriptors& descriptors);
// createMemfd(name: string, bytes: Uint8Array): fd, sealed against every change
Napi::Value create_memfd(const Napi::CallbackInfo& info, Descriptors& descriptors);
Napi::Value create_shared_memory(const Napi::CallbackInfo& info, Descriptors& descriptors);
// createPipe(nonblockingRead: boolean): [readFd, writeFd], both close-on-exec
Napi::Value create_pipe(const Napi::CallbackInfo& info, Descriptors& descriptors);
// createSocketPair(packets: boolean): [fd, fd] of a unix socket pair, the first non-blocking
Napi::Value create_socket_pair(const Napi::CallbackInfo& info, Descriptors& descriptors);
// createTcpPair(ipv6: boolean): [fd, fd] of a connection over the loopback interface, the first non-blocking
Napi::Value create_tcp_pair(const Napi::CallbackInfo& info, Descriptors& descriptors);
// receiveMessage(fd, most): {bytes, fds, cut}, null when there is none now; no bytes: the other end is gone
Napi::Value receive_message(const Napi::CallbackInfo& info, Descriptors& descriptors);
// sendMessage(fd, bytes, descriptor?): false when the other end is gone; never waits
Napi::Value send_message(const Napi::CallbackInfo& info);
// describeFd(fd): "file", "socket", "pipe", "device", "directory", "disk" or "other"
Napi::Value describe_fd(const Napi::CallbackInfo& info);
// openTerminal(cols, rows): [our side, non-blocking; the program's]
Napi::Value open_terminal(const Napi::CallbackInfo& info, Descriptors& descriptors);
// resizeTerminal(fd, cols, rows)
Napi::Value resize_terminal(const Napi::CallbackInfo& info);
// readFd(fd): bytes, empty at the end, null when there are none now; writeFd(fd, bytes): how many were taken
Napi::Value read_fd(const Napi::CallbackInfo& info);
Napi::Value write_fd(const Napi::CallbackInfo& info);
// new Watcher(fd, callback): see watch.cc
Napi::Function define_watcher(Napi::Env env);
// openPidfd(pid: number): fd; the child is ended with the environment, unless closeFd() came before
Napi::Value open_pidfd(const Napi::CallbackInfo& info, Descriptors& descriptors);
// EventRing(slots: number, block: boolean, onWake: () => void): see lib/native.ts
Napi::Function define_event_ring(Napi::Env env);
// closeFd(fd: number) and releaseFd(fd: number), of a descriptor that the addon has opened
Napi::Value close_fd(const Napi::CallbackInfo& info, Descriptors& descriptors);
Napi::Value release_fd(const Napi::CallbackInfo& info, Descriptors& descriptors);
// lockFile(fd: number, exclusive: boolean): false when somebody else's flock(2) is in the way
Napi::Value lock_file(const Napi::CallbackInfo& info);
// syncFilesystem(fd: number): a promise, kept when all that was written to the file system of `fd` is on the disk
Napi::Value sync_filesystem(const Napi::CallbackInfo& info);
// dieBySignal(signal: number): does not return when the signal's default action ends a process
Napi::Value die_by_signal(const Napi::CallbackInfo& info);
// exitNow(status: number): does not return
Napi::Value exit_now(const Napi::CallbackInfo& info);

}  // namespace barchan::addon

#endif
