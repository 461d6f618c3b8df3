// Shows: ETXTBSY: a program, its interpreter or a script that is open for writing is not executed; openat2 judges its flags before
//        its path.
// run: both
#include <linux/openat2.h>
#include <sys/utsname.h>

#include "guest.h"

static void copy(const char* from, const char* to) {
  static char bytes[65536];
  int in = MUST(open(from, O_RDONLY)), out = MUST(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
  ssize_t n;
  while ((n = read(in, bytes, sizeof bytes)) > 0) MUST(write(out, bytes, (size_t)n));
  close(in);
  close(out);
}

static void run(const char* what, const char* path) {
  pid_t child = MUST(fork());
  if (!child) {
    execl(path, path, "again", NULL);
    _exit(errno == ETXTBSY ? 100 : 101);
  }
  reap(what, child);
}

int main(int argc, char** argv) {
  if (argc > 1) return 7;
  struct utsname name;
  int major = 0, minor = 0;
  MUST(uname(&name));
  sscanf(name.release, "%d.%d", &major, &minor);
  if (major > 6 || (major == 6 && minor >= 14)) {  // older kernels do not tell
    copy("/proc/self/exe", "program");
    int out = MUST(open("script", O_WRONLY | O_CREAT, 0755));
    MUST(write(out, "#!./program\n", 12));
    close(out);
    out = MUST(open("text", O_WRONLY | O_CREAT, 0755));
    MUST(write(out, "text\n", 5));
    run("text that is written", "./text");
    close(out);
    run("text", "./text");
    run("program", "./program");
    out = MUST(open("program", O_WRONLY));
    run("program that is written", "./program");
    run("its script", "./script");
    close(out);
    run("script", "./script");
    out = MUST(open("script", O_RDWR));
    run("script that is written", "./script");
    close(out);
    // By a child, and by a shared mapping that outlives its descriptor.
    out = MUST(open("program", O_RDWR));
    void* bytes = MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0));
    close(out);
    run("program that is mapped", "./program");
    munmap(bytes, 4096);
    run("program again", "./program");
    // What runs cannot be written.
    pid_t child = MUST(fork());
    if (!child) {
      SHOW(open("program", O_WRONLY) < 0);
      _exit(0);
    }
    reap("child", child);
  }

  static char long_name[5000];
  memset(long_name, 'a', sizeof long_name - 1);
  char* unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct open_how hows[] = {{.flags = 1ull << 40}, {.resolve = 1 << 20}, {.mode = 0600}, {.flags = O_CREAT, .mode = 010000}, {0}};
  for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
    SHOW(syscall(SYS_openat2, AT_FDCWD, long_name, &hows[i], sizeof *hows));
    SHOW(syscall(SYS_openat2, AT_FDCWD, unmapped, &hows[i], sizeof *hows));
    SHOW(syscall(SYS_openat2, AT_FDCWD, "", &hows[i], sizeof *hows));
  }
  return guest_failed();
}
