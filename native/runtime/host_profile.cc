#include "runtime/host_profile.h"

#include <asm/errno.h>
#include <asm/unistd.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include "monitor/host_calls.h"
#include "monitor/table.h"

namespace barchan::runtime {
namespace {

using json::Kind;
using json::Value;

// crun and runc install the filter before they change user and capabilities, unless no_new_privs is set. What they and Go's
// runtime call from there to the end of execve(2). None of these makes a namespace or executable memory.
constexpr u16 kStarting[] = {
    __NR_read,
    __NR_write,
    __NR_open,
    __NR_close,
    __NR_stat,
    __NR_fstat,
    __NR_lstat,
    __NR_poll,
    __NR_lseek,
    __NR_mmap,
    __NR_mprotect,
    __NR_munmap,
    __NR_brk,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_ioctl,
    __NR_pread64,
    __NR_access,
    __NR_pipe2,
    __NR_sched_yield,
    __NR_mremap,
    __NR_madvise,
    __NR_dup,
    __NR_dup2,
    __NR_dup3,
    __NR_nanosleep,
    __NR_getpid,
    __NR_gettid,
    __NR_clone,
    __NR_execve,
    __NR_exit,
    __NR_exit_group,
    __NR_wait4,
    __NR_kill,
    __NR_tgkill,
    __NR_fcntl,
    __NR_getdents64,
    __NR_getcwd,
    __NR_chdir,
    __NR_fchdir,
    __NR_chmod,
    __NR_fchown,
    __NR_fchownat,
    __NR_umask,
    __NR_getuid,
    __NR_getgid,
    __NR_geteuid,
    __NR_getegid,
    __NR_getppid,
    __NR_setuid,
    __NR_setgid,
    __NR_setgroups,
    __NR_getgroups,
    __NR_setresuid,
    __NR_setresgid,
    __NR_setreuid,
    __NR_setregid,
    __NR_getresuid,
    __NR_getresgid,
    __NR_setfsuid,
    __NR_setfsgid,
    __NR_setpgid,
    __NR_setsid,
    __NR_capget,
    __NR_capset,
    __NR_sigaltstack,
    __NR_statfs,
    __NR_fstatfs,
    __NR_prctl,
    __NR_arch_prctl,
    __NR_setrlimit,
    __NR_getrlimit,
    __NR_prlimit64,
    __NR_futex,
    __NR_sched_getaffinity,
    __NR_set_tid_address,
    __NR_set_robust_list,
    __NR_restart_syscall,
    __NR_clock_gettime,
    __NR_clock_nanosleep,
    __NR_epoll_create1,
    __NR_epoll_ctl,
    __NR_epoll_pwait,
    __NR_eventfd2,
    __NR_openat,
    __NR_openat2,
    __NR_newfstatat,
    __NR_readlink,
    __NR_readlinkat,
    __NR_faccessat,
    __NR_faccessat2,
    __NR_unlinkat,
    __NR_ppoll,
    __NR_getrandom,
    __NR_execveat,
    __NR_statx,
    __NR_close_range,
    __NR_sendmsg,
    __NR_sendto,
    __NR_recvmsg,
    __NR_personality,
    __NR_getsockopt,
    __NR_uname,
    __NR_seccomp,  // the monitor's own filter, where a policy asks for it, can only forbid more
};

constexpr u64 kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

bool lets_pass(const SeccompProfile* profile, const policy::Policy* policy, u32 nr) {
  return (profile == nullptr || may_pass(*profile, nr)) &&
         (policy == nullptr || policy::can_pass(*policy, nr));
}

// All calls that the guest may make as a policy, for host_calls::reachable().
policy::Policy guest_calls(Arena& arena, const SeccompProfile* profile, const policy::Policy* policy) {
  auto* verdicts = static_cast<abi::PolicyVerdict*>(arena.get(table::kRows * sizeof(abi::PolicyVerdict)));
  for (u32 nr = 0; nr < table::kRows; nr++) {
    if (!lets_pass(profile, policy, nr)) verdicts[nr] = {abi::kPolicyErrno, 0, EPERM, 0, 0};
  }
  policy::Policy all;
  all.header.calls = table::kRows;
  all.verdicts = verdicts;
  // The container's profile judges a call as it is made, and the one that it is rewritten to not at all.
  for (u32 nr = 0; nr < table::kRows; nr++) {
    const u32 target = host_calls::target_of(nr);
    if (target != nr && policy::can_pass(all, nr)) verdicts[target] = {};
  }
  return all;
}

Value* member_array(Arena& arena, Value* object, const char* name) {
  Value* list = json::make(arena, Kind::kArray);
  json::set(arena, object, name, list);
  return list;
}

Value* entry(Arena& arena, Value* list) {
  Value* object = json::make(arena, Kind::kObject);
  json::append(list, object);
  json::set(arena, object, "action", json::make_string(arena, "SCMP_ACT_ALLOW"));
  return object;
}

// `nr` passes where (argument & mask) == 0.
void put_masked(Arena& arena, Value* list, u32 nr, u32 argument, u64 mask) {
  Value* object = entry(arena, list);
  json::append(member_array(arena, object, "names"), json::make_string(arena, table::call_name(nr)));
  Value* condition = json::make(arena, Kind::kObject);
  json::append(member_array(arena, object, "args"), condition);
  json::set(arena, condition, "index", json::make_number(arena, argument));
  json::set(arena, condition, "value", json::make_number(arena, mask));
  json::set(arena, condition, "valueTwo", json::make_number(arena, 0));
  json::set(arena, condition, "op", json::make_string(arena, "SCMP_CMP_MASKED_EQ"));
}

}  // namespace

Value* host_profile(Arena& arena, const SeccompProfile* profile, const policy::Policy* policy) {
  host_calls::CallSet calls = host_calls::reachable(guest_calls(arena, profile, policy), {});
  for (const u16 nr : kStarting) calls.add(nr);

  Value* seccomp = json::make(arena, Kind::kObject);
  json::set(arena, seccomp, "defaultAction", json::make_string(arena, "SCMP_ACT_ERRNO"));
  json::set(arena, seccomp, "defaultErrnoRet", json::make_number(arena, ENOSYS));
  json::append(member_array(arena, seccomp, "architectures"), json::make_string(arena, "SCMP_ARCH_X86_64"));
  Value* list = member_array(arena, seccomp, "syscalls");
  Value* names = member_array(arena, entry(arena, list), "names");
  for (u32 nr = 0; nr < host_calls::CallSet::kEnd; nr++) {
    const bool looked_at = nr == __NR_mmap || nr == __NR_mprotect || nr == __NR_clone || nr == __NR_unshare;
    if (calls.has(nr) && !looked_at && table::row(nr) != nullptr)
      json::append(names, json::make_string(arena, table::call_name(nr)));
  }
  put_masked(arena, list, __NR_mmap, 2, PROT_EXEC);
  put_masked(arena, list, __NR_mprotect, 2, PROT_EXEC);
  put_masked(arena, list, __NR_clone, 0, kNamespaces);
  if (calls.has(__NR_unshare)) put_masked(arena, list, __NR_unshare, 0, kNamespaces);
  return seccomp;
}

}  // namespace barchan::runtime
