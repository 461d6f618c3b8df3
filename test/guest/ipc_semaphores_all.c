// Shows: System V semaphores: operations with each flag, several at once, time limits, every command of semctl, undo over fork, exec, clone with CLONE_SYSVSEM, unshare and death, removal under waiters, permissions.
// run: both ; timeout 60s
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>

#include "guest.h"

union semun {
  int value;
  void* pointer;
};

static int values(int id, const char* what) {
  unsigned short v[8] = {0};
  const long r = semctl(id, 0, GETALL, (union semun){.pointer = v});
  printf("%s: %ld %d %d %d\n", what, r, v[0], v[1], v[2]);
  return 0;
}
static int set(int id, int a, int b, int c) {
  unsigned short v[3] = {(unsigned short)a, (unsigned short)b, (unsigned short)c};
  return semctl(id, 0, SETALL, (union semun){.pointer = v});
}
static int operate(int id, int number, int change, int flags) {
  struct sembuf op = {(unsigned short)number, (short)change, (short)flags};
  return semop(id, &op, 1);
}

static void getting(void) {
  const key_t key = 0x43000000 + getpid();
  SHOW(semget(key, 1, 0));
  SHOW(semget(key, 0, IPC_CREAT | 0600));
  SHOW(semget(key, -1, IPC_CREAT | 0600));
  SHOW(semget(key, 32001, IPC_CREAT | 0600));
  int id = MUST(semget(key, 3, IPC_CREAT | 0600));
  SHOW(semget(key, 4, 0));
  SHOW(semget(key, 3, 0) == id);
  SHOW(semget(key, 0, 0) == id);
  SHOW(semget(key, -1, 0));
  SHOW(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600));
  SHOW(semget(key, 3, 066) == id);
  struct semid_ds info;
  MUST(semctl(id, 0, IPC_STAT, (union semun){.pointer = &info}));
  printf("mode %o count %ld otime %ld\n", info.sem_perm.mode, info.sem_nsems, info.sem_otime);
  info.sem_perm.mode = 0200;
  SHOW(semctl(id, 0, IPC_SET, (union semun){.pointer = &info}));
  SHOW(semctl(id, 0, IPC_STAT, (union semun){.pointer = &info}));
  SHOW(semctl(id, 0, GETVAL));
  SHOW(semctl(id, 0, SETVAL, (union semun){.value = 3}));
  SHOW(operate(id, 0, 1, 0));
  SHOW(operate(id, 0, 0, IPC_NOWAIT));
  info.sem_perm.mode = 0400;
  SHOW(semctl(id, 0, IPC_SET, (union semun){.pointer = &info}));
  SHOW(operate(id, 0, 1, 0));
  SHOW(operate(id, 0, 0, IPC_NOWAIT));
  SHOW(semctl(id, 0, SETVAL, (union semun){.value = 3}));
  SHOW(semctl(id, 0, GETVAL));
  SHOW(semctl(id, 0, IPC_RMID));
  SHOW(semget(key, 3, 0));
}

