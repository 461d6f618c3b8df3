// Writes from a vector that another thread points at the monitor's memory while the call is on its way.
// @technique T1611
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @attempts 1
// @reads maps
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static struct iovec vector[2];
static char* theirs;
static char own[16] = "ownownownownown";
static volatile int stop;

static void* flip(void* unused) {
  while (!stop) {
    vector[1].iov_base = theirs;
    linger(50);
    vector[1].iov_base = own;
    linger(50);
  }
  return unused;
}

int main(void) {
  static Mapping maps[512];
  int count = read_mappings(maps, 512), pipes[2], reached = 0, good = 0;
  for (int i = 0; i < count; i++)
    if (maps[i].start >= ARENA_END && (!theirs || !strcmp(maps[i].name, "[stack]"))) theirs = (char*)maps[i].end - 4096;
  CONTROL("an address", theirs ? 0 : -1);
  CONTROL("pipe", pipe(pipes));
  vector[0] = vector[1] = (struct iovec){own, 8};
  pthread_t thread;
  CONTROL("thread", -pthread_create(&thread, NULL, flip, NULL));
  while (!reached && for_seconds(getenv("ATTACK_CONTROL") ? 10 : 1.5)) {
    char got[16];
    if (writev(pipes[1], vector, 2) != 16) {
      // Short or refused: what was written is only the first part.
      int n = 0;
      fcntl(pipes[0], F_SETFL, O_NONBLOCK);
      while ((n = read(pipes[0], got, sizeof got)) > 0) reached |= n > 8;
      fcntl(pipes[0], F_SETFL, 0);
      continue;
    }
    if (read(pipes[0], got, 16) != 16) return 2;
    reached |= memcmp(got + 8, own, 8) != 0;
    good++;
  }
  stop = 1;
  pthread_join(thread, NULL);
  CONTROL("own bytes came through", good > 0 || reached ? 0 : -1);
  MUST_NOT("writev", reached, "EFAULT");
  return 0;
}
