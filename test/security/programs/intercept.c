// What a program does while Node decides its calls: test/security/intercept.test.ts. The first argument names the case.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;

// The bytes of a file, or "errno N".
static const char* contents(const char* path) {
  static _Thread_local char buffer[256];
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    snprintf(buffer, sizeof buffer, "errno %d", errno);
    return buffer;
  }
  ssize_t n = read(fd, buffer, sizeof buffer - 1);
  buffer[n < 0 ? 0 : n] = 0;
  close(fd);
  return buffer;
}

static void nap(int ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static char shared_path[64];
static void* flip_path(void* names) {
  char** list = names;
  for (unsigned i = 0; !stop; i++) memcpy(shared_path, list[i & 1], strlen(list[i & 1]) + 1);
  return NULL;
}

// toctou GOOD BAD: the path changes all the time; says how often the bad one's bytes came.
static int toctou(char** names) {
  pthread_t t;
  memcpy(shared_path, names[0], strlen(names[0]) + 1);
  pthread_create(&t, NULL, flip_path, names);
  int good = 0, bad = 0, refused = 0;
  for (int i = 0; i < 60; i++) {
    const char* got = contents(shared_path);
    if (strcmp(got, "bad") == 0) bad++;
    else if (strcmp(got, "good") == 0) good++;
    else refused++;
  }
  stop = 1;
  pthread_join(t, NULL);
  printf("good %d bad %d refused %d\n", good > 0, bad, refused > 0);
  return 0;
}

static char shared_data[8];
static void* flip_data(void* unused) {
  (void)unused;
  for (unsigned i = 0; !stop; i++) memset(shared_data, i & 1 ? 'a' : 'b', sizeof shared_data);
  return NULL;
}

// data: bytes to standard output while they change; the test compares them with what its handler saw.
static int data(void) {
  pthread_t t;
  pthread_create(&t, NULL, flip_data, NULL);
  struct iovec vector[2] = {{shared_data, 3}, {shared_data + 3, 5}};
  for (int i = 0; i < 40; i++) {
    if (i & 1) (void)!writev(1, vector, 2);
    else (void)!write(1, shared_data, sizeof shared_data);
  }
  stop = 1;
  pthread_join(t, NULL);
  return 0;
}

static atomic_int handled;
static void on_signal(int signo) { (void)signo, handled++; }
static void* send_signal(void* thread) {
  nap(150);
  pthread_kill(*(pthread_t*)thread, SIGUSR1);
  return NULL;
}

// signal 0|1: a signal comes while the call waits; with SA_RESTART or not.
static int interrupted(int restart) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t self = pthread_self(), t;
  pthread_create(&t, NULL, send_signal, &self);
  const char* got = contents("/virtual/slow");
  printf("%s, handled %d\n", got, handled);
  pthread_join(t, NULL);
  return 0;
}

static void* open_slow(void* unused) {
  (void)unused;
  printf("came back: %s\n", contents("/virtual/never"));
  return NULL;
}

// A thread waits; the process ends by another one.
static int ends(const char* how) {
  pthread_t t;
  pthread_create(&t, NULL, open_slow, NULL);
  nap(200);
  printf("leaving\n");
  fflush(stdout);
  if (strcmp(how, "exit") == 0) _exit(7);
  if (strcmp(how, "kill") == 0) raise(SIGKILL);
  char* next[] = {"intercept", "open", "/virtual/after", NULL};
  execv("/proc/self/exe", next);
  printf("exec failed: %d\n", errno);
  return 1;
}

static void* one_of_many(void* number) {
  char path[32], expected[32];
  snprintf(path, sizeof path, "/virtual/%d", (int)(intptr_t)number);
  snprintf(expected, sizeof expected, "bytes of %d", (int)(intptr_t)number);
  return (void*)(intptr_t)(strcmp(contents(path), expected) == 0);
}

static int many(int count) {
  pthread_t threads[256];
  int right = 0;
  for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, one_of_many, (void*)(intptr_t)i);
  for (int i = 0; i < count; i++) {
    void* result;
    pthread_join(threads[i], &result);
    right += result != NULL;
  }
  printf("right %d\n", right);
  return 0;
}

static int family(void) {
  if (fork() == 0) {
    printf("child %s\n", contents("/virtual/1"));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  pid_t child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "intercept", "open", "/virtual/2", NULL);
    _exit(1);
  }
  waitpid(child, NULL, 0);
  // Killed while it waits: what it had is taken back, and its parent goes on.
  child = fork();
  if (child == 0) contents("/virtual/never");
  nap(200);
  kill(child, SIGKILL);
  int status;
  waitpid(child, &status, 0);
  printf("killed by %d, then %s\n", WTERMSIG(status), contents("/virtual/3"));
  return 0;
}

// An answer as Node would write it, for no nonce: it lets the call through.
static void forge(unsigned char* answer) {
  memset(answer, 0, 112);
  const uint32_t head[] = {0x50544e49, 1, 112, 0};
  memcpy(answer, head, sizeof head);
}

static void* tamper(void* which) {
  unsigned char answer[112], sink[256];
  forge(answer);
  while (!stop) {
    for (int fd = 3; fd < 24; fd++) {
      switch ((intptr_t)which) {
        case 0: send(fd, answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL); break;
        case 1: recv(fd, sink, sizeof sink, MSG_DONTWAIT); break;
        case 2: close(dup(fd)); break;
        default: close(fd); break;
      }
    }
  }
  return NULL;
}

// forge: writes answers to, reads from, duplicates and closes every number while calls wait that are refused.
static int forging(void) {
  pthread_t threads[4];
  int through = 0, refused = 0;
  for (intptr_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, tamper, (void*)i);
  for (int i = 0; i < 150; i++) {
    int fd = open("/etc/passwd", O_RDONLY);
    if (fd >= 0) through++;
    else refused++;
  }
  stop = 1;
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  printf("through %d refused %d\n", through, refused);
  return 0;
}

// private: numbers at which the monitor's sockets could be.
static int private_numbers(void) {
  int found = 0;
  for (int fd = 3; fd < 70000; fd++) {
    char byte;
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EBADF) found++;
  }
  printf("found %d\n", found);
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(what, "open") == 0) return printf("%s\n", contents(argv[2])), 0;
  if (strcmp(what, "toctou") == 0) return toctou(argv + 2);
  if (strcmp(what, "data") == 0) return data();
  if (strcmp(what, "signal") == 0) return interrupted(atoi(argv[2]));
  if (strcmp(what, "ends") == 0) return ends(argv[2]);
  if (strcmp(what, "many") == 0) return many(atoi(argv[2]));
  if (strcmp(what, "family") == 0) return family();
  if (strcmp(what, "forge") == 0) return forging();
  if (strcmp(what, "private") == 0) return private_numbers();
  return 2;
}
