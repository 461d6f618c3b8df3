// Shows: splice, tee, vmsplice, sendfile and copy_file_range between every two kinds of descriptors, with their flags, offsets, ends, limits and errors in order.
// run: both ; timeout 60s
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "guest.h"

enum { kFile, kOther, kReader, kWriter, kAppend, kPath, kDirectory, kPipeIn, kPipeOut, kSocket, kNull, kZero, kProc, kEvent, kMemory, kClosed, kKinds };
static const char* names[] = {"file", "other", "reader", "writer", "append", "path", "directory", "pipe-in", "pipe-out", "socket", "null", "zero", "proc", "event", "memfd", "closed"};
static int fds[kKinds], peer, rest[2];

static void put(int fd, const char* text) {
  MUST(pwrite(fd, text, strlen(text), 0));
  MUST(ftruncate(fd, (off_t)strlen(text)));
}

// Everything as at the start. The files are the same ones all the time: making hundreds is slow on a busy disk.
static void prepare(void) {
  static int began;
  if (!began) {
    for (int i = 3; i < 256; i++) close(i);
    fds[kFile] = MUST(open("file", O_RDWR | O_CREAT, 0600));
    fds[kOther] = MUST(open("other", O_RDWR | O_CREAT, 0600));
    fds[kReader] = MUST(open("file", O_RDONLY));
    fds[kWriter] = MUST(open("other", O_WRONLY));
    fds[kAppend] = MUST(open("other", O_WRONLY | O_APPEND));
    fds[kPath] = MUST(open("file", O_PATH));
    fds[kNull] = MUST(open("/dev/null", O_RDWR));
    fds[kZero] = MUST(open("/dev/zero", O_RDWR));
    fds[kDirectory] = MUST(open(".", O_RDONLY | O_DIRECTORY));
    fds[kProc] = MUST(open("/proc/version", O_RDONLY));
    fds[kMemory] = MUST(memfd_create("m", 0));
    fds[kClosed] = 99;
  } else {
    const int own[] = {fds[kPipeIn], fds[kPipeOut], fds[kSocket], fds[kEvent], peer, rest[0], rest[1]};
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++) close(own[i]);
  }
  began = 1;
  static const int kSeeks[] = {kFile, kOther, kReader, kWriter, kAppend, kDirectory, kProc, kMemory};
  for (unsigned i = 0; i < sizeof kSeeks / sizeof *kSeeks; i++) MUST(lseek(fds[kSeeks[i]], 0, SEEK_SET));
  int pair[2], pipes[2];
  MUST(pipe2(pipes, O_NONBLOCK));
  fds[kPipeIn] = pipes[0];
  rest[1] = pipes[1];
  MUST(write(pipes[1], "from the pipe", 13));
  MUST(pipe2(pipes, O_NONBLOCK));
  fds[kPipeOut] = pipes[1];
  rest[0] = pipes[0];
  MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
  fds[kSocket] = pair[0];
  peer = pair[1];
  MUST(write(peer, "from the socket", 15));
  fds[kEvent] = MUST(eventfd(1, EFD_NONBLOCK));
  put(fds[kFile], "0123456789abcdefghij");
  put(fds[kOther], "the other file's text");
  put(fds[kMemory], "in memory");
}

static void show_moved(long r, int e) {
  if (r < 0) printf(" %s", errno_name(e));
  else printf(" %ld", r);
}

static void pairs(void) {
  static const char* calls[] = {"splice", "sendfile", "copy_file_range", "tee"};
  for (int call = 0; call < 4; call++)
    for (int in = 0; in < kKinds; in++) {
      printf("%s %s:", calls[call], names[in]);
      for (int out = 0; out < kKinds; out++) {
        prepare();
        errno = 0;
        long r = -1;
        if (call == 0) r = splice(fds[in], NULL, fds[out], NULL, 8, SPLICE_F_NONBLOCK);
        if (call == 1) r = sendfile(fds[out], fds[in], NULL, 8);
        if (call == 2) r = copy_file_range(fds[in], NULL, fds[out], NULL, 8, 0);
        if (call == 3) r = tee(fds[in], fds[out], 8, SPLICE_F_NONBLOCK);
        show_moved(r, errno);
      }
      printf("\n");
    }
}

