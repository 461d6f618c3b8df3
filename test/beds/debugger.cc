// Purpose: what a debugger sees of a program and does to it: breakpoint, registers, single steps, the first write to a page, memory.
// Usage:   debugger           the program natively, by ptrace(2)
//          debugger MONITOR FLAGS   the program in a monitor, by native/abi/debug.h. Both have to print the same.
// Threads: single. The program is this same file, linked at fixed addresses, so that symbols are those of both.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "abi/debug.h"
#include "start_monitor.h"

extern "C" {
uint64_t sum_up(uint64_t count);
extern char store[];  // the instruction that writes `result`
// A page of its own.
alignas(4096) volatile uint64_t result[512];
}
asm(R"(
.text
.globl sum_up, store
sum_up:
  xor %eax, %eax
1: add %rdi, %rax
  dec %rdi
  jnz 1b
store:
  mov %rax, result(%rip)
  ret
)");

namespace {

using namespace barchan;

struct Registers {
  uint64_t rip, rax, rdi;
};

[[noreturn]] void fail(const char* what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

// A stopped program.
class Debuggee {
 public:
  virtual ~Debuggee() = default;
  virtual Registers registers() = 0;
  virtual void set_rdi(uint64_t value) = 0;
  virtual uint64_t word(const volatile void* at) = 0;
  virtual void set_word(const volatile void* at, uint64_t value) = 0;
  virtual void step() = 0;
  // Until the instruction there is about to be executed.
  virtual void run_to(const void* at) = 0;
  // Until the page is about to be written to; `store` is what does that.
  virtual void run_to_write(const volatile void* page) = 0;
  virtual int end() = 0;
};

class Traced final : public Debuggee {
 public:
  explicit Traced(pid_t pid) : pid_(pid) { wait_for(SIGTRAP); }
  Registers registers() override {
    const user_regs_struct r = all();
    return {r.rip, r.rax, r.rdi};
  }
  void set_rdi(uint64_t value) override {
    user_regs_struct r = all();
    r.rdi = value;
    if (ptrace(PTRACE_SETREGS, pid_, nullptr, &r) != 0) fail("SETREGS");
  }
  uint64_t word(const volatile void* at) override {
    return static_cast<uint64_t>(ptrace(PTRACE_PEEKDATA, pid_, at, nullptr));
  }
  void set_word(const volatile void* at, uint64_t value) override {
    if (ptrace(PTRACE_POKEDATA, pid_, at, value) != 0) fail("POKEDATA");
  }
  void step() override {
    ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
    wait_for(SIGTRAP);
  }
  void run_to(const void* at) override {
    const uint64_t code = word(at);
    set_word(at, (code & ~uint64_t{0xff}) | 0xcc);
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    wait_for(SIGTRAP);
    set_word(at, code);
    user_regs_struct r = all();
    r.rip--;
    if (ptrace(PTRACE_SETREGS, pid_, nullptr, &r) != 0) fail("SETREGS");
  }
  void run_to_write(const volatile void*) override { run_to(store); }
  int end() override {
    ptrace(PTRACE_DETACH, pid_, nullptr, nullptr);
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }

 private:
  user_regs_struct all() {
    user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, pid_, nullptr, &r) != 0) fail("GETREGS");
    return r;
  }
  void wait_for(int signal) {
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_ || !WIFSTOPPED(status) || WSTOPSIG(status) != signal) fail("no stop");
  }
  pid_t pid_;
};

class Monitored final : public Debuggee {
 public:
  Monitored(pid_t pid, int socket) : pid_(pid), socket_(socket) { expect(abi::kDebugStarted); }
  Registers registers() override {
    const abi::DebugRegisters r = all();
    return {r.rip, r.general[0], r.general[5]};
  }
  void set_rdi(uint64_t value) override {
    abi::DebugRegisters r = all();
    r.general[5] = value;
    command({.operation = abi::kDebugSetRegisters}, &r, sizeof r);
  }
  uint64_t word(const volatile void* at) override {
    command({.operation = abi::kDebugRead, .address = address(at), .length = sizeof(uint64_t)});
    uint64_t value;
    memcpy(&value, message_.data, sizeof value);
    return value;
  }
  void set_word(const volatile void* at, uint64_t value) override {
    command({.operation = abi::kDebugWrite, .address = address(at)}, &value, sizeof value);
  }
  // Bochs keeps the trap that it has scheduled for the end of an instruction although that exits for want of a page (EPT violation),
  // and raises it before the instruction is made once more. A page trap that goes takes all pages away (flush_tlb()), those of
  // the page tables among them, so this may happen some ten times. No instruction here goes to itself.
  void step() override {
    constexpr int kMost = 40;
    const uint64_t before = registers().rip;
    for (int i = 0; i < kMost && registers().rip == before; i++) {
      command({.operation = abi::kDebugResume, .kinds = abi::kDebugStep});
      expect(abi::kDebugStepped);
    }
  }
  void run_to(const void* at) override {
    command({.operation = abi::kDebugSetBreakpoint, .address = address(at)});
    go(abi::kDebugBreakpoint);
    if (address_ != address(at)) fail("another breakpoint");
    command({.operation = abi::kDebugClearBreakpoint, .address = address(at)});
  }
  void run_to_write(const volatile void* page) override {
    command({.operation = abi::kDebugTrap, .kinds = abi::kDebugWrites, .address = address(page), .length = 4096});
    go(abi::kDebugTrapped);
    if (address_ != address(page) || kinds_ != abi::kDebugWrites) fail("another access");
    command({.operation = abi::kDebugTrap, .address = address(page), .length = 4096});
  }
  int end() override {
    // The program may end before a detachment is answered.
    command({.operation = abi::kDebugTrap, .address = address(result), .length = sizeof result});
    close(socket_);
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }

