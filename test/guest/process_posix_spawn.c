// Shows: posix_spawn with file actions and attributes; system(); popen().
// run: both
#include <spawn.h>

#include "guest.h"

extern char** environ;

int main(int argc, char** argv) {
  if (argc > 1) {
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    struct sigaction action;
    sigaction(SIGUSR2, NULL, &action);
    printf("child %s: group leader %d, USR1 blocked %d, USR2 default %d, fd 7 %s, env %s\n", argv[1], getpgrp() == getpid(),
           sigismember(&mask, SIGUSR1), action.sa_handler == SIG_DFL, fcntl(7, F_GETFD) < 0 ? "closed" : "open",
           getenv("SPAWN") ? getenv("SPAWN") : "none");
    return 21;
  }
  scratch();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 7, "out", O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&actions, 7, 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  posix_spawnattr_setsigmask(&attributes, &mask);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGUSR2);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  signal(SIGUSR2, SIG_IGN);
  char* arguments[] = {"me", "first", NULL};
  char* environment[] = {"SPAWN=yes", NULL};
  pid_t pid;
  printf("spawn: %s\n", errno_name(posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment)));
  reap("spawned", pid);
  char text[300] = "";
  int out = MUST(open("out", O_RDONLY));
  MUST(read(out, text, sizeof text - 1));
  fputs(text, stdout);
  printf("spawn: %s\n", errno_name(posix_spawn(&pid, "/does/not/exist", NULL, NULL, arguments, environ)));
  arguments[1] = "second";
  for (int i = 0; i < 20; i++) {
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    if (i < 19) posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    MUST(-posix_spawn(&pid, "/proc/self/exe", &quiet, NULL, arguments, environ));
    int status;
    MUST(waitpid(pid, &status, 0));
    if (WEXITSTATUS(status) != 21) show_status("round", status);
  }
  show_status("system", system("exit 5"));
  show_status("system", system("kill -9 $$"));
  FILE* in = popen("echo piped; exit 3", "r");
  if (fgets(text, sizeof text, in)) fputs(text, stdout);
  show_status("pclose", pclose(in));
  return 0;
}
