// The filter that binds the monitor: it allows what the table says and nothing else. Run by our own interpreter of such
// programs, which seccomp_filter_test holds against the kernel's.
#include "monitor/host_filter.h"

#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <memory>
#include <vector>

#include "monitor/seccomp_filter.h"
#include "monitor/table.h"

namespace barchan {
namespace {

using host_calls::CallSet;

class HostFilterTest : public ::testing::Test {
 protected:
  // A policy that lets these calls pass, or all when none is named.
  void build(std::vector<u32> allowed, bool traced = false) {
    verdicts_.assign(470, {abi::kPolicyErrno, 0, 1, 0, 0});
    for (u32 nr : allowed) verdicts_[nr] = {abi::kPolicyAllow, 0, 0, 0, 0};
    if (allowed.empty()) verdicts_.assign(470, {abi::kPolicyAllow, 0, 0, 0, 0});
    policy_.header.calls = 470;
    policy_.verdicts = verdicts_.data();
    calls_ = host_calls::reachable(policy_, {.traced = traced});
    length_ = build_host_filter(code_.get(), calls_, policy_, breach_);
    ASSERT_NE(length_, 0u);
    ASSERT_TRUE(seccomp_filter_valid(code_.get(), length_)) << "as the kernel checks it";
  }

  bool allows(u32 nr, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u32 arch = AUDIT_ARCH_X86_64) const {
    seccomp_data data = {static_cast<int>(nr), arch, 0, {a0, a1, a2, 0, 0, 0}};
    const u32 verdict = seccomp_filter_run(code_.get(), length_, data);
    EXPECT_TRUE(verdict == SECCOMP_RET_ALLOW || verdict == breach_) << verdict;
    return verdict == SECCOMP_RET_ALLOW;
  }

  CallSet calls_;
  u32 breach_ = SECCOMP_RET_KILL_PROCESS;

