// Shows: every errno of execve and execveat, in Linux's order of checks, and that the caller goes on unharmed.
// run: both
#include "guest.h"

#include <sys/utsname.h>
#include <sys/wait.h>

#define EXECVE_CHECK 0x10000

static char big[200000], many[100000];
static char* arguments[] = {"x", NULL};
static char* environment[] = {NULL};

static void put(const char* name, const char* text, mode_t mode) {
  int fd = MUST(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700));
  MUST(write(fd, text, strlen(text)));
  MUST(fchmod(fd, mode));
  close(fd);
}

static void at(const char* what, int directory, const void* path, const void* argv, const void* envp,
               int flags) {
  show(what, syscall(SYS_execveat, directory, path, argv, envp, flags), errno);
}
static void run(const char* what, const void* path) { at(what, AT_FDCWD, path, arguments, environment, 0); }

static void files(void) {
  run("nothing", "absent");
  run("empty name", "");
  run("below a file", "garbage/x");
  run("a folder", ".");
  run("a folder with a slash", "folder/");
  run("a file with a slash", "garbage/");
  run("no x bit", "plain");
  run("garbage", "garbage");
  run("empty", "empty");
  run("a device", "/dev/null");
  run("a fifo", "fifo");
  run("a dangling link", "dangling");
  run("a loop", "loop");
  run("a script without interpreter", "lost");
  run("a script with a folder", "wrong");
  run("a script with itself", "self");
  run("a script with garbage", "worse");
  run("a script with a missing name", "unnamed");
  memset(big, 'a', sizeof big - 1);
  run("a name too long", big);
}

// Linux since 6.8 looks at the file before the arguments.
static int opens_first(void) {
  struct utsname name;
  int major = 0, minor = 0;
  MUST(uname(&name));
  sscanf(name.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 8);
}

static void arrays(void) {
  char* huge[] = {"x", big, NULL};
  static char* list[101];
  memset(many, 'b', sizeof many - 1);
  for (int i = 0; i < 100; i++) list[i] = many;
  char* crossing = MUST(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(crossing + 4096, 4096));
  uint64_t* last = (uint64_t*)(crossing + 4096) - 1;
  *last = (uint64_t) "x";
  uint64_t foreign[] = {(uint64_t) "x", 0x7fff12345678, 0};
  uint64_t kernel[] = {(uint64_t) "x", 0xffffffff81000000, 0};
  at("path unmapped", AT_FDCWD, (void*)8, arguments, environment, 0);
  at("path of the kernel", AT_FDCWD, (void*)0xffffffff81000000, arguments, environment, 0);
  at("argv unmapped", AT_FDCWD, "/bin/true", (void*)8, environment, 0);
  at("envp unmapped", AT_FDCWD, "/bin/true", arguments, (void*)8, 0);
  at("argv runs into nothing", AT_FDCWD, "/bin/true", last, environment, 0);
  at("argv points above", AT_FDCWD, "/bin/true", foreign, environment, 0);
  at("argv points to the kernel", AT_FDCWD, "/bin/true", kernel, environment, 0);
  at("argv misaligned and unmapped", AT_FDCWD, "/bin/true", (char*)last + 3, environment, 0);
  if (opens_first()) at("unmapped argv of nothing", AT_FDCWD, "absent", (void*)8, environment, 0);
  at("unmapped argv of garbage", AT_FDCWD, "garbage", (void*)8, environment, 0);
  at("a string too long", AT_FDCWD, "/bin/true", huge, environment, 0);
  at("too much in all", AT_FDCWD, "/bin/true", list, environment, 0);
}

static void descriptors(void) {
  int folder = MUST(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int script = MUST(open("script", O_RDONLY | O_CLOEXEC));
  int path = MUST(open("garbage", O_PATH | O_CLOEXEC));
  int pipes[2];
  MUST(pipe2(pipes, O_CLOEXEC));
  at("unknown flag", AT_FDCWD, "/bin/true", arguments, environment, 4);
  at("closed directory", 999, "x", arguments, environment, 0);
  at("closed file", 999, "", arguments, environment, AT_EMPTY_PATH);
  at("a number beyond all", 0x7ffffff0, "", arguments, environment, AT_EMPTY_PATH);
  at("empty path without the flag", script, "", arguments, environment, 0);
  at("the current folder", AT_FDCWD, "", arguments, environment, AT_EMPTY_PATH);
  at("a folder by number", folder, "", arguments, environment, AT_EMPTY_PATH);
  at("a pipe", pipes[0], "", arguments, environment, AT_EMPTY_PATH);
  at("garbage by O_PATH", path, "", arguments, environment, AT_EMPTY_PATH);
  at("below a file's number", script, "x", arguments, environment, 0);
  at("nothing in a folder", folder, "x", arguments, environment, 0);
  at("a script that will be closed", script, "", arguments, environment, AT_EMPTY_PATH);
  at("a link not to follow", AT_FDCWD, "link", arguments, environment, AT_SYMLINK_NOFOLLOW);
  at("check of a program", AT_FDCWD, "/bin/true", arguments, environment, EXECVE_CHECK);
  at("check of garbage", AT_FDCWD, "garbage", arguments, environment, EXECVE_CHECK);
  at("check of nothing", AT_FDCWD, "absent", arguments, environment, EXECVE_CHECK);
}

int main(void) {
  scratch();
  MUST(mkdir("folder", 0700));
  MUST(mkfifo("fifo", 0700));
  MUST(symlink("absent", "dangling"));
  MUST(symlink("loop", "loop"));
  MUST(symlink("/bin/true", "link"));
  put("plain", "text", 0600);
  put("garbage", "text", 0700);
  put("empty", "", 0700);
  put("lost", "#!/nonexistent\n", 0700);
  put("wrong", "#!/usr\n", 0700);
  put("self", "#!./self\n", 0700);
  put("worse", "#!./garbage\n", 0700);
  put("unnamed", "#! \n", 0700);
  put("script", "#!/bin/sh\n", 0700);
  files();
  arrays();
  descriptors();
  return 0;
}
