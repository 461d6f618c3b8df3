// Runs its own program from a mount that may not hold programs: by path, by descriptor, by the loader, by mapping.
// @technique T1059
// @weakness CWE-269
// @stopped-by namespace
// @options {"policy":"compat","mounts":[{"tmpfs":"/data","noExec":true}]}
// @control {"policy":"compat","mounts":[{"tmpfs":"/data"}]}
// @control-done path,descriptor,mapping
// @attempts 4
#include "../attack.h"

static void run(const char* name, int how) {
  pid_t child = fork();
  if (child == 0) {
    char* argv[] = {"copy", "again", NULL};
    int fd = open("/data/copy", O_RDONLY | O_CLOEXEC);
    if (how == 0) execv("/data/copy", argv);
    if (how == 1) fexecve(fd, argv, environ);
    if (how == 2) close(2), execv("/lib64/ld-linux-x86-64.so.2", (char*[]){"ld", "/data/copy", "again", NULL});
    _exit(1);
  }
  int status;
  waitpid(child, &status, 0);
  MUST_NOT(name, status == 77 << 8, "EACCES");
}

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1) return 77;
  static char bytes[1 << 16];
  int in = open("/proc/self/exe", O_RDONLY), out = open("/data/copy", O_CREAT | O_WRONLY, 0755);
  CONTROL("a copy", out);
  for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;) write(out, bytes, n);
  close(out);
  run("path", 0);
  run("descriptor", 1);
  run("loader", 2);
  ATTEMPT("mapping", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open("/data/copy", O_RDONLY), 0) == MAP_FAILED ? -1 : 0);
  return 0;
}
