// Order: calls with arguments to be checked first, as they are the frequent ones that the kernel cannot answer from
// its cache of constant verdicts (kernel/seccomp.c, seccomp_cache_prepare); then the plain ones.
#include "monitor/host_filter.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include <initializer_list>

#include "kvm/requests.h"
#include "monitor/syscalls/ioctl_table.h"
#include "monitor/syscalls/socket_families.h"

namespace barchan {
namespace {

constexpr u32 kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// Those of monitor/syscalls/prctl.cc that are passed on, and what start-up and seccomp(2) use.
constexpr u32 kPrctlOptions[] = {
    PR_SET_NAME,
    PR_GET_NAME,
    PR_SET_MM,
    PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE,
    PR_SET_DUMPABLE,
    PR_GET_KEEPCAPS,
    PR_SET_KEEPCAPS,
    PR_GET_TIMING,
    PR_SET_TIMING,
    PR_CAPBSET_READ,
    PR_CAPBSET_DROP,
    PR_GET_SECUREBITS,
    PR_SET_SECUREBITS,
    PR_GET_TIMERSLACK,
    PR_SET_TIMERSLACK,
    PR_MCE_KILL,
    PR_MCE_KILL_GET,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_GET_THP_DISABLE,
    PR_SET_THP_DISABLE,
    PR_CAP_AMBIENT,
    PR_GET_CHILD_SUBREAPER,
    PR_GET_TID_ADDRESS,
    PR_GET_SPECULATION_CTRL,
    PR_SET_VMA,
    PR_SET_IO_FLUSHER,
    PR_GET_IO_FLUSHER,
    PR_SCHED_CORE,
    65 /* PR_SET_MDWE, and those after it as in prctl.cc */,
    66,
    67,
    68,
    77,
    78,
    0x41555856,
};

// seccomp_data is little-endian here: the low word of an argument comes first.
constexpr u32 argument_offset(u32 index) { return offsetof(seccomp_data, args) + index * sizeof(u64); }

class Builder {
 public:
  Builder(sock_filter* code, u32 breach) : code_(code), breach_(breach) {}

  u32 length() const { return overflow_ ? 0 : length_; }

  void put(u16 code, u32 k, u8 yes = 0, u8 no = 0) {
    if (length_ == kHostFilterMax) {
      overflow_ = true;
      return;
    }
    code_[length_++] = {code, yes, no, k};
  }

  void load(u32 offset) { put(BPF_LD | BPF_W | BPF_ABS, offset); }
  void load_argument(u32 index) { load(argument_offset(index)); }
  void refuse() { put(BPF_RET | BPF_K, breach_); }
  void allow() { put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }

  void allow_if_equal(u32 value) {
    put(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    allow();
  }

  void allow_without(u32 bits) {
    put(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    refuse();
    allow();
  }

  // Instructions between begin() and end() are for call `nr` alone; end() refuses what they let through.
  void begin(u32 nr) {
    put(BPF_JMP | BPF_JEQ | BPF_K, nr, 1, 0);
    skip_ = length_;
    put(BPF_JMP | BPF_JA, 0);
  }
  void end() {
    refuse();
    if (!overflow_) code_[skip_].k = length_ - skip_ - 1;
  }

 private:
  sock_filter* code_;
  u32 breach_;
  u32 length_ = 0;
  u32 skip_ = 0;
  bool overflow_ = false;
};

constexpr u32 kChecked[] = {__NR_ioctl,   __NR_mmap,  __NR_mprotect, __NR_clone,
                            __NR_unshare, __NR_prctl, __NR_socket,   __NR_socketpair};

bool is_checked(u32 nr) {
  for (const u32 checked : kChecked) {
    if (nr == checked) return true;
  }
  return false;
}

}  // namespace

u32 build_host_filter(sock_filter code[kHostFilterMax], const host_calls::CallSet& calls,
                      const policy::Policy& policy, u32 breach) {
  Builder b(code, breach);
  b.load(offsetof(seccomp_data, arch));
  b.put(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  b.refuse();
  b.load(offsetof(seccomp_data, nr));

  b.begin(__NR_ioctl);
  b.load_argument(1);
  for (const u32 request : kvm::kRunRequests) b.allow_if_equal(request);
  if (calls.has(__NR_clone) || calls.has(__NR_execveat)) {
    for (const u32 request : kvm::kCreateRequests) b.allow_if_equal(request);
  }
  if (policy::can_pass(policy, __NR_ioctl)) {
    b.allow_if_equal(ioctls::kNoRequest);
    b.allow_if_equal(ioctls::kNoSocketRequest);
    for (u32 i = 0; const ioctls::Request* request = ioctls::at(i); i++) {
      if (request->argument != ioctls::Argument::kRefused) b.allow_if_equal(request->number);
    }
  }
  b.end();

  for (const u32 nr : {__NR_mmap, __NR_mprotect}) {
    b.begin(nr);
    b.load_argument(2);
    b.allow_without(PROT_EXEC);
    b.end();
  }
  for (const u32 nr : {__NR_clone, __NR_unshare}) {
    if (!calls.has(nr)) continue;
    b.begin(nr);
    b.load_argument(0);
    b.allow_without(kNamespaces);
    b.end();
  }
  if (calls.has(__NR_prctl)) {
    b.begin(__NR_prctl);
    b.load_argument(0);
    for (const u32 option : kPrctlOptions) b.allow_if_equal(option);
    b.end();
  }
  for (const u32 nr : {__NR_socket, __NR_socketpair}) {
    if (!calls.has(nr)) continue;
    b.begin(nr);
    b.load_argument(0);
    for (const u32 family : kSocketFamilies) b.allow_if_equal(family);
    b.end();
  }
  for (u32 nr = 0; nr < host_calls::CallSet::kEnd; nr++) {
    if (calls.has(nr) && !is_checked(nr)) b.allow_if_equal(nr);
  }
  b.refuse();
  return b.length();
}

}  // namespace barchan
