// Shows: execve passes arguments and environment exactly, resets what it must, and fails with the right errno.
// run: both
#include <sys/prctl.h>

#include "guest.h"

extern char** environ;
static int report(int argc, char** argv) {
  size_t length = 0;
  for (int i = 0; i < argc; i++) length += strlen(argv[i]);
  printf("argc %d total %zu argv0 '%s' last '%.20s'\n", argc, length, argc ? argv[0] : "-", argc ? argv[argc - 1] : "-");
  int count = 0;
  for (char** e = environ; *e; e++) count++;
  printf("env %d first '%s'\n", count, count ? environ[0] : "-");
  char name[16], line[4096];
  prctl(PR_GET_NAME, name);
  int fd = open("/proc/self/cmdline", O_RDONLY);
  long n = read(fd, line, sizeof line);
  printf("comm %s cmdline %ld bytes\n", name, n > 4000 ? 4000 : n);
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  printf("handler reset %d", action.sa_handler == SIG_DFL);
  sigaction(SIGUSR2, NULL, &action);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  printf(" ignored kept %d blocked kept %d\n", action.sa_handler == SIG_IGN, sigismember(&mask, SIGHUP));
  return 33;
}
static void run(const char* what, const char* path, char** arguments, char** environment) {
  pid_t pid = MUST(fork());
  if (!pid) {
    execve(path, arguments, environment);
    printf("%s: %s\n", what, errno_name(errno));
    _exit(1);
  }
  reap(what, pid);
}
static void put(const char* path, const char* text, int mode) {
  int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  MUST(write(fd, text, strlen(text)));
  MUST(fchmod(fd, (mode_t)mode));
  close(fd);
}
static void handler(int signo UNUSED) {}

int main(int argc, char** argv) {
  if (argc != 1 || getenv("EXECD")) return report(argc, argv);
  scratch();
  char self[PATH_MAX] = "", script[PATH_MAX + 20];
  MUST(readlink("/proc/self/exe", self, sizeof self - 1));
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGHUP);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  char* env[] = {"EXECD=1", "B=two", NULL};
  char* none[] = {NULL};
  run("plain", self, (char*[]){"name", "one", "", "three", NULL}, env);
  run("no environment", self, (char*[]){"name", "one", NULL}, none);
  run("empty argv", self, none, env);
  run("null argv", self, NULL, env);
  char* big = malloc(100001);
  memset(big, 'b', 100000);
  big[100000] = 0;
  run("long argument", self, (char*[]){"name", big, NULL}, env);
  char* many[2002];
  for (int i = 0; i < 2001; i++) many[i] = "argument";
  many[2001] = NULL;
  run("many arguments", self, many, env);
  char* huge = malloc(200001);
  memset(huge, 'h', 200000);
  huge[200000] = 0;
  run("too long argument", self, (char*[]){"name", huge, NULL}, env);
  run("bad argv", self, (char**)8, env);
  run("bad argument", self, (char*[]){"x", (char*)8, NULL}, env);
  run("bad path", (char*)0xffff800000000000, env, env);
  run("not found", "/does/not/exist", env, env);
  run("directory", "/tmp", env, env);
  run("empty path", "", env, env);
  put("plain", "text", 0600);
  put("garbage", "\x01\x02garbage", 0700);
  put("empty", "", 0700);
  run("not executable", "plain", env, env);
  run("under a file", "plain/x", env, env);
  run("garbage", "garbage", env, env);
  run("empty file", "empty", env, env);
  snprintf(script, sizeof script, "#!%s  with args \nbody\n", self);
  put("script", script, 0700);
  run("script", "./script", (char*[]){"zero", "one", NULL}, env);
  put("nested", "#!./script\n", 0700);
  run("nested script", "./nested", (char*[]){"zero", "one", NULL}, env);
  put("missing", "#!/does/not/exist\n", 0700);
  run("missing interpreter", "./missing", env, env);
  put("noname", "#!\n", 0700);
  run("no interpreter", "./noname", env, env);
  put("loop", "#!./loop\n", 0700);
  run("loop", "./loop", env, env);
  return 0;
}