 private:
  std::unique_ptr<sock_filter[]> code_{new sock_filter[kHostFilterMax]};
  u32 length_ = 0;
  std::vector<abi::PolicyVerdict> verdicts_;
  policy::Policy policy_;
};

bool looks_at_arguments(u32 nr) {
  for (u32 checked : {__NR_ioctl, __NR_mmap, __NR_mprotect, __NR_clone, __NR_unshare, __NR_prctl, __NR_socket,
                      __NR_socketpair}) {
    if (nr == checked) return true;
  }
  return false;
}

TEST_F(HostFilterTest, AllowsTheTablesCallsAndNoOther) {
  for (const u32 breach : {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_USER_NOTIF}) {
    breach_ = breach;
    for (const auto& allowed : {std::vector<u32>{}, {__NR_read}, {__NR_openat, __NR_clone, __NR_execve}}) {
      build(allowed);
      for (u32 nr = 0; nr < 1024; nr++) {
        if (!looks_at_arguments(nr)) EXPECT_EQ(allows(nr), calls_.has(nr)) << nr;
        EXPECT_FALSE(allows(nr | 0x40000000)) << "x32";
        EXPECT_FALSE(allows(nr, 0, 0, 0, AUDIT_ARCH_I386)) << "the 32-bit table";
      }
    }
  }
}

TEST_F(HostFilterTest, NeverAllowsWhatNoGuestNeeds) {
  build({});
  for (u32 nr : {__NR_ptrace,
                 __NR_process_vm_readv,
                 __NR_process_vm_writev,
                 __NR_mount,
                 __NR_umount2,
                 __NR_pivot_root,
                 __NR_setns,
                 __NR_init_module,
                 __NR_finit_module,
                 __NR_bpf,
                 __NR_perf_event_open,
                 __NR_io_uring_setup,
                 __NR_userfaultfd,
                 __NR_kexec_load,
                 __NR_reboot,
                 __NR_seccomp,
                 __NR_clone3,
                 __NR_keyctl,
                 __NR_open_by_handle_at,
                 __NR_pidfd_getfd,
                 __NR_open,
                 __NR_stat,
                 __NR_poll,
                 __NR_fork,
                 __NR_vfork}) {
    EXPECT_FALSE(allows(static_cast<u32>(nr))) << nr;
  }
}

TEST_F(HostFilterTest, MemoryIsNeverExecutable) {
  build({});
  EXPECT_TRUE(allows(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE));
  EXPECT_FALSE(allows(__NR_mmap, 0, 4096, PROT_READ | PROT_EXEC));
  EXPECT_TRUE(allows(__NR_mprotect, 0, 4096, PROT_READ));
  EXPECT_FALSE(allows(__NR_mprotect, 0, 4096, PROT_EXEC));
}

TEST_F(HostFilterTest, NamespacesAreNotMade) {
  build({});
  EXPECT_TRUE(allows(__NR_clone, SIGCHLD));
  EXPECT_TRUE(allows(__NR_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND));
  EXPECT_TRUE(allows(__NR_unshare, CLONE_FS));
  for (u64 flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
                   CLONE_NEWNET}) {
    EXPECT_FALSE(allows(__NR_clone, flag | SIGCHLD)) << flag;
    EXPECT_FALSE(allows(__NR_unshare, flag)) << flag;
  }
}

TEST_F(HostFilterTest, RequestsAreThoseOfTheTables) {
  build({});
  EXPECT_TRUE(allows(__NR_ioctl, 5, KVM_RUN));
  EXPECT_TRUE(allows(__NR_ioctl, 5, KVM_CREATE_VM));
  EXPECT_TRUE(allows(__NR_ioctl, 5, FIONREAD));
  for (u64 request : {u64{KVM_CREATE_DEVICE}, u64{KVM_GET_DIRTY_LOG}, u64{KVM_CREATE_IRQCHIP},
                      u64{0x5412 /* TIOCSTI */}, u64{0}})
    EXPECT_FALSE(allows(__NR_ioctl, 5, request)) << request;
  build({__NR_read});
  EXPECT_TRUE(allows(__NR_ioctl, 5, KVM_RUN));
  EXPECT_FALSE(allows(__NR_ioctl, 5, KVM_CREATE_VM)) << "no further process, no further VM";
  EXPECT_FALSE(allows(__NR_ioctl, 5, FIONREAD)) << "the guest has no ioctl";
}

TEST_F(HostFilterTest, FamiliesAndOptionsAreThoseOfTheGate) {
  build({});
  EXPECT_TRUE(allows(__NR_socket, AF_INET));
  for (u64 family : {AF_VSOCK, AF_ALG, 44 /* AF_XDP */, AF_BLUETOOTH}) {
    EXPECT_FALSE(allows(__NR_socket, family)) << family;
    EXPECT_FALSE(allows(__NR_socketpair, family)) << family;
  }
  EXPECT_TRUE(allows(__NR_prctl, PR_SET_NAME));
  EXPECT_FALSE(allows(__NR_prctl, PR_SET_SECCOMP));
  EXPECT_FALSE(allows(__NR_prctl, PR_SET_PTRACER));
}

TEST_F(HostFilterTest, TheSmallestPolicyReachesTheCoreOnly) {
  build({__NR_getpid});
  EXPECT_LE(calls_.count(), 20u);
  EXPECT_FALSE(allows(__NR_openat));
  EXPECT_FALSE(allows(__NR_clone, SIGCHLD));
  EXPECT_FALSE(allows(__NR_socket, AF_UNIX));
  EXPECT_FALSE(allows(__NR_ppoll));
  build({__NR_getpid}, true);
  EXPECT_TRUE(allows(__NR_ppoll)) << "a trace waits for its reader";
}

TEST_F(HostFilterTest, AnOlderNameNeedsWhatItIsRewrittenTo) {
  build({__NR_open});
  EXPECT_FALSE(allows(__NR_openat)) << "openat itself is not allowed";
  build({__NR_open, __NR_openat});
  EXPECT_TRUE(allows(__NR_openat));
}

}  // namespace
}  // namespace barchan