static void offsets(void) {
  static const long kOffsets[] = {0, 5, 19, 20, 21, 100, -1, LONG_MIN, LONG_MAX, LONG_MAX - 4, 1l << 40};
  static const size_t kCounts[] = {0, 1, 8, 100, (size_t)-1, 1ul << 31, 0x7ffff000};
  for (unsigned o = 0; o < sizeof kOffsets / sizeof *kOffsets; o++)
    for (unsigned c = 0; c < sizeof kCounts / sizeof *kCounts; c++) {
      prepare();
      loff_t from = kOffsets[o], to = 3;
      printf("offset %ld count %lx:", kOffsets[o], kCounts[c]);
      long r = splice(fds[kFile], &from, fds[kPipeOut], NULL, kCounts[c], SPLICE_F_NONBLOCK);
      show_moved(r, errno);
      printf(" %ld;", from);
      from = kOffsets[o];
      r = sendfile(fds[kOther], fds[kFile], &from, kCounts[c]);
      show_moved(r, errno);
      printf(" %ld;", from);
      from = kOffsets[o];
      r = copy_file_range(fds[kFile], &from, fds[kOther], &to, kCounts[c], 0);
      show_moved(r, errno);
      printf(" %ld %ld;", from, to);
      to = kOffsets[o];
      if (to > 1000) to = -5;
      r = splice(fds[kPipeIn], NULL, fds[kOther], &to, kCounts[c], SPLICE_F_NONBLOCK);
      show_moved(r, errno);
      printf(" %ld;", to);
      printf(" at %ld %ld\n", lseek(fds[kFile], 0, SEEK_CUR), lseek(fds[kOther], 0, SEEK_CUR));
    }
}

static void orders(void) {
  prepare();
  loff_t zero = 0, bad = -1;
  int in = fds[kPipeIn], out = fds[kPipeOut], file = fds[kFile];
  for (int bit = 0; bit < 32; bit++) {
    printf("flag %d:", bit);
    long r = splice(fds[kClosed], NULL, out, NULL, 1, 1u << bit);
    show_moved(r, errno);
    r = tee(fds[kClosed], out, 1, 1u << bit);
    show_moved(r, errno);
    r = vmsplice(fds[kClosed], NULL, 0, 1u << bit);
    show_moved(r, errno);
    r = copy_file_range(fds[kClosed], NULL, out, NULL, 1, 1u << bit);
    show_moved(r, errno);
    printf("\n");
  }
  SHOW(splice(fds[kClosed], NULL, out, NULL, 0, 0x100));
  SHOW(splice(in, &zero, out, NULL, 1, 0));
  SHOW(splice(in, (loff_t*)8, out, NULL, 1, 0));
  SHOW(splice(file, (loff_t*)8, out, NULL, 1, 0));
  SHOW(splice(file, (loff_t*)-4096l, out, NULL, 1, 0));
  SHOW(splice(file, &bad, out, NULL, 1, 0));
  SHOW(splice(in, NULL, out, &zero, 1, 0));
  SHOW(splice(in, NULL, fds[kOther], (loff_t*)8, 1, 0));
  SHOW(splice(fds[kSocket], &zero, out, NULL, 1, 0));
  SHOW(splice(in, NULL, fds[kSocket], &zero, 1, 0));
  SHOW(splice(in, NULL, rest[1], NULL, 1, 0));
  SHOW(splice(20010, NULL, out, NULL, 1, 0));
  SHOW(splice(in, NULL, 20010, NULL, 1, 0));
  SHOW(tee(in, rest[1], 1, 0));
  SHOW(tee(20010, out, 1, 0));
  SHOW(tee(in, out, 0, 0));
  SHOW(tee(rest[0], out, 1, SPLICE_F_NONBLOCK));
  SHOW(sendfile(fds[kOther], file, (off_t*)8, 1));
  SHOW(sendfile(fds[kOther], file, (off_t*)-4096l, 1));
  SHOW(sendfile(fds[kOther], in, &zero, 1));
  SHOW(sendfile(20010, file, NULL, 1));
  SHOW(sendfile(fds[kOther], 20010, NULL, 1));
  SHOW(sendfile(file, file, NULL, 4));
  SHOW(sendfile(fds[kAppend], file, NULL, 4));
  loff_t a = 0, b = 4;
  SHOW(copy_file_range(file, &a, file, &b, 8, 0));
  a = 0, b = 10;
  SHOW(copy_file_range(file, &a, file, &b, 8, 0));
  a = 8, b = 8;
  SHOW(copy_file_range(file, &a, file, &b, 0, 0));
  SHOW(copy_file_range(file, (loff_t*)8, fds[kOther], NULL, 4, 0));
  SHOW(copy_file_range(file, NULL, fds[kOther], (loff_t*)-4096l, 4, 0));
  SHOW(copy_file_range(20010, NULL, fds[kOther], NULL, 4, 0));
  SHOW(copy_file_range(file, NULL, 20010, NULL, 4, 0));
  SHOW(copy_file_range(file, NULL, fds[kOther], NULL, 4, 1));
}

