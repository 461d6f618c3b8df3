// Changing the host's files, by every way that leads to them. argv[1]: a file of the host that is not shown.
#include "attempt.h"

static char path[4096];
static const char* under(const char* prefix, const char* rest) {
  snprintf(path, sizeof path, "%s%s", prefix, rest);
  return path;
}

int main(int argc, char** argv) {
  const char* hidden = argc > 1 ? argv[1] : "/nothing";
  CONTROL("write /tmp", open("/tmp/own", O_CREAT | O_WRONLY, 0600));
  CONTROL("read /etc/passwd", read_from("/etc/passwd"));
  ATTEMPT("create in /", open("/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /etc", open("/etc/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /usr", open("/usr/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /var", open("/var/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /root", open("/root/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /dev", open("/dev/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /sys", open("/sys/new", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("write /etc/passwd", open("/etc/passwd", O_WRONLY));
  ATTEMPT("truncate /etc/passwd", truncate("/etc/passwd", 0));
  ATTEMPT("unlink /etc/hostname", unlink("/etc/hostname"));
  ATTEMPT("rename /etc/passwd", rename("/etc/passwd", "/etc/passwd.old"));
  ATTEMPT("link /etc/passwd to /tmp", link("/etc/passwd", "/tmp/passwd"));
  ATTEMPT("chmod /etc/passwd", chmod("/etc/passwd", 0777));
  ATTEMPT("chown /etc/passwd", chown("/etc/passwd", getuid(), getgid()));
  ATTEMPT("mkdir /usr/new", mkdir("/usr/new", 0700));
  ATTEMPT("symlink in /usr", symlink("/x", "/usr/new"));
  ATTEMPT("times of /etc/passwd", utimensat(AT_FDCWD, "/etc/passwd", NULL, 0));
  ATTEMPT("attribute of /etc/passwd", syscall(SYS_setxattr, "/etc/passwd", "user.x", "y", 1, 0));
  // The host's own, by the ways that processes and links offer.
  ATTEMPT("hidden file", open(hidden, O_RDONLY));
  ATTEMPT("hidden file by /proc/self/root", open(under("/proc/self/root", hidden), O_RDONLY));
  ATTEMPT("hidden file by /proc/1/root", open(under("/proc/1/root", hidden), O_RDONLY));
  ATTEMPT("hidden file by /proc/1/cwd", open(under("/proc/1/cwd", hidden), O_RDONLY));
  ATTEMPT("hidden file by ..", open(under("/../../../..", hidden), O_RDONLY));
  ATTEMPT("descriptors of 1", open("/proc/1/fd/0", O_RDONLY));
  ATTEMPT("memory of 1", open("/proc/1/mem", O_RDWR));
  ATTEMPT("environment of 1", read_from("/proc/1/environ"));
  ATTEMPT("mappings of 1", read_from("/proc/1/maps"));
  symlink(hidden, "/tmp/link");
  ATTEMPT("hidden file by a link", open("/tmp/link", O_RDONLY));
  // A descriptor of a folder from before a chroot or of another mount would lead out: none is open.
  for (int fd = 3; fd < 64; fd++) {
    struct stat s;
    if (fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) ATTEMPT("a folder is open", fd);
  }
  ATTEMPT("open by handle", ({
            union {
              struct file_handle handle;
              char room[sizeof(struct file_handle) + 8];
            } all = {.handle = {.handle_bytes = 8, .handle_type = 1}};
            memcpy(all.handle.f_handle, "\2\0\0\0\0\0\0\0", 8);
            int mount = open("/etc", O_RDONLY | O_DIRECTORY);
            syscall(SYS_open_by_handle_at, mount, &all, O_RDONLY);
          }));
  return 0;
}
