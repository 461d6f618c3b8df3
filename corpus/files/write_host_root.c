// Writes below the read-only view of the host's files: create, truncate, rename, permissions, times, links, extended attributes.
// @technique T1565.001
// @weakness CWE-732
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: without the layer the host's own files would change
// @attempts 14
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("create in /usr", open("/usr/barchan-attack", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("create in /etc", open("/etc/barchan-attack", O_CREAT | O_WRONLY, 0600));
  ATTEMPT("open for writing", open("/etc/passwd", O_WRONLY));
  ATTEMPT("open and truncate", open("/etc/passwd", O_RDWR | O_TRUNC));
  ATTEMPT("truncate", truncate("/etc/passwd", 0));
  ATTEMPT("chmod", chmod("/etc/passwd", 0666));
  ATTEMPT("chown", chown("/etc/passwd", 1, 1));
  ATTEMPT("rename", rename("/etc/passwd", "/etc/passwd-"));
  ATTEMPT("unlink", unlink("/etc/passwd"));
  ATTEMPT("rmdir", rmdir("/usr/lib"));
  ATTEMPT("mkdir", mkdir("/usr/barchan-attack", 0700));
  ATTEMPT("symlink", symlink("x", "/usr/barchan-attack"));
  ATTEMPT("link", link("/etc/passwd", "/etc/barchan-attack"));
  ATTEMPT("mknod", mknod("/usr/barchan-attack", S_IFIFO | 0600, 0));
  ATTEMPT("times", utime("/etc/passwd", NULL));
  ATTEMPT("xattr", setxattr("/etc/passwd", "user.x", "1", 1, 0));
  ATTEMPT("temporary file", open("/usr", O_TMPFILE | O_RDWR, 0600));
  ATTEMPT("map for writing", ({
            int fd = open("/etc/passwd", O_RDONLY);
            mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
          }));
  return 0;
}
