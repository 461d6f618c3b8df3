// The cBPF of monitor/seccomp_filter against the kernel's own: random programs are offered to seccomp(2) in a child
// process, which says whether they are valid and what they return.
#include "monitor/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <vector>

namespace barchan {
namespace {

using Program = std::vector<sock_filter>;

constexpr u16 kAbs = BPF_LD | BPF_W | BPF_ABS;
constexpr u32 kProbe = __NR_getppid;

sock_filter statement(u16 code, u32 k) { return BPF_STMT(code, k); }
sock_filter jump(u16 code, u32 k, u8 jt, u8 jf) { return BPF_JUMP(code, k, jt, jf); }

struct Outcome {
  bool accepted;
  int error;  // errno of the probe, 0 when it was let through
};

// In the child: installs `program`, makes the probe with `args`, reports by its exit status.
Outcome ask_kernel(const Program& program, const u64 (&args)[6]) {
  int out[2];
  if (pipe(out) != 0) abort();
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sock_fprog wanted = {static_cast<unsigned short>(program.size()),
                         const_cast<sock_filter*>(program.data())};
    Outcome outcome = {false, 0};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &wanted) == 0) {
      outcome.accepted = true;
      errno = 0;
      if (syscall(kProbe, args[0], args[1], args[2], args[3], args[4], args[5]) == -1) outcome.error = errno;
    }
    if (write(out[1], &outcome, sizeof outcome) != sizeof outcome) _exit(1);
    _exit(0);
  }
  close(out[1]);
  Outcome outcome = {false, -1};
  (void)!read(out[0], &outcome, sizeof outcome);
  close(out[0]);
  waitpid(pid, nullptr, 0);
  return outcome;
}

// Unknown actions kill too.
bool kills(u32 verdict) {
  const u32 action = verdict & SECCOMP_RET_ACTION_FULL;
  for (u32 mild :
       {SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW}) {
    if (action == mild) return false;
  }
  return true;
}

// Any instruction, mostly a plausible one.
sock_filter random_instruction(std::mt19937& random, size_t pc, size_t length) {
  static const u16 kCodes[] = {kAbs,
                               BPF_LD | BPF_W | BPF_LEN,
                               BPF_LDX | BPF_W | BPF_LEN,
                               BPF_LD | BPF_IMM,
                               BPF_LDX | BPF_IMM,
                               BPF_LD | BPF_MEM,
                               BPF_LDX | BPF_MEM,
                               BPF_ST,
                               BPF_STX,
                               BPF_MISC | BPF_TAX,
                               BPF_MISC | BPF_TXA,
                               BPF_ALU | BPF_NEG,
                               BPF_JMP | BPF_JA};
  static const u16 kAlu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND,
                             BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_MOD};
  static const u16 kJumps[] = {BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET};
  auto pick = [&](u32 n) { return static_cast<u32>(random() % n); };
  const u32 left = static_cast<u32>(length - pc - 1);
  const u16 source = pick(2) ? BPF_X : BPF_K;
  switch (pick(8)) {
    case 0:
    case 1:
    case 2: {
      u16 code = kCodes[pick(std::size(kCodes))];
      if (code == kAbs) return statement(code, pick(40) == 0 ? pick(80) : pick(16) * 4);
      if (code == (BPF_JMP | BPF_JA)) return statement(code, left ? pick(left + (pick(20) == 0)) : 0);
      return statement(code, pick(40) == 0 ? pick(20) : pick(4));
    }
    case 3:
    case 4: {
      u16 operation = kAlu[pick(std::size(kAlu) - (pick(30) != 0))];
      return statement(BPF_ALU | operation | source, pick(2) ? pick(32) : static_cast<u32>(random()));
    }
    case 5:
    case 6: {
      u16 code = static_cast<u16>(BPF_JMP | kJumps[pick(4)] | source);
      u32 room = left ? std::min(left + (pick(60) == 0), 255u) : 1;
      return jump(code, static_cast<u32>(random()) >> pick(32), static_cast<u8>(pick(room)),
                  static_cast<u8>(pick(room)));
    }
  }
  if (pick(60) == 0) return statement(static_cast<u16>(random()), pick(64));
  return statement(kAbs, pick(16) * 4);
}

