// Purpose: reaches into the files of one sandbox for Node (Sandbox.files): a process that is in the sandbox's
//          namespaces as a program of it would be, so that no path can lead anywhere that a guest could not reach.
// Owner:   files: one small freestanding process for each sandbox whose files are used.
// Threads: one. Trust: requests come from Node (abi/files.h). No guest can see this process, whose PID namespace is
//          Node's, nor has it a descriptor of the socket.
#include "abi/files.h"
#include "files/operations.h"
#include "files/request.h"
#include "host/pass_descriptor.h"
#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/config.h"
#include "sandbox/failure.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/privileges.h"
#include "sandbox/read_config.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/socket.h>

namespace barchan::files {
namespace {

using sandbox::check;
using sandbox::Failure;

constexpr int kSocket = 3, kKeeper = 4, kBlob = 5;
constexpr int kHandles = 64;
constexpr u64 kDetach = 2;  // MNT_DETACH
constexpr u32 kWatched = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB |
                         IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;

// Never closed but for folders: they go with the process.
struct Server {
  int root = -1;
  i64 events = -1;  // inotify(7)
  bool may_send_events = false;
  struct Folder {
    bool open = false;
    int fd = -1;
  } folders[kHandles];
};
Server self;
sandbox::Config config;

alignas(8) char request[abi::kFilesMessageMost + 1];
alignas(8) char answer[abi::kFilesMessageMost];
char* const payload = answer + sizeof(abi::FileAnswer);
constexpr size_t kPayloadMost = sizeof answer - sizeof(abi::FileAnswer);

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

void send(const char* bytes, size_t size, int fd) {
  if (host::send_descriptor(kSocket, bytes, size, fd) < 0) leave(0);  // nobody is there
}

void reply(u32 id, i64 result, size_t size, u64 value, int fd) {
  const abi::FileAnswer head = {id, result < 0 ? static_cast<u32>(-result) : 0, value};
  memcpy(answer, &head, sizeof head);
  send(answer, sizeof head + (result < 0 ? 0 : size), fd);
}

// Takes this process where a program of the sandbox would be, without a PID namespace of its own.
Failure enter() {
  if (Failure f = sandbox::read_config(kBlob, config)) return f;
  host::call(__NR_close, kBlob);
  sandbox::leave_groups();
  if (Failure f = check(host::call(__NR_setns, kKeeper, CLONE_NEWUSER | CLONE_NEWNS), "join")) return f;
  host::call(__NR_close, kKeeper);
  if (Failure f = check(host::call(__NR_unshare, CLONE_NEWNS), "mount-namespace")) return f;
  if (Failure f = sandbox::become_user(config)) return f;
  // The keeper's shows the host's processes, and its magic links lead out of every root.
  if (Failure f = check(host::call(__NR_umount2, "/proc", kDetach), "proc", "/proc")) return f;
  host::call(__NR_umask, 0);
  const i64 root = host::call(__NR_openat, AT_FDCWD, "/", 010000000 | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return check(root, "rootfs", "/");
  self.root = static_cast<int>(root);
  // Where there are no more, only watching fails.
  self.events = host::call(__NR_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
  if (Failure f = sandbox::drop_privileges()) return f;
  return sandbox::restrict_files(config, -1);
}

i64 keep_folder(Fd folder, u64& handle) {
  if (!folder.ok()) return folder.error();
  for (int i = 0; i < kHandles; i++) {
    if (self.folders[i].open) continue;
    self.folders[i] = {true, static_cast<int>(folder.release())};
    handle = static_cast<u64>(i);
    return 0;
  }
  return -ENFILE;
}

void close_folder(Server::Folder& folder) {
  host::call(__NR_close, folder.fd);
  folder = {};
}

i64 watch(const char* path, u32 flags, u64& number) {
  if (self.events < 0) return self.events;
  // By its path: this process has no procfs to name a descriptor by, and its root is the sandbox's.
  const u32 follow = (flags & abi::kFileNoFollow) != 0 ? u32{IN_DONT_FOLLOW} : 0;
  const i64 r = host::call(__NR_inotify_add_watch, self.events, path, kWatched | follow);
  if (r >= 0) number = static_cast<u64>(r);
  return r < 0 ? r : 0;
}

void serve(const abi::FileRequest& r, const char* path, const char* second) {
  const int root = self.root;
  i64 result = 0;
  size_t size = 0;
  u64 value = 0;
  Fd file;
  abi::FileStatus status;
  switch (r.operation) {
    case abi::kFileOpen:
      file = open_file(root, path, r.flags, r.mode);
      result = file.ok() ? read_status(file.get(), status) : file.error();
      if (result == 0) memcpy(payload, &status, size = sizeof status);
      break;
    case abi::kFileStatus:
      result = status_of(root, path, r.flags, status);
      if (result == 0) memcpy(payload, &status, size = sizeof status);
      break;
    case abi::kFileOpenFolder: result = keep_folder(open_folder(root, path), value); break;
    case abi::kFileReadFolder:
    case abi::kFileCloseFolder:
      if (r.value >= kHandles || !self.folders[r.value].open) {
        result = -EBADF;
        break;
      }
      if (r.operation == abi::kFileReadFolder)
        result = read_folder(self.folders[r.value].fd, payload, kPayloadMost);
      if (result > 0)
        size = static_cast<size_t>(result);
      else
        close_folder(self.folders[r.value]);
      break;
    case abi::kFileMakeFolder: result = make_folder(root, path, r.flags, r.mode); break;
    case abi::kFileRemove: result = remove(root, path, r.flags); break;
    case abi::kFileRename: result = rename(root, path, second, r.flags); break;
    case abi::kFileReadLink:
      result = read_link(root, path, payload, kPayloadMost);
      if (result > 0) size = static_cast<size_t>(result);
      break;
    case abi::kFileLink: result = make_link(root, path, second); break;
    case abi::kFileWatch: result = watch(path, r.flags, value); break;
    case abi::kFileUnwatch: result = host::call(__NR_inotify_rm_watch, self.events, r.value); break;
    case abi::kFileNextEvents: self.may_send_events = true; return;
    default: result = -ENOSYS;
  }
  reply(r.id, result, size, value, result >= 0 && file.ok() ? file.get() : -1);
}

// False at the end.
bool take_request() {
  i64 size;
  do size = host::call(__NR_recvfrom, kSocket, request, abi::kFilesMessageMost, 0, nullptr, nullptr);
  while (size == -EINTR);
  if (size <= 0) return false;
  Request r;
  if (!read_request(request, static_cast<size_t>(size), r)) return false;
  serve(r.head, r.path, r.second);
  return true;
}

void send_events() {
  const i64 size = host::call(__NR_read, self.events, payload, kPayloadMost);
  if (size <= 0) return;
  self.may_send_events = false;
  reply(0, 0, static_cast<size_t>(size), 0, -1);
}

[[noreturn]] void main() {
  u64 all = ~0ull;
  host::call(__NR_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, nullptr, sizeof all);
  host::call(__NR_prctl, PR_SET_NAME, "barchan-files", 0, 0, 0);
  static char buffer[2 * sandbox::kPathMax];
  Text line(buffer, sizeof buffer);
  if (Failure f = enter()) {
    sandbox::put_failure(line, f);
    send(line.data(), line.size(), -1);
    leave(1);
  }
  line.str("{\"event\":\"ready\"}\n");
  send(line.data(), line.size(), -1);
  for (;;) {
    pollfd wait[2] = {{kSocket, POLLIN, 0},
                      {self.may_send_events ? static_cast<int>(self.events) : -1, POLLIN, 0}};
    host::call(__NR_ppoll, wait, 2, nullptr, nullptr, 8);
    if (wait[1].revents != 0) send_events();
    if (wait[0].revents != 0 && !take_request()) leave(0);
  }
}

}  // namespace
}  // namespace barchan::files

// Called by host/start_x86_64.S, after relocation.
extern "C" [[noreturn]] void barchan_main(barchan::u64*) { barchan::files::main(); }
