// Shows: identities: user, group, supplementary groups, capabilities of the first look, uname, cwd, umask.
#include <grp.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "guest.h"

int main(void) {
  uid_t r, e, s;
  SHOW(getresuid(&r, &e, &s));
  printf("uid %d %d %d euid %d\n", r, e, s, geteuid());
  SHOW(getresgid(&r, &e, &s));
  printf("gid %d %d %d egid %d\n", r, e, s, getegid());
  SHOW(getresuid((uid_t*)8, &e, &s));
  gid_t groups[64];
  int count = SHOW(getgroups(64, groups));
  for (int i = 0; i < count; i++) printf("group %d\n", groups[i]);
  SHOW(getgroups(0, NULL));
  struct utsname name;
  SHOW(uname(&name));
  printf("%s %s %s\n", name.sysname, name.nodename, name.machine);
  SHOW(uname((struct utsname*)8));
  CHECK(getpid() == (pid_t)syscall(SYS_gettid));
  CHECK(getppid() > 0);
  SHOW(umask(027));
  SHOW(umask(022));
  SHOW(getpriority(0, 0));
  SHOW(nice(1));
  char small[2], path[PATH_MAX];
  scratch();
  CHECK(getcwd(path, sizeof path) && strstr(path, "guest-"));
  SHOW(getcwd(small, 2) ? 0 : -1);
  SHOW(rmdir(path));
  SHOW(getcwd(path, sizeof path) ? 0 : -1);
  SHOW(chdir("/does/not/exist"));
  SHOW(chdir("/"));
  int fd = MUST(open("/tmp", O_RDONLY | O_DIRECTORY));
  SHOW(fchdir(fd));
  puts(getcwd(path, sizeof path));
  SHOW(fchdir(1));
  SHOW(setuid(getuid()));
  SHOW(setresgid((gid_t)-1, (gid_t)-1, (gid_t)-1));
  return guest_failed();
}