static void memory(void) {
  prepare();
  int out = fds[kPipeOut], in = rest[0], size = MUST(fcntl(fds[kPipeOut], F_SETPIPE_SZ, 16384));
  char* pages = MUST(mmap(NULL, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < 1 << 17; i++) pages[i] = (char)(i / 64);
  printf("pipe of %d\n", size);
  struct iovec one = {pages, 1 << 17};
  static const unsigned kFlags[] = {0, SPLICE_F_NONBLOCK, SPLICE_F_GIFT | SPLICE_F_NONBLOCK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK};
  for (unsigned i = 1; i < 4; i++) {
    SHOW(vmsplice(out, &one, 1, kFlags[i]));
    SHOW(vmsplice(out, &one, 1, kFlags[i]));
    int queued = 0;
    MUST(ioctl(in, FIONREAD, &queued));
    printf("queued %d\n", queued);
    static char got[1 << 17];
    SHOW(read(in, got, sizeof got));
    CHECK(memcmp(got, pages, (size_t)queued) == 0);
  }
  // The pipe has the pages: what is written to them afterwards is seen; a fork's copy is not.
  struct iovec small = {pages, 100};
  SHOW(vmsplice(out, &small, 1, 0));
  pages[5] = 'X';
  char text[200];
  SHOW(read(in, text, 100));
  printf("%d\n", text[5]);
  // From a pipe to memory.
  MUST(write(out, "to memory", 9));
  char first[4] = "", second[20] = "";
  struct iovec two[2] = {{first, 3}, {second, 19}};
  SHOW(vmsplice(in, two, 2, SPLICE_F_NONBLOCK));
  printf("%s|%s\n", first, second);
  SHOW(vmsplice(in, two, 2, SPLICE_F_NONBLOCK));
  struct iovec odd[] = {{(void*)8, 10}, {(void*)-4096l, 10}, {pages, (size_t)-1}, {pages, 0}, {NULL, 0}, {(void*)8, 0}};
  for (unsigned i = 0; i < 6; i++) SHOW(vmsplice(out, odd + i, 1, SPLICE_F_NONBLOCK));
  struct iovec mixed[] = {{pages, 10}, {(void*)8, 10}, {pages, 10}};
  SHOW(vmsplice(out, mixed, 3, SPLICE_F_NONBLOCK));
  SHOW(read(in, text, 100));
  // As far as it goes: vectors whose ranges are bad, long, beyond user space, of nothing.
  static const struct {
    long base, size;
  } kBad[] = {{8, 10}, {-4096, 10}, {-4096, 0}, {0, 0}, {8, 0}, {0x7ffffffff000, 0}, {0x7ffffffff000, 1}, {0x7fffffff0000, 1 << 30},
              {0x67ffffffff00, 4096}, {0x680000000000, 10}, {0x700000000000, 1l << 40}, {8, LONG_MAX}, {8, -1}};
  for (unsigned i = 0; i < sizeof kBad / sizeof *kBad; i++) {
    struct iovec v[] = {{pages, 10}, {(void*)kBad[i].base, (size_t)kBad[i].size}, {pages + 10, 10}};
    printf("bad %u:", i);
    for (int from = 0; from < 2; from++) {
      show_moved(vmsplice(out, v + from, 3 - (unsigned long)from, SPLICE_F_NONBLOCK), errno);
      show_moved(read(in, text, 100), errno);
      show_moved(writev(out, v + from, 3 - from), errno);
      show_moved(read(in, text, 100), errno);
      show_moved(pwritev(fds[kOther], v + from, 3 - from, 0), errno);
      show_moved(preadv(fds[kFile], v + from, 3 - from, 0), errno);
      if (kBad[i].size < 1 << 20) show_moved(writev(fds[kNull], v + from, 1), errno);  // longer ones are cut
      show_moved(writev(out, v + 1, 1), errno);
      show_moved(preadv(fds[kFile], v + 1, 1, 0), errno);
      struct msghdr m = {.msg_iov = v + from, .msg_iovlen = 3 - (size_t)from};
      show_moved(sendmsg(fds[kSocket], &m, 0), errno);
      MUST(send(fds[kSocket], "a longer text to be received", 28, 0));
      m.msg_iov = (struct iovec[]){{pages, 10}, {(void*)kBad[i].base, (size_t)kBad[i].size}, {pages, 10}};
      show_moved(recvmsg(peer, &m, MSG_DONTWAIT), errno);
      while (recv(peer, text, sizeof text, MSG_DONTWAIT) > 0) {
      }
    }
    printf("\n");
  }
  SHOW(vmsplice(out, (void*)8, 1, 0));
  SHOW(vmsplice(out, (void*)-4096l, 1, 0));
  SHOW(vmsplice(out, (void*)8, 0, 0));
  SHOW(vmsplice(out, mixed, 1025, 0));
  SHOW(vmsplice(out, mixed, (unsigned long)-1, 0));
  SHOW(vmsplice(fds[kFile], &small, 1, 0));
  SHOW(vmsplice(fds[kSocket], &small, 1, 0));
  SHOW(vmsplice(20010, &small, 1, 0));
  // A file's page in the pipe shows what is written to the file later.
  loff_t from = 0;
  SHOW(splice(fds[kFile], &from, out, NULL, 10, 0));
  MUST(pwrite(fds[kFile], "overwritten", 11, 0));
  memset(text, 0, sizeof text);
  SHOW(read(in, text, 100));
  puts(text);
  close(in);
  signal(SIGPIPE, SIG_IGN);
  SHOW(splice(fds[kFile], &from, out, NULL, 5, 0));
  SHOW(tee(fds[kPipeIn], out, 5, 0));
  SHOW(vmsplice(out, &small, 1, 0));
  SHOW(sendfile(out, fds[kFile], &from, 5));
}

static void limits(void) {
  pid_t pid = MUST(fork());
  if (pid == 0) {
    prepare();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {10, 10};
    MUST(setrlimit(RLIMIT_FSIZE, &limit));
    MUST(ftruncate(fds[kMemory], 0));
    loff_t a = 0, b = 8;
    SHOW(copy_file_range(fds[kFile], &a, fds[kMemory], &b, 10, 0));
    SHOW(copy_file_range(fds[kFile], &a, fds[kMemory], &b, 10, 0));
    b = 12;
    SHOW(splice(fds[kPipeIn], NULL, fds[kMemory], &b, 10, 0));
    MUST(lseek(fds[kMemory], 8, SEEK_SET));
    SHOW(sendfile(fds[kMemory], fds[kFile], NULL, 10));
    SHOW(sendfile(fds[kMemory], fds[kFile], NULL, 10));
    _exit(0);
  }
  reap("limited", pid);
  // A big move between files by a pipe, in pieces, is complete.
  prepare();
  MUST(ftruncate(fds[kFile], 0));
  for (int i = 0; i < 300; i++) {
    char block[1000];
    memset(block, i, sizeof block);
    MUST(pwrite(fds[kFile], block, sizeof block, i * 1000l));
  }
  MUST(ftruncate(fds[kOther], 0));
  long total = 0;
  for (;;) {
    const long n = splice(fds[kFile], NULL, fds[kPipeOut], NULL, 1 << 20, SPLICE_F_MOVE | SPLICE_F_MORE);
    if (n <= 0) break;
    total += n;
    for (long left = n; left > 0;) left -= MUST(splice(rest[0], NULL, fds[kOther], NULL, (size_t)left, SPLICE_F_MOVE));
  }
  printf("moved %ld\n", total);
  static char first[300000], second[300000];
  SHOW(pread(fds[kFile], first, sizeof first, 0));
  SHOW(pread(fds[kOther], second, sizeof second, 0));
  CHECK(memcmp(first, second, sizeof first) == 0);
}

int main(void) {
  scratch();
  pairs();
  offsets();
  orders();
  memory();
  limits();
  return guest_failed();
}