static void operations(int id) {
  set(id, 5, 0, 32767);
  static const struct {
    int number, change, flags;
  } kOps[] = {{0, -5, 0}, {0, -1, IPC_NOWAIT}, {0, 0, IPC_NOWAIT}, {1, 1, 0}, {1, 0, IPC_NOWAIT}, {2, 1, 0},
              {2, 1, IPC_NOWAIT}, {3, 1, 0}, {65535, 0, 0}, {0, 32767, 0}, {0, 1, 0}, {0, -32768, IPC_NOWAIT},
              {0, -32767, 0x7000}, {1, 1, SEM_UNDO}, {1, -1, SEM_UNDO}, {2, -32767, SEM_UNDO}, {2, 32767, 0}};
  for (unsigned i = 0; i < sizeof kOps / sizeof *kOps; i++) {
    const int r = operate(id, kOps[i].number, kOps[i].change, kOps[i].flags);
    printf("%d %d %o: %s ", kOps[i].number, kOps[i].change, kOps[i].flags, r < 0 ? errno_name(errno) : "ok");
    values(id, "now");
  }
  // All or none, and in order.
  set(id, 1, 0, 0);
  struct sembuf several[] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}, {2, 1, 0}};
  SHOW(semop(id, several, 3));
  values(id, "none");
  struct sembuf same[] = {{0, 1, 0}, {0, -2, IPC_NOWAIT}, {0, 0, IPC_NOWAIT}, {2, 7, 0}};
  SHOW(semop(id, same, 4));
  values(id, "all");
  struct sembuf beyond[] = {{0, 1, 0}, {7, 1, 0}};
  SHOW(semop(id, beyond, 2));
  struct sembuf range[] = {{2, 32767, 0}, {0, -1, IPC_NOWAIT}};
  SHOW(semop(id, range, 2));
  struct sembuf again[] = {{0, -1, IPC_NOWAIT}, {2, 32767, 0}};
  SHOW(semop(id, again, 2));
  static struct sembuf many[501];
  SHOW(semop(id, many, 500));
  SHOW(semop(id, many, 501));
  SHOW(semop(id, many, 0));
  SHOW(semop(id, (void*)8, 1));
  SHOW(semop(id, (void*)8, 0));
  SHOW(semop(id, (void*)8, 501));
  SHOW(semop(id, (void*)-4096l, 1));
  SHOW(semop(-1, many, 1));
  SHOW(semop(-1, (void*)8, 1));
  SHOW(semop(0x7ffffff0, many, 1));
  const struct timespec limits[] = {{0, 0}, {0, 1000000}, {-1, 0}, {0, -1}, {0, 1000000000}};
  for (unsigned i = 0; i < 5; i++) {
    struct sembuf wait = {0, -1, 0};
    SHOW(semtimedop(id, &wait, 1, limits + i));
    wait.sem_op = 1;
    SHOW(semtimedop(id, &wait, 1, limits + i));
    set(id, 0, 0, 0);
  }
  struct sembuf wait = {0, -1, 0};
  SHOW(syscall(SYS_semtimedop, id, &wait, 1, 8));
  SHOW(syscall(SYS_semtimedop, id, &wait, 1, -4096l));
  SHOW(syscall(SYS_semtimedop, -1, 8, 501, 8));
}

static void control(int id) {
  char space[512];
  for (int command = -1; command < 24; command++) {
    if (command == IPC_RMID) continue;
    for (int number = -1; number < 4; number++) {
      memset(space, 0, sizeof space);
      if (command == IPC_SET) MUST(semctl(id, 0, IPC_STAT, (union semun){.pointer = space}));
      union semun argument = {.pointer = space};
      if (command == SETVAL) argument.pointer = (void*)5l;
      errno = 0;
      long r = semctl(id, number, command, argument);
      if (command == GETPID && r > 0) r = r == getpid();
      if (command == IPC_INFO || command == SEM_INFO || command == SEM_STAT || command == 20) r = r < 0 ? r : 0;
      printf("%d %d: %ld %s |", number, command, r, r < 0 ? errno_name(errno) : "");
    }
    printf("\n");
    if (command == IPC_SET || command == SETVAL) continue;
    for (int bad = 0; bad < 4; bad++) {
      memset(space, 0, sizeof space);
      union semun argument = {.pointer = bad == 0 ? (void*)8 : bad == 1 ? (void*)-4096l : space};
      errno = 0;
      long r = semctl(bad == 2 ? -1 : bad == 3 ? 0x7fffff00 : id, 0, command, argument);
      printf("  %s", r < 0 ? errno_name(errno) : "ok");
    }
    printf("\n");
  }
  static const int kValues[] = {0, 1, 32767, 32768, -1, INT_MIN, 65536};
  for (unsigned i = 0; i < 7; i++) SHOW(semctl(id, 0, SETVAL, (union semun){.value = kValues[i]}));
  SHOW(set(id, 1, 32768, 2));
  SHOW(set(id, 1, 2, 3));
  struct seminfo limits;
  SHOW(semctl(0, 0, IPC_INFO, (union semun){.pointer = &limits}) >= 0);
  printf("%d %d %d %d %d\n", limits.semmni, limits.semmns, limits.semmsl, limits.semopm, limits.semvmx);
  values(id, "after");
}

static int in_clone(void* id) {
  operate((int)(long)id, 0, 5, SEM_UNDO);
  return 0;
}
static void* in_thread(void* id) {
  operate((int)(long)id, 0, 5, SEM_UNDO);
  return NULL;
}
static char stack[65536] __attribute__((aligned(16)));

