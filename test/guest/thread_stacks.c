// Shows: threads with small, large and own stacks; running into a guard page kills by SIGSEGV.
#include "guest.h"

__attribute__((noinline)) static long deep(long bytes) {
  volatile char frame[500];
  frame[0] = 1;
  frame[499] = 1;
  return bytes <= 0 ? 1 : deep(bytes - 560) + frame[499];
}
static void* work(void* argument) { return (void*)deep((long)argument); }
static void run(const char* what, size_t stack, void* own, long depth) {
  pthread_attr_t attribute;
  pthread_attr_init(&attribute);
  if (own) MUST(-pthread_attr_setstack(&attribute, own, stack));
  else MUST(-pthread_attr_setstacksize(&attribute, stack));
  pthread_t thread;
  int error = pthread_create(&thread, &attribute, work, (void*)depth);
  void* result = NULL;
  if (!error) pthread_join(thread, &result);
  printf("%s: %s %ld\n", what, error ? errno_name(error) : "ok", (long)result);
}

int main(void) {
  run("small", 64 << 10, NULL, 20 << 10);
  run("large", 64 << 20, NULL, 50 << 20);
  void* own = MUST(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
  run("own", 1 << 20, own, 800 << 10);
  run("own again", 1 << 20, own, 800 << 10);
  pid_t child = MUST(fork());
  if (!child) {
    run("overflow", 128 << 10, NULL, 2 << 20);
    _exit(0);
  }
  reap("overflow", child);
  child = MUST(fork());
  if (!child) {
    run("in a child", 256 << 10, NULL, 100 << 10);
    _exit(4);
  }
  reap("child", child);
  return 0;
}
