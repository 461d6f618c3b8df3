// Shows: System V semaphores and message queues: operations, values, undo, waiting over processes, refusals.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "guest.h"

union semun {
  int value;
  struct semid_ds* info;
  unsigned short* values;
  struct seminfo* limits;
};
struct message {
  long type;
  char text[64];
};

static void semaphores(void) {
  int id = MUST(semget(IPC_PRIVATE, 3, 0600));
  unsigned short values[3] = {1, 2, 3}, seen[3] = {0};
  SHOW(semctl(id, 0, SETALL, (union semun){.values = values}));
  SHOW(semctl(id, 0, GETALL, (union semun){.values = seen}));
  printf("%d %d %d\n", seen[0], seen[1], seen[2]);
  SHOW(semctl(id, 1, SETVAL, (union semun){.value = 7}));
  SHOW(semctl(id, 1, GETVAL));
  CHECK(semctl(id, 1, GETPID) == getpid());
  struct semid_ds info;
  SHOW(semctl(id, 0, IPC_STAT, (union semun){.info = &info}));
  printf("%lu semaphores, mode %o\n", info.sem_nsems, info.sem_perm.mode);
  info.sem_perm.mode = 0640;
  SHOW(semctl(id, 0, IPC_SET, (union semun){.info = &info}));
  SHOW(semctl(id, 0, IPC_STAT, (union semun){.info = &info}));
  printf("mode %o\n", info.sem_perm.mode);
  SHOW(semctl(id, 0, GETALL, 8));
  SHOW(semctl(id, 0, GETALL, 0xffff800000000000));
  SHOW(semctl(id, 0, 999));
  SHOW(semctl(id, 9, GETVAL));
  struct seminfo limits;
  SHOW(semctl(0, 0, IPC_INFO, (union semun){.limits = &limits}) >= 0);

  struct sembuf take = {0, -1, SEM_UNDO}, more = {0, -5, IPC_NOWAIT}, give[2] = {{1, 1, 0}, {2, 1, 0}};
  SHOW(semop(id, &take, 1));
  SHOW(semop(id, &more, 1));
  SHOW(semop(id, give, 2));
  SHOW(semctl(id, 2, GETVAL));
  SHOW(semop(id, (void*)8, 1));
  SHOW(semop(id, give, 0));
  struct timespec limit = {0, 20000000};
  more.sem_flg = 0;
  SHOW(semtimedop(id, &more, 1, &limit));
  pid_t child = MUST(fork());
  if (!child) {
    usleep(30000);
    struct sembuf five = {0, 5, 0};
    MUST(semop(id, &five, 1));
    struct sembuf undone = {1, -3, SEM_UNDO};
    MUST(semop(id, &undone, 1));
    _exit(0);
  }
  SHOW(semop(id, &more, 1));
  reap("child", child);
  SHOW(semctl(id, 1, GETVAL));  // the child's end gave it back
  SHOW(semctl(id, 0, IPC_RMID));
  SHOW(semop(id, &take, 1));
}

static void messages(void) {
  int id = MUST(msgget(IPC_PRIVATE, 0600));
  struct message m = {3, "three"}, got;
  SHOW(msgsnd(id, &m, 6, 0));
  m = (struct message){1, "one"};
  SHOW(msgsnd(id, &m, 4, 0));
  m.type = 0;
  SHOW(msgsnd(id, &m, 4, 0));
  SHOW(msgsnd(id, (void*)8, 4, 0));
  SHOW(msgsnd(id, &m, -1, 0));
  struct msqid_ds info;
  SHOW(msgctl(id, IPC_STAT, &info));
  printf("%lu messages, %lu bytes\n", info.msg_qnum, info.__msg_cbytes);
  SHOW(msgctl(id, IPC_STAT, (void*)8));
  SHOW(msgrcv(id, &got, 64, 1, 0));
  puts(got.text);
  SHOW(msgrcv(id, &got, 2, 0, 0));
  SHOW(msgrcv(id, &got, 2, 0, MSG_NOERROR));
  printf("%.2s %ld\n", got.text, got.type);
  SHOW(msgrcv(id, &got, 64, 0, IPC_NOWAIT));
  pid_t child = MUST(fork());
  if (!child) {
    usleep(20000);
    m = (struct message){9, "from the child"};
    MUST(msgsnd(id, &m, 15, 0));
    _exit(0);
  }
  SHOW(msgrcv(id, &got, 64, 9, 0));
  puts(got.text);
  reap("child", child);
  SHOW(msgctl(id, IPC_RMID, NULL));
  SHOW(msgrcv(id, &got, 64, 0, 0));
}

int main(void) {
  semaphores();
  messages();
  return guest_failed();
}