static void undo(int id, char** argv) {
  char number[16];
  snprintf(number, sizeof number, "%d", id);
  for (int how = 0; how < 10; how++) {
    set(id, 10, 10, 10);
    pid_t pid = MUST(fork());
    if (pid == 0) {
      MUST(operate(id, 0, -3, SEM_UNDO));
      MUST(operate(id, 1, 4, SEM_UNDO));
      MUST(operate(id, 2, -3, 0));
      switch (how) {
        case 0: _exit(0);
        case 1: kill(getpid(), SIGKILL); break;
        case 2:  // over exec
          execl(argv[0], argv[0], "exec", number, NULL);
          _exit(1);
        case 3:  // not inherited by fork
          if (fork() == 0) _exit(0);
          wait(NULL);
          values(id, "after the grandchild");
          _exit(0);
        case 4:  // the value set anew clears what would be undone
          set(id, 1, 1, 1);
          _exit(0);
        case 5:  // never below zero
          MUST(operate(id, 1, -14, 0));
          _exit(0);
        case 6: {  // shared: nothing is undone when the first of both ends
          pid_t child = MUST(clone(in_clone, stack + sizeof stack, CLONE_SYSVSEM | SIGCHLD, (void*)(long)id));
          waitpid(child, NULL, 0);
          values(id, "after a sharer");
          _exit(0);
        }
        case 7: {  // not shared
          pid_t child = MUST(clone(in_clone, stack + sizeof stack, SIGCHLD, (void*)(long)id));
          waitpid(child, NULL, 0);
          values(id, "after another");
          _exit(0);
        }
        case 8: {  // threads share; given up by unshare
          pthread_t thread;
          pthread_create(&thread, NULL, in_thread, (void*)(long)id);
          pthread_join(thread, NULL);
          values(id, "after a thread");
          SHOW(unshare(CLONE_SYSVSEM));
          values(id, "after unshare");
          _exit(0);
        }
        case 9: {  // and memory shared
          pid_t child = MUST(clone(in_clone, stack + sizeof stack, CLONE_VM | CLONE_SYSVSEM | SIGCHLD, (void*)(long)id));
          waitpid(child, NULL, 0);
          values(id, "after a sharer of memory");
          _exit(0);
        }
      }
    }
    printf("undo %d: ", how);
    reap("", pid);
    values(id, "undone");
  }
}

static volatile int hits;
static void on_alarm(int signo UNUSED) { hits++; }

static void waiting(int id) {
  struct sigaction action = {.sa_handler = on_alarm};
  // Again and again: the first may come before the call.
  struct itimerval soon = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000}, never = {0};
  set(id, 0, 1, 0);
  for (int i = 0; i < 2; i++) {
    action.sa_flags = i ? SA_RESTART : 0;
    MUST(sigaction(SIGALRM, &action, NULL));
    MUST(setitimer(ITIMER_REAL, &soon, NULL));
    SHOW(operate(id, 0, -1, 0));
    MUST(setitimer(ITIMER_REAL, &soon, NULL));
    SHOW(operate(id, 1, 0, 0));
    MUST(setitimer(ITIMER_REAL, &never, NULL));
  }
  printf("signals %d\n", hits >= 4);
  for (int how = 0; how < 4; how++) {
    pid_t child = MUST(fork());
    if (child == 0) {
      const int r = how == 1 ? operate(id, 1, 0, 0) : operate(id, 0, -1, 0);
      _exit(r == 0 ? 1 : errno);
    }
    // The kernel counts the one that waits.
    while (semctl(id, how == 1, how == 1 ? GETZCNT : GETNCNT) != 1) usleep(1000);
    if (how == 0) MUST(operate(id, 0, 1, 0));
    if (how == 1) MUST(operate(id, 1, -1, 0));
    if (how == 2) MUST(semctl(id, 0, SETVAL, (union semun){.value = 1}));
    if (how == 3) SHOW(semctl(id, 0, IPC_RMID));
    printf("waiter %d: ", how);
    reap("", child);
  }
}

int main(int argc, char** argv) {
  if (argc > 2) {
    values(atoi(argv[2]), "after exec");
    return 0;
  }
  static char path[PATH_MAX];
  argv[0] = realpath(argv[0], path);
  getting();
  const int id = MUST(semget(IPC_PRIVATE, 3, 0600));
  operations(id);
  control(id);
  undo(id, argv);
  waiting(id);
  return guest_failed();
}
