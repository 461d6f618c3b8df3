#include "monitor/seccomp_filter.h"

#include <linux/audit.h>

namespace barchan {
namespace {

constexpr u32 kScratchWords = BPF_MEMWORDS;

// Is `code` an instruction that seccomp takes, and is its operand in range at position `pc` of `length`?
bool instruction_valid(const sock_filter& i, u32 pc, u32 length) {
  switch (i.code) {
    case BPF_LD | BPF_W | BPF_ABS: return i.k < sizeof(seccomp_data) && i.k % sizeof(u32) == 0;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG: return true;
    case BPF_ALU | BPF_DIV | BPF_K: return i.k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K: return i.k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return i.k < kScratchWords;
    case BPF_JMP | BPF_JA: return i.k < length - pc - 1;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X: return pc + i.jt + 1 < length && pc + i.jf + 1 < length;
  }
  return false;
}

// No scratch word is read on any way before it is written. Jumps only lead forward, so one pass suffices:
// written[pc] holds the words that every way to `pc` has written. Pre: every instruction is valid.
bool scratch_valid(const sock_filter* program, u32 length) {
  u16 written[kFilterLengthMaximum];
  for (u32 pc = 0; pc < length; pc++) written[pc] = 0xffff;
  u16 now = 0;
  for (u32 pc = 0; pc < length; pc++) {
    const sock_filter& i = program[pc];
    now &= written[pc];
    switch (i.code) {
      case BPF_ST:
      case BPF_STX: now = static_cast<u16>(now | (1u << i.k)); break;
      case BPF_LD | BPF_MEM:
      case BPF_LDX | BPF_MEM:
        if (!(now & (1u << i.k))) return false;
        break;
      case BPF_JMP | BPF_JA:
        written[pc + 1 + i.k] &= now;
        now = 0xffff;
        break;
      default:
        if (BPF_CLASS(i.code) != BPF_JMP) break;
        written[pc + 1 + i.jt] &= now;
        written[pc + 1 + i.jf] &= now;
        now = 0xffff;
    }
  }
  return true;
}

}  // namespace

bool seccomp_filter_valid(const sock_filter* program, u32 length) {
  if (length == 0 || length > kFilterLengthMaximum) return false;
  for (u32 pc = 0; pc < length; pc++) {
    if (!instruction_valid(program[pc], pc, length)) return false;
  }
  if (BPF_CLASS(program[length - 1].code) != BPF_RET) return false;
  return scratch_valid(program, length);
}

u32 seccomp_filter_run(const sock_filter* program, u32 length, const seccomp_data& data) {
  u32 a = 0, x = 0;
  u32 scratch[kScratchWords];
  const u32* words = reinterpret_cast<const u32*>(&data);
  for (u32 pc = 0; pc < length; pc++) {
    const sock_filter& i = program[pc];
    const u32 operand = BPF_SRC(i.code) == BPF_X ? x : i.k;
    switch (i.code) {
      case BPF_RET | BPF_K: return i.k;
      case BPF_RET | BPF_A: return a;
      case BPF_LD | BPF_W | BPF_ABS: a = words[i.k / sizeof(u32)]; break;
      case BPF_LD | BPF_W | BPF_LEN: a = sizeof data; break;
      case BPF_LDX | BPF_W | BPF_LEN: x = sizeof data; break;
      case BPF_LD | BPF_IMM: a = i.k; break;
      case BPF_LDX | BPF_IMM: x = i.k; break;
      case BPF_LD | BPF_MEM: a = scratch[i.k]; break;
      case BPF_LDX | BPF_MEM: x = scratch[i.k]; break;
      case BPF_ST: scratch[i.k] = a; break;
      case BPF_STX: scratch[i.k] = x; break;
      case BPF_MISC | BPF_TAX: x = a; break;
      case BPF_MISC | BPF_TXA: a = x; break;
      case BPF_ALU | BPF_ADD | BPF_K:
      case BPF_ALU | BPF_ADD | BPF_X: a += operand; break;
      case BPF_ALU | BPF_SUB | BPF_K:
      case BPF_ALU | BPF_SUB | BPF_X: a -= operand; break;
      case BPF_ALU | BPF_MUL | BPF_K:
      case BPF_ALU | BPF_MUL | BPF_X: a *= operand; break;
      case BPF_ALU | BPF_DIV | BPF_K:
      case BPF_ALU | BPF_DIV | BPF_X:
        if (operand == 0) return 0;  // ends the program, as in the kernel
        a /= operand;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
      case BPF_ALU | BPF_AND | BPF_X: a &= operand; break;
      case BPF_ALU | BPF_OR | BPF_K:
      case BPF_ALU | BPF_OR | BPF_X: a |= operand; break;
      case BPF_ALU | BPF_XOR | BPF_K:
      case BPF_ALU | BPF_XOR | BPF_X: a ^= operand; break;
      case BPF_ALU | BPF_LSH | BPF_K:
      case BPF_ALU | BPF_LSH | BPF_X: a <<= operand & 31; break;
      case BPF_ALU | BPF_RSH | BPF_K:
      case BPF_ALU | BPF_RSH | BPF_X: a >>= operand & 31; break;
      case BPF_ALU | BPF_NEG: a = 0 - a; break;
      case BPF_JMP | BPF_JA: pc += i.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K:
      case BPF_JMP | BPF_JEQ | BPF_X: pc += a == operand ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K:
      case BPF_JMP | BPF_JGE | BPF_X: pc += a >= operand ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K:
      case BPF_JMP | BPF_JGT | BPF_X: pc += a > operand ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K:
      case BPF_JMP | BPF_JSET | BPF_X: pc += (a & operand) != 0 ? i.jt : i.jf; break;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;  // not reached by a valid program
}

bool seccomp_filter_always_allows(const sock_filter* program, u32 length, u32 nr) {
  u32 a = 0;
  for (u32 pc = 0; pc < length; pc++) {
    const sock_filter& i = program[pc];
    switch (i.code) {
      case BPF_RET | BPF_K: return i.k == SECCOMP_RET_ALLOW;
      case BPF_LD | BPF_W | BPF_ABS:
        if (i.k == offsetof(seccomp_data, nr)) {
          a = nr;
        } else if (i.k == offsetof(seccomp_data, arch)) {
          a = AUDIT_ARCH_X86_64;
        } else {
          return false;
        }
        break;
      case BPF_ALU | BPF_AND | BPF_K: a &= i.k; break;
      case BPF_JMP | BPF_JA: pc += i.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i.k ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i.k ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: pc += a > i.k ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: pc += (a & i.k) != 0 ? i.jt : i.jf; break;
      default: return false;
    }
  }
  return false;
}

}  // namespace barchan
