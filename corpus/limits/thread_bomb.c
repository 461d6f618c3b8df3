// Starts threads as fast as it can.
// @technique T1499.001
// @weakness CWE-770
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"nproc":24},"user":{"uid":1000,"gid":1000,"hostUid":61236,"hostGid":61236}}
// @control {"policy":"compat","rlimits":{"nproc":400},"user":{"uid":1000,"gid":1000,"hostUid":61237,"hostGid":61237}}
// @attempts 1
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static void* wait_forever(void* unused) {
  pause();
  return unused;
}

int main(void) {
  int made = 0;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (; made < 60; made++) {
    pthread_t thread;
    int error = pthread_create(&thread, &small, wait_forever, NULL);
    if (error == 0) continue;
    errno = error;
    break;
  }
  MUST_NOT("60 threads", made == 60, error_name());
  return 0;
}
