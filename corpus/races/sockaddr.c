// Connects to an allowed address that another thread changes into a forbidden one while it is looked at.
// @technique T1071
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":{"profile":"compat","network":[{"address":"127.0.0.1","ports":1}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 1
// @flags -pthread
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

#include "../attack.h"

static struct sockaddr_in shared;
static volatile int stop;
static int forbidden;

static void* flip(void* unused) {
  while (!stop) {
    shared.sin_port = htons(1);
    linger(60);
    shared.sin_port = htons(forbidden);
    linger(40);
  }
  return unused;
}

int main(void) {
  forbidden = told_number("ATTACK_PORT");
  shared = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  pthread_t thread;
  CONTROL("thread", -pthread_create(&thread, NULL, flip, NULL));
  int reached = 0, allowed = 0;
  while (!reached && for_seconds(getenv("ATTACK_CONTROL") ? 10 : 1.5)) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int r = connect(s, (struct sockaddr*)&shared, sizeof shared);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    if (r == 0 && getpeername(s, (void*)&peer, &length) == 0) reached = peer.sin_port == htons(forbidden);
    allowed += r < 0 && errno == ECONNREFUSED;
    close(s);
  }
  stop = 1;
  pthread_join(thread, NULL);
  CONTROL("the allowed one was tried too", allowed > 0 || reached ? 0 : -1);
  MUST_NOT("connect", reached, "EACCES");
  return 0;
}
