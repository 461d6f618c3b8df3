// Shows: System V message queues: flags of msgget, msgsnd and msgrcv, types of each sign, MSG_COPY, limits, msgctl's commands, waiting, signals and removal, permissions.
// run: both ; timeout 60s
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/time.h>

#include "guest.h"

#define COPY 040000
#define EXCEPT 020000
struct message {
  long type;
  char text[64];
};

static void fill(int id, const char* types) {
  for (const char* c = types; *c; c++) {
    struct message m = {*c - '0', ""};
    snprintf(m.text, sizeof m.text, "t%c at %ld", *c, (long)(c - types));
    MUST(msgsnd(id, &m, strlen(m.text), IPC_NOWAIT));
  }
}

static void receive(int id, long type, size_t size, int flags) {
  struct message m = {-1, ""};
  const long n = msgrcv(id, &m, size, type, flags);
  printf("type %ld size %zd flags %o: ", type, size, flags);
  if (n < 0) printf("%s\n", errno_name(errno));
  else printf("%ld %ld %.*s\n", n, m.type, (int)n, m.text);
}

static void empty(int id) {
  struct message m;
  while (msgrcv(id, &m, 64, 0, IPC_NOWAIT | MSG_NOERROR) >= 0) {
  }
}

static void getting(void) {
  const key_t key = 0x42000000 + getpid();
  SHOW(msgget(key, 0));
  SHOW(msgget(key, IPC_EXCL));
  int id = MUST(msgget(key, IPC_CREAT | 0600));
  SHOW(msgget(key, 0) == id);
  SHOW(msgget(key, IPC_CREAT | 0600) == id);
  SHOW(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
  SHOW(msgget(key, 0666) == id);
  SHOW(msgget(key, 0400) == id);
  struct msqid_ds info;
  MUST(msgctl(id, IPC_STAT, &info));
  printf("key %d mode %o sequence %d messages %ld\n", info.msg_perm.__key == key, info.msg_perm.mode, info.msg_perm.__seq == 0 ? 0 : 1, info.msg_qnum);
  info.msg_perm.mode = 0200;
  SHOW(msgctl(id, IPC_SET, &info));
  SHOW(msgget(key, 0400));
  SHOW(msgctl(id, IPC_STAT, &info));
  receive(id, 0, 64, IPC_NOWAIT);
  struct message m = {1, "x"};
  SHOW(msgsnd(id, &m, 1, 0));
  info.msg_perm.mode = 0400;
  SHOW(msgctl(id, IPC_SET, &info));
  SHOW(msgsnd(id, &m, 1, 0));
  receive(id, 0, 64, IPC_NOWAIT);
  SHOW(msgctl(id, IPC_RMID, (void*)8));
  SHOW(msgctl(id, IPC_RMID, NULL));
  SHOW(msgget(key, 0));
  SHOW(msgsnd(id, &m, 1, 0));
  SHOW(msgctl(id, IPC_STAT, &info));
}

static void receiving(int id) {
  static const long kTypes[] = {0, 1, 2, 3, 4, 9, -1, -2, -3, -9, LONG_MIN, LONG_MAX};
  static const int kFlags[] = {IPC_NOWAIT, IPC_NOWAIT | EXCEPT, IPC_NOWAIT | MSG_NOERROR, IPC_NOWAIT | COPY,
                               COPY, COPY | EXCEPT | IPC_NOWAIT, IPC_NOWAIT | 0100000};
  for (unsigned f = 0; f < sizeof kFlags / sizeof *kFlags; f++)
    for (unsigned t = 0; t < sizeof kTypes / sizeof *kTypes; t++) {
      empty(id);
      fill(id, "3122413");
      receive(id, kTypes[t], 64, kFlags[f]);
      receive(id, kTypes[t], 64, kFlags[f]);
    }
  empty(id);
  fill(id, "12");
  receive(id, 0, 3, IPC_NOWAIT);
  receive(id, 0, 3, IPC_NOWAIT | MSG_NOERROR);
  receive(id, 0, 0, IPC_NOWAIT | MSG_NOERROR);
  receive(id, 0, 0, IPC_NOWAIT);
  fill(id, "12");
  receive(id, 0, 3, COPY | IPC_NOWAIT);
  receive(id, 1, 3, COPY | IPC_NOWAIT | MSG_NOERROR);
  receive(id, 0, (size_t)-1, IPC_NOWAIT);
  receive(id, 0, (size_t)1 << 40, IPC_NOWAIT);
  receive(-1, 0, 64, IPC_NOWAIT);
  receive(-1, 0, (size_t)-1, COPY);
  receive(id + 0x7000000, 0, 64, IPC_NOWAIT);
  SHOW(msgrcv(id, (void*)8, 64, 0, IPC_NOWAIT));
  SHOW(msgrcv(id, (void*)-4096l, 64, 0, IPC_NOWAIT));
  receive(id, 0, 64, IPC_NOWAIT);
  receive(id, 0, 64, IPC_NOWAIT);
  // A buffer whose end is not there.
  char* page = MUST(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(page + 4096, 4096));
  fill(id, "12");
  SHOW(msgrcv(id, page + 4096 - 15, 64, 0, IPC_NOWAIT));
  SHOW(msgrcv(id, page + 4096 - 16, 64, 0, IPC_NOWAIT));
  receive(id, 0, 64, IPC_NOWAIT);
}

static void sending(int id) {
  struct message m = {1, "text"};
  static const long kTypes[] = {0, -1, LONG_MIN, LONG_MAX, 1};
  for (unsigned i = 0; i < 5; i++) {
    m.type = kTypes[i];
    SHOW(msgsnd(id, &m, 4, IPC_NOWAIT));
  }
  SHOW(msgsnd(id, &m, 0, 0));
  SHOW(msgsnd(id, &m, (size_t)-1, 0));
  SHOW(msgsnd(id, &m, 8193, 0));
  SHOW(msgsnd(id, (void*)8, 8193, 0));
  SHOW(msgsnd(id, (void*)8, 1, 0));
  SHOW(msgsnd(-1, (void*)8, 1, 0));
  SHOW(msgsnd(-1, &m, 1, 0));
  SHOW(msgsnd(-1, &m, 8193, 0));
  m.type = 0;
  SHOW(msgsnd(-1, &m, 1, 0));
  m.type = 1;
  SHOW(msgsnd(id, &m, 1, 0177777 & ~IPC_NOWAIT));
  char* page = MUST(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(page + 4096, 4096));
  *(long*)(page + 4096 - 16) = 5;
  SHOW(msgsnd(id, page + 4096 - 16, 8, 0));
  SHOW(msgsnd(id, page + 4096 - 16, 9, 0));
  SHOW(msgsnd(id, page + 4096 - 8, 0, 0));
  empty(id);
  // Full: bytes, and messages of no bytes.
  struct msqid_ds info;
  MUST(msgctl(id, IPC_STAT, &info));
  info.msg_qbytes = 10;
  SHOW(msgctl(id, IPC_SET, &info));
  SHOW(msgsnd(id, &m, 11, IPC_NOWAIT));
  SHOW(msgsnd(id, &m, 6, IPC_NOWAIT));
  SHOW(msgsnd(id, &m, 6, IPC_NOWAIT));
  SHOW(msgsnd(id, &m, 4, IPC_NOWAIT));
  SHOW(msgsnd(id, &m, 0, IPC_NOWAIT));
  empty(id);
  int count = 0;
  while (msgsnd(id, &m, 0, IPC_NOWAIT) == 0) count++;
  printf("of no bytes: %d, then %s\n", count, errno_name(errno));
  empty(id);
  info.msg_qbytes = 1 << 20;
  SHOW(msgctl(id, IPC_SET, &info));
  info.msg_qbytes = 0;
  SHOW(msgctl(id, IPC_SET, &info));
  SHOW(msgsnd(id, &m, 0, IPC_NOWAIT));
  info.msg_qbytes = 16384;
  SHOW(msgctl(id, IPC_SET, &info));
}

static void control(int id) {
  char space[256];
  struct msqid_ds* info = (void*)space;
  for (int command = -1; command < 20; command++) {
    if (command == IPC_RMID) continue;
    memset(space, 0, sizeof space);
    if (command == IPC_SET) MUST(msgctl(id, IPC_STAT, info));
    long r = msgctl(id, command, info);
    printf("command %d: %s\n", command, r < 0 ? errno_name(errno) : "ok");
    if (command == IPC_SET) continue;
    r = msgctl(id, command, (void*)8);
    printf("  bad %s", r < 0 ? errno_name(errno) : "ok");
    r = msgctl(id, command, (void*)-4096l);
    printf(" kernel %s", r < 0 ? errno_name(errno) : "ok");
    r = msgctl(-1, command, info);
    printf(" no queue %s", r < 0 ? errno_name(errno) : "ok");
    r = msgctl(0x7fffff00, command, info);
    printf(" other %s\n", r < 0 ? errno_name(errno) : "ok");
  }
  struct msginfo limits = {0};
  SHOW(msgctl(0, IPC_INFO, (void*)&limits) >= 0);
  printf("%d %d %d %d\n", limits.msgmax, limits.msgmnb, limits.msgssz, limits.msgseg);
  SHOW(msgctl(0, MSG_INFO, (void*)&limits) >= 0);
  // By index, each that is there; ours among them.
  int highest = msgctl(0, MSG_INFO, (void*)&limits), found = 0, any = 0;
  for (int i = 0; i <= highest; i++) {
    found += msgctl(i, MSG_STAT, info) == id;
    any += msgctl(i, 13, info) == id;
  }
  printf("found %d %d\n", found, any);
  fill(id, "123");
  MUST(msgctl(id, IPC_STAT, info));
  printf("%ld messages %ld bytes, sender %d receiver %d\n", info->msg_qnum, info->__msg_cbytes, info->msg_lspid == getpid(), info->msg_lrpid == getpid());
  printf("times %d %d %d\n", info->msg_stime > 0, info->msg_rtime > 0, info->msg_ctime > 0);
  empty(id);
}

static volatile int hits;
static void on_alarm(int signo UNUSED) { hits++; }

static void waiting(int id) {
  struct sigaction action = {.sa_handler = on_alarm};
  // Again and again: the first may come before the call.
  struct itimerval soon = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000}, never = {0};
  struct message m = {1, "x"};
  MUST(sigaction(SIGALRM, &action, NULL));
  MUST(setitimer(ITIMER_REAL, &soon, NULL));
  receive(id, 5, 64, 0);
  MUST(setitimer(ITIMER_REAL, &never, NULL));
  // Never restarted (signal(7)).
  action.sa_flags = SA_RESTART;
  MUST(sigaction(SIGALRM, &action, NULL));
  MUST(setitimer(ITIMER_REAL, &soon, NULL));
  receive(id, 5, 64, 0);
  MUST(setitimer(ITIMER_REAL, &never, NULL));
  struct msqid_ds info;
  MUST(msgctl(id, IPC_STAT, &info));
  info.msg_qbytes = 4;
  MUST(msgctl(id, IPC_SET, &info));
  fill(id, "");
  MUST(msgsnd(id, &m, 4, 0));
  MUST(setitimer(ITIMER_REAL, &soon, NULL));
  SHOW(msgsnd(id, &m, 4, 0));
  MUST(setitimer(ITIMER_REAL, &never, NULL));
  printf("signals %d\n", hits >= 3);
  // A receiver that waits with less room than the message has is told E2BIG, and the message stays.
  empty(id);
  info.msg_qbytes = 100;
  MUST(msgctl(id, IPC_SET, &info));
  pid_t child = MUST(fork());
  if (child == 0) {
    struct message got;
    long n = msgrcv(id, &got, 2, 7, 0);
    _exit(n < 0 && errno == E2BIG ? 3 : 4);
  }
  usleep(30000);
  m.type = 7;
  MUST(msgsnd(id, &m, 8, 0));
  reap("small receiver", child);
  receive(id, 7, 64, IPC_NOWAIT);
  child = MUST(fork());
  if (child == 0) {
    struct message got;
    long n = msgrcv(id, &got, 64, 0, 0);
    _exit(n < 0 && errno == EIDRM ? 5 : n < 0 && errno == EINVAL ? 5 : 6);
  }
  usleep(30000);
  SHOW(msgctl(id, IPC_RMID, NULL));
  reap("removed under the receiver", child);
}

int main(void) {
  if (geteuid() == 0) {
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(65534, 65534, 65534));
  }
  getting();
  const int id = MUST(msgget(IPC_PRIVATE, 0600));
  receiving(id);
  sending(id);
  control(id);
  waiting(id);
  return guest_failed();
}
