// Shows: ioctl, fcntl flags, xattrs, inotify, sparse files, chown, umask, dup sharing an offset.
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "guest.h"

int main(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  int copy = MUST(dup(fd));
  MUST(write(fd, "abcdef", 6));
  SHOW(lseek(copy, 0, SEEK_CUR));
  SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  SHOW(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
  SHOW((fcntl(copy, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_RDWR | O_APPEND | O_NONBLOCK));
  SHOW(fcntl(fd, 9999));
  int available = -1;
  int pipes[2];
  MUST(pipe(pipes));
  MUST(write(pipes[1], "12345", 5));
  SHOW(ioctl(pipes[0], FIONREAD, &available));
  printf("available %d\n", available);
  SHOW(ioctl(pipes[0], FIONREAD, 8));
  struct winsize size;
  SHOW(ioctl(fd, TIOCGWINSZ, &size));
  SHOW(ioctl(fd, 0xdeadbeef, 0));
  int on = 1;
  SHOW(ioctl(pipes[0], FIONBIO, &on));
  char text[100];
  MUST(read(pipes[0], text, 5));
  SHOW(read(pipes[0], text, 5));
  SHOW(isatty(fd));
  MUST(fcntl(fd, F_SETFL, 0));
  SHOW(pwrite(fd, "far", 3, 1 << 20));
  SHOW(lseek(fd, 0, SEEK_DATA));
  CHECK(lseek(fd, 8192, SEEK_DATA) >= 8192);
  CHECK(lseek(fd, 0, SEEK_HOLE) > 0);
  SHOW(chown("file", (uid_t)-1, (gid_t)-1));
  SHOW(fchown(99, 0, 0));
  int set = setxattr("file", "user.key", "value", 5, 0);
  if (!set) {
    SHOW(getxattr("file", "user.key", text, sizeof text));
    SHOW(getxattr("file", "user.none", text, sizeof text));
    SHOW(removexattr("file", "user.key"));
  }
  SHOW(getxattr("missing", "user.key", text, sizeof text));
  SHOW(setxattr("file", "user.key", (char*)8, 5, 0));
  int notify = OK(inotify_init1(IN_NONBLOCK));
  SHOW(inotify_add_watch(notify, ".", IN_CREATE | IN_DELETE));
  close(MUST(open("new", O_CREAT | O_WRONLY, 0600)));
  MUST(unlink("new"));
  char events[1024] __attribute__((aligned(8)));
  long n = read(notify, events, sizeof events);
  for (long at = 0; at < n;) {
    struct inotify_event* event = (struct inotify_event*)(events + at);
    printf("event %x %s\n", event->mask, event->len ? event->name : "");
    at += (long)(sizeof *event + event->len);
  }
  SHOW(read(notify, events, sizeof events));
  SHOW(inotify_rm_watch(notify, 1));
  SHOW(inotify_add_watch(notify, "missing", IN_CREATE));
  SHOW(umask(077) == 022 || 1);
  close(MUST(open("masked", O_CREAT | O_WRONLY, 0777)));
  struct stat st;
  MUST(stat("masked", &st));
  printf("mode %o\n", st.st_mode);
  SHOW(mkfifo("fifo", 0600));
  SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
  int reader = OK(open("fifo", O_RDONLY | O_NONBLOCK));
  SHOW(read(reader, text, 1));
  return guest_failed();
}
