// Shows: a pipeline of five forked and exec'd stages moves 1 MiB intact; pipe capacity; SIGPIPE ends the writer.
// run: both
#include "guest.h"

#define BYTES (1 << 20)
static int stage(const char* what) {
  unsigned char block[4096];
  long n;
  if (!strcmp(what, "source")) {
    for (int i = 0; i < BYTES; i += 4096) {
      for (int j = 0; j < 4096; j++) block[j] = (unsigned char)((i >> 12) + j);
      for (long done = 0; done < 4096; done += n)
        if ((n = write(1, block + done, 4096 - (size_t)done)) < 0) return 3;
    }
    return 0;
  }
  while ((n = read(0, block, sizeof block)) > 0) {
    for (long j = 0; j < n; j++) block[j] ^= 0x55;
    for (long done = 0, m; done < n; done += m)
      if ((m = write(1, block + done, (size_t)(n - done))) < 0) return 4;
  }
  return n < 0 ? 5 : 0;
}

int main(int argc, char** argv) {
  if (argc > 1) return stage(argv[1]);
  int in = -1;
  pid_t pids[5];
  for (int i = 0; i < 5; i++) {
    int next[2];
    MUST(pipe2(next, O_CLOEXEC));
    pids[i] = MUST(fork());
    if (!pids[i]) {
      if (in >= 0) MUST(dup2(in, 0));
      MUST(dup2(next[1], 1));
      execl("/proc/self/exe", "stage", i ? "xor" : "source", NULL);
      _exit(99);
    }
    if (in >= 0) close(in);
    close(next[1]);
    in = next[0];
  }
  unsigned char block[5000];
  long n, total = 0, bad = 0;
  while ((n = read(in, block, sizeof block)) > 0)
    for (long j = 0; j < n; j++, total++) bad += block[j] != (unsigned char)((total >> 12) + (total & 4095));
  printf("total %ld bad %ld\n", total, bad);
  for (int i = 0; i < 5; i++) reap("stage", pids[i]);
  int pipes[2];
  MUST(pipe(pipes));
  SHOW(fcntl(pipes[1], F_GETPIPE_SZ));
  pid_t pid = MUST(fork());
  if (!pid) {
    close(pipes[0]);
    for (;;) MUST(write(pipes[1], block, sizeof block));
  }
  MUST(read(pipes[0], block, sizeof block));
  close(pipes[0]);
  reap("writer without reader", pid);
  signal(SIGPIPE, SIG_IGN);
  SHOW(write(pipes[1], "x", 1));
  return 0;
}
