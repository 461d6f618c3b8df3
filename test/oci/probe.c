// Shows: whether a program can read at addresses that it is given, by itself, by the kernel, and by /proc/self/mem.
// Says what came of one of its own, and then of each hexadecimal address in the file that it is given.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sigjmp_buf back;
static const char own[] = "own";

static void fault(int signal) { siglongjmp(back, signal); }

static const char* load(unsigned long address) {
  switch (sigsetjmp(back, 1)) {
    case 0: (void)*(volatile const char*)address; return "read";
    case SIGSEGV: return "SIGSEGV";
    default: return "SIGBUS";
  }
}

int main(int argc, char** argv) {
  signal(SIGSEGV, fault);
  signal(SIGBUS, fault);
  const int memory = open("/proc/self/mem", O_RDONLY), null = open("/dev/null", O_WRONLY);
  int pipes[2];
  if (memory < 0 || null < 0 || pipe(pipes) != 0) return 1;
  unsigned long address = (unsigned long)own;
  do {
    char byte;
    const int written = write(pipes[1], (void*)address, 1) == 1 ? 0 : errno;
    const int seen = pread(memory, &byte, 1, (off_t)address) == 1 ? 0 : 1;
    printf("%s %s %s\n", load(address), written == 0 ? "written" : written == EFAULT ? "EFAULT" : "other",
           seen == 0 ? "seen" : "unseen");
    fflush(stdout);
    if (address == (unsigned long)own && (argc != 2 || !freopen(argv[1], "r", stdin))) return 1;
  } while (scanf("%lx", &address) == 1);
  return 0;
}