// Calls other than the probe are allowed. The probe's result is the low bits of A as an errno, from 1 to 1024.
Program wrap(const Program& body) {
  Program p = {statement(kAbs, 0), jump(BPF_JMP | BPF_JEQ | BPF_K, kProbe, 1, 0),
               statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  p.insert(p.end(), body.begin(), body.end());
  p.push_back(statement(BPF_ALU | BPF_AND | BPF_K, 1023));
  p.push_back(statement(BPF_ALU | BPF_ADD | BPF_K, 1));
  p.push_back(statement(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO));
  p.push_back(statement(BPF_RET | BPF_A, 0));
  return p;
}

// The instruction pointer is not known here: results of programs that read it are left out.
TEST(SeccompFilterTest, AgreesWithTheKernel) {
  std::mt19937 random(1);
  int accepted = 0, compared = 0;
  for (int round = 0; round < 3000; round++) {
    Program body(1 + random() % 24);
    for (size_t pc = 0; pc < body.size(); pc++) body[pc] = random_instruction(random, pc, body.size() + 1);
    const Program program = wrap(body);
    u64 args[6];
    for (u64& a : args) a = (static_cast<u64>(random()) << 32 | random()) >> (random() % 64);
    const bool valid = seccomp_filter_valid(program.data(), static_cast<u32>(program.size()));
    seccomp_data data = {static_cast<int>(kProbe), AUDIT_ARCH_X86_64, 0, {}};
    for (int i = 0; i < 6; i++) data.args[i] = args[i];
    bool reads_address = false;
    for (const sock_filter& i : program) reads_address |= i.code == kAbs && (i.k == 8 || i.k == 12);
    const Outcome kernel = ask_kernel(program, args);
    if (kernel.error == -1) {
      // The child was killed, by its own filter only.
      ASSERT_TRUE(valid);
      const u32 end = seccomp_filter_run(program.data(), static_cast<u32>(program.size()), data);
      EXPECT_TRUE(reads_address || kills(end)) << std::hex << end;
      continue;
    }
    ASSERT_EQ(valid, kernel.accepted) << "round " << round;
    if (!valid || reads_address) continue;
    accepted++;
    const u32 verdict = seccomp_filter_run(program.data(), static_cast<u32>(program.size()), data);
    if ((verdict & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO) continue;
    compared++;
    ASSERT_EQ(std::min(static_cast<int>(verdict & SECCOMP_RET_DATA), 4095), kernel.error)
        << "round " << round;
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(compared, 100);
}

TEST(SeccompFilterTest, RefusesWhatIsNotAProgram) {
  const sock_filter allow = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  EXPECT_FALSE(seccomp_filter_valid(&allow, 0));
  EXPECT_TRUE(seccomp_filter_valid(&allow, 1));
  EXPECT_TRUE(seccomp_filter_valid(Program(kFilterLengthMaximum, allow).data(), kFilterLengthMaximum));
  EXPECT_FALSE(
      seccomp_filter_valid(Program(kFilterLengthMaximum + 1, allow).data(), kFilterLengthMaximum + 1));
  const sock_filter endless[] = {statement(BPF_JMP | BPF_JA, 0xffffffff), allow};
  EXPECT_FALSE(seccomp_filter_valid(endless, 2));
  const sock_filter fall_off[] = {allow, statement(kAbs, 0)};
  EXPECT_FALSE(seccomp_filter_valid(fall_off, 2));
}

// Random programs that look at number and architecture mostly, against what they return for random arguments.
TEST(SeccompFilterTest, AlwaysAllowsWhatNoArgumentRefuses) {
  std::mt19937 random(2);
  auto pick = [&](u32 n) { return static_cast<u32>(random() % n); };
  int always = 0, not_always = 0;
  for (int round = 0; round < 20000; round++) {
    Program p(2 + pick(12));
    for (size_t pc = 0; pc < p.size(); pc++) {
      const u32 left = static_cast<u32>(p.size() - pc - 1);
      if (left < 2 || pick(5) == 0) {
        static const u32 kVerdicts[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_ERRNO | 1};
        p[pc] = statement(BPF_RET | BPF_K, kVerdicts[pick(2) ? 0 : pick(3)]);
      } else if (pick(2)) {
        p[pc] = statement(kAbs, pick(8) == 0 ? 16 + 4 * pick(12) : pick(3) == 0 ? 4 : 0);
      } else if (pick(6) == 0) {
        p[pc] = random_instruction(random, pc, p.size());
      } else {
        static const u16 kJumps[] = {BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET};
        const u32 with = pick(3) == 0 ? AUDIT_ARCH_X86_64 : kProbe - 2 + pick(5);
        p[pc] = jump(static_cast<u16>(BPF_JMP | kJumps[pick(4)] | BPF_K), with, static_cast<u8>(pick(left)),
                     static_cast<u8>(pick(left)));
      }
    }
    const u32 length = static_cast<u32>(p.size());
    if (!seccomp_filter_valid(p.data(), length)) continue;
    if (!seccomp_filter_always_allows(p.data(), length, kProbe)) {
      not_always++;
      continue;
    }
    always++;
    for (int i = 0; i < 20; i++) {
      seccomp_data data = {static_cast<int>(kProbe), AUDIT_ARCH_X86_64, random(), {}};
      for (auto& a : data.args) a = (static_cast<u64>(random()) << 32 | random()) >> (random() % 64);
      ASSERT_EQ(seccomp_filter_run(p.data(), length, data), SECCOMP_RET_ALLOW) << "round " << round;
    }
  }
  EXPECT_GT(always, 1000);
  EXPECT_GT(not_always, 1000);

  // A filter as libraries and container runtimes write it is recognised; one that looks at an argument is not.
  const sock_filter usual[] = {statement(kAbs, 4),
                               jump(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                               statement(BPF_RET | BPF_K, 0),
                               statement(kAbs, 0),
                               jump(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 4, 0),
                               jump(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 2),
                               statement(kAbs, 32),
                               jump(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
                               statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                               statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1)};
  ASSERT_TRUE(seccomp_filter_valid(usual, std::size(usual)));
  EXPECT_TRUE(seccomp_filter_always_allows(usual, std::size(usual), __NR_getpid));
  EXPECT_FALSE(seccomp_filter_always_allows(usual, std::size(usual), __NR_openat));
}

TEST(SeccompFilterTest, TakesTheStricterVerdict) {
  EXPECT_EQ(seccomp_stricter(SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | 1), SECCOMP_RET_ERRNO | 1u);
  EXPECT_EQ(seccomp_stricter(SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ALLOW), SECCOMP_RET_ERRNO | 1u);
  EXPECT_EQ(seccomp_stricter(SECCOMP_RET_ERRNO | 2, SECCOMP_RET_ERRNO | 1), SECCOMP_RET_ERRNO | 2u);
  EXPECT_EQ(seccomp_stricter(SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS), SECCOMP_RET_KILL_PROCESS);
}

}  // namespace
}  // namespace barchan