 private:
  struct Request {
    abi::DebugOperation operation;
    uint32_t kinds = 0;
    uint64_t address = 0, length = 0;
  };
  static uint64_t address(const volatile void* at) { return reinterpret_cast<uint64_t>(at); }
  abi::DebugRegisters all() {
    command({.operation = abi::kDebugGetRegisters});
    abi::DebugRegisters r;
    memcpy(&r, message_.data, sizeof r);
    return r;
  }
  void receive() {
    const ssize_t size = recv(socket_, &message_, sizeof message_, 0);
    if (size < static_cast<ssize_t>(sizeof message_.head) || message_.head.magic != abi::kDebugMagic) fail("no message");
  }
  // An event may come before the reply to what has let the program go.
  void expect(abi::DebugEvent kind) {
    if (event_.event == 0) {
      receive();
      event_ = message_.head;
    }
    if (event_.id != 0 || event_.event != kind) fail("another event");
    tid_ = event_.tid;
    address_ = event_.a;
    kinds_ = event_.b;
    event_ = {};
  }
  void go(abi::DebugEvent until) {
    command({.operation = abi::kDebugResume, .kinds = abi::kDebugRun});
    expect(until);
  }
  void command(const Request& request, const void* data = nullptr, size_t length = 0) {
    struct {
      abi::DebugCommand head;
      uint8_t data[sizeof(abi::DebugRegisters)];
    } packet = {};
    const auto size = static_cast<uint32_t>(sizeof packet.head + length);
    packet.head = {abi::kDebugMagic, size, ++last_, request.operation, tid_, request.kinds, request.address, request.length};
    if (length) memcpy(packet.data, data, length);
    if (send(socket_, &packet, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) fail("send");
    receive();
    if (message_.head.id == 0) {
      event_ = message_.head;
      receive();
    }
    errno = message_.head.error;
    if (message_.head.id != last_ || message_.head.error != 0) fail("a command");
  }

  pid_t pid_;
  int socket_;
  int32_t tid_ = 0;
  uint32_t last_ = 0;
  abi::DebugMessage event_ = {};
  uint64_t address_ = 0, kinds_ = 0;  // of the last event
  struct {
    abi::DebugMessage head;
    uint8_t data[abi::kDebugDataMost];
  } message_ = {};
};

void show(Debuggee& d, const char* what) {
  const Registers r = d.registers();
  printf("%s: sum_up+%lu, rax %lu, rdi %lu, result %lu\n", what, r.rip - reinterpret_cast<uint64_t>(sum_up), r.rax, r.rdi,
         d.word(&result[0]));
}

void session(Debuggee& d) {
  d.run_to(reinterpret_cast<void*>(sum_up));
  d.step();
  show(d, "called");
  d.set_rdi(4);
  for (int i = 0; i < 8; i++) {
    d.step();
    show(d, "step");
  }
  d.run_to_write(result);
  show(d, "before the write");
  d.step();
  show(d, "behind it");
  d.set_word(&result[0], 1000);
  d.run_to(reinterpret_cast<void*>(sum_up));
  printf("called again with %lu\n", d.registers().rdi);
  fflush(stdout);
  const int status = d.end();
  printf("ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

int debuggee() {
  const uint64_t first = sum_up(3), changed = result[0], second = sum_up(2);
  printf("%lu, %lu, %lu, %lu\n", first, changed, second, result[0]);
  fflush(stdout);
  return 7;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "debuggee") == 0) return debuggee();
  char word[] = "debuggee";
  char* words[] = {argv[0], word, nullptr};
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) fail("socketpair");
  const pid_t child = fork();
  if (child == 0) {
    if (argc == 3)
      test::start_monitor(argv[1], argv[0], words, environ, static_cast<uint32_t>(strtoul(argv[2], nullptr, 10)), sockets[1]);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execv(argv[0], words);
    _exit(1);
  }
  close(sockets[1]);
  if (argc == 3) {
    static Monitored monitored(child, sockets[0]);
    session(monitored);
  } else {
    Traced traced(child);
    session(traced);
  }
  return 0;
}
