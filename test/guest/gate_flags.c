// Shows: flags, boundaries, bad pointers and the order of errors of some 60 calls whose arguments are tables of their own: clone3, waitid, preadv2, splice, futex, memfd, timers, System V and POSIX IPC, scheduling, mappings.
// run: both ; timeout 60s
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "guest.h"

#define CALL(...) SHOW(syscall(__VA_ARGS__))
#define BAD ((void*)8)
#define FAR ((void*)-4096l)

// One line: the results of a call over a list of values of one argument (X).
#define OVER(name, list, call)                                              \
  do {                                                                      \
    static const unsigned long over_[] = list;                              \
    printf("%s:", name);                                                    \
    for (unsigned i_ = 0; i_ < sizeof over_ / sizeof *over_; i_++) {        \
      unsigned long X = over_[i_];                                          \
      errno = 0;                                                            \
      long r_ = (call);                                                     \
      if (r_ < 0) printf(" %s", errno_name(errno));                         \
      else printf(" %ld", r_);                                              \
    }                                                                       \
    printf("\n");                                                           \
  } while (0)
#define LIST(...) {__VA_ARGS__}
#define BITS LIST(0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x4000, 0x8000, 0x10000, 0x40000, 0x80000, 0x100000, 0x800000, 0x40000000, 0x80000000, 0x100000000, -1ul)
static long closing(long fd) {
  if (fd >= 0) close((int)fd);
  return fd < 0 ? fd : 0;
}

static long dropped(long id) {
  return id < 0 ? id : shmctl((int)id, IPC_RMID, NULL);
}

static void clones(void) {
  struct clone_args a;
  CALL(SYS_clone3, NULL, 64);
  CALL(SYS_clone3, BAD, 64);
  CALL(SYS_clone3, FAR, 64);
  CALL(SYS_clone3, &a, 0);
  CALL(SYS_clone3, &a, 63);
  CALL(SYS_clone3, &a, 4097);
  char large[256] = {0};
  large[200] = 1;
  CALL(SYS_clone3, large, 256);
#define CLONE(...)                                            \
  ({                                                          \
    a = (struct clone_args){__VA_ARGS__};                     \
    errno = 0;                                                \
    long clone_ = syscall(SYS_clone3, &a, sizeof a);          \
    if (clone_ == 0) _exit(0);                                \
    printf("clone3(%s) = %s\n", #__VA_ARGS__, clone_ < 0 ? errno_name(errno) : "pid"); \
    if (clone_ > 0) {                                         \
      int status_ = 0;                                        \
      printf("  waited %d\n", waitpid((pid_t)clone_, &status_, __WALL) == clone_ ? status_ : -1); \
    }                                                         \
  })
  pid_t tids[2] = {1, 1};
  int pidfd = -1;
  CLONE(.exit_signal = SIGCHLD);
  CLONE(.exit_signal = 0);
  CLONE(.exit_signal = 64);
  CLONE(.exit_signal = 65);
  CLONE(.exit_signal = 255);
  CLONE(.exit_signal = 1ul << 33);
  CLONE(.flags = 1, .exit_signal = SIGCHLD);
  CLONE(.flags = 0xff, .exit_signal = SIGCHLD);
  CLONE(.flags = 1ul << 40, .exit_signal = SIGCHLD);
  CLONE(.flags = 0x400000, .exit_signal = SIGCHLD);  // CLONE_DETACHED
  CLONE(.flags = CLONE_THREAD);
  CLONE(.flags = CLONE_SIGHAND);
  CLONE(.flags = CLONE_THREAD | CLONE_SIGHAND);
  CLONE(.flags = CLONE_FS | CLONE_NEWNS);
  CLONE(.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND);
  CLONE(.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_FS | CLONE_SYSVSEM | CLONE_IO, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_PARENT, .exit_signal = SIGCHLD);
  CLONE(.stack = 4096);
  CLONE(.stack_size = 4096);
  CLONE(.stack = 8, .stack_size = -1ul);
  CLONE(.set_tid = (uintptr_t)tids);
  CLONE(.set_tid_size = 1);
  CLONE(.set_tid = (uintptr_t)tids, .set_tid_size = 33);
  CLONE(.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD);
  printf("pidfd %d flags %x\n", pidfd >= 0, fcntl(pidfd, F_GETFD));
  close(pidfd);
  CLONE(.flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&pidfd, .parent_tid = (uintptr_t)&pidfd, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, .parent_tid = 8, .child_tid = 8, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_SETTLS, .tls = -4096ul, .exit_signal = SIGCHLD);
  CLONE(.flags = CLONE_INTO_CGROUP, .cgroup = 1ul << 40, .exit_signal = SIGCHLD);
  OVER("clone", LIST(CLONE_SIGHAND, CLONE_THREAD, CLONE_SIGHAND | CLONE_THREAD, CLONE_PIDFD | CLONE_PARENT_SETTID, CLONE_NEWNS | CLONE_FS, CLONE_NEWUSER | CLONE_FS, CLONE_PIDFD | 0x400000), syscall(SYS_clone, X, 0, &pidfd, 0, 0));
}

static void waits(void) {
  siginfo_t info;
  pid_t pid = MUST(fork());
  if (pid == 0) _exit(3);
  int pidfd = MUST((int)syscall(SYS_pidfd_open, pid, 0));
  MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));  // it has ended
  OVER("waitid type", LIST(0, 1, 2, 3, 4, -1ul), waitid((idtype_t)X, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 ? -1 : 0);
  OVER("waitid options", LIST(0, WNOHANG, WSTOPPED | WNOHANG, WCONTINUED | WNOHANG, 0x100, __WCLONE | WEXITED | WNOHANG, -1ul), syscall(SYS_waitid, P_PID, pid, &info, X, NULL));
  CALL(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOWAIT, NULL);
  printf("%d %d\n", info.si_code, info.si_status);
  CALL(SYS_waitid, P_PIDFD, 99, &info, WEXITED, NULL);
  CALL(SYS_waitid, P_PIDFD, -1, &info, WEXITED, NULL);
  CALL(SYS_waitid, P_PIDFD, 1, &info, WEXITED, NULL);
  CALL(SYS_waitid, P_PID, -1, &info, WEXITED, NULL);
  CALL(SYS_waitid, P_PID, pid, FAR, WEXITED | WNOWAIT, NULL);
  CALL(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, BAD);
  CALL(SYS_waitid, P_PID, pid, NULL, WEXITED, NULL);
  CALL(SYS_waitid, P_PID, pid, &info, WEXITED, NULL);
  OVER("wait4 options", BITS, syscall(SYS_wait4, -1, NULL, X, NULL));
  CALL(SYS_wait4, INT_MIN, NULL, 0, NULL);
  close(pidfd);
}

static void transfers(void) {
  int fd = MUST(open("transfer", O_RDWR | O_CREAT, 0600)), pipes[2], more[2], null = MUST(open("/dev/null", O_RDWR));
  MUST(pipe2(pipes, O_NONBLOCK));
  MUST(pipe2(more, O_NONBLOCK));
  char text[16] = "some text";
  struct iovec v = {text, 9};
  OVER("pwritev2", BITS, syscall(SYS_pwritev2, fd, &v, 1, 0, 0, X));
  OVER("preadv2", BITS, syscall(SYS_preadv2, fd, &v, 1, 0, 0, X));
  OVER("preadv2 at -1", BITS, syscall(SYS_preadv2, fd, &v, 1, -1l, 0, X));
  OVER("preadv2 pipe", BITS, syscall(SYS_preadv2, pipes[0], &v, 1, -1l, 0, X));
  OVER("preadv2 position", LIST(0, 5, -1ul, -2ul, 1ul << 62), syscall(SYS_preadv2, fd, &v, 1, X, 0, 0));
  OVER("preadv position", LIST(0, 5, -1ul, -2ul, 1ul << 62), syscall(SYS_preadv, fd, &v, 1, X, 0));
  OVER("pread position", LIST(0, 5, -1ul, -2ul, 1ul << 62), syscall(SYS_pread64, fd, text, 4, X));
  OVER("splice", BITS, syscall(SYS_splice, fd, NULL, pipes[1], NULL, 1, X));
  OVER("tee", BITS, syscall(SYS_tee, pipes[0], more[1], 1, X));
  OVER("vmsplice", BITS, syscall(SYS_vmsplice, more[1], &v, 1, X));
  long offset = 0, negative = -5;
  CALL(SYS_splice, fd, &offset, pipes[1], NULL, 4, 0);
  CALL(SYS_splice, fd, &negative, pipes[1], NULL, 4, 0);
  CALL(SYS_splice, fd, BAD, pipes[1], NULL, 4, 0);
  CALL(SYS_splice, pipes[0], &offset, null, NULL, 4, 0);
  CALL(SYS_splice, pipes[0], NULL, null, &offset, 4, 0);
  CALL(SYS_splice, fd, NULL, null, NULL, 4, 0);
  CALL(SYS_splice, pipes[0], NULL, pipes[1], NULL, 4, 0);
  CALL(SYS_splice, 99, NULL, null, NULL, 0, 0);
  CALL(SYS_tee, fd, pipes[1], 4, 0);
  CALL(SYS_tee, pipes[0], pipes[1], 4, 0);
  OVER("copy_file_range", BITS, syscall(SYS_copy_file_range, fd, &offset, fd, NULL, 0, X));
  CALL(SYS_copy_file_range, fd, BAD, fd, NULL, 4, 0);
  CALL(SYS_copy_file_range, fd, NULL, pipes[1], NULL, 4, 0);
  CALL(SYS_copy_file_range, fd, &negative, fd, NULL, 4, 0);
  OVER("sync_file_range", BITS, syscall(SYS_sync_file_range, fd, 0, 0, X));
  OVER("fallocate", BITS, syscall(SYS_fallocate, fd, X, 0, 4096));
  OVER("fadvise", LIST(0, 1, 2, 3, 4, 5, 6, 99, -1ul), syscall(SYS_fadvise64, fd, 0, 0, X));
  OVER("lseek", LIST(0, 1, 2, 3, 4, 5, 99, -1ul), syscall(SYS_lseek, fd, 0, X));
  OVER("sendfile", LIST(0, 3, -1ul, -4096ul), syscall(SYS_sendfile, null, fd, X == 3 ? (void*)&negative : (void*)X, 4));
  OVER("dup3", BITS, closing(syscall(SYS_dup3, fd, 60, X)));
  OVER("pipe2", LIST(1, 2, 4, 0x10, 0x20, 0x400, 0x10000, 0x100000, 0x200000), syscall(SYS_pipe2, text, X));
  OVER("close_range", LIST(1, 8, 16, 0x80000000, -1ul), syscall(SYS_close_range, 200, 210, X));
  CALL(SYS_close_range, 5, 4, 0);
  CALL(SYS_close_range, -1, -1, 0);
  OVER("renameat2", BITS, syscall(SYS_renameat2, AT_FDCWD, "transfer", AT_FDCWD, "transfer", X));
  OVER("name lengths", LIST(0, 1, 2, 4, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000), syscall(SYS_faccessat2, AT_FDCWD, "transfer", 0, X));
  OVER("unlinkat", LIST(1, 2, 0x100, 0x400), syscall(SYS_unlinkat, AT_FDCWD, "nothing", X));
  OVER("linkat", BITS, syscall(SYS_linkat, AT_FDCWD, "transfer", AT_FDCWD, "transfer", X));
  OVER("fchmodat2", BITS, syscall(452, AT_FDCWD, "transfer", 0600, X));
  OVER("utimensat", BITS, syscall(SYS_utimensat, AT_FDCWD, "transfer", NULL, X));
  static char status[256];
  OVER("statx", BITS, syscall(SYS_statx, AT_FDCWD, "transfer", X, 0x7ff, status));
  OVER("statx mask", BITS, syscall(SYS_statx, AT_FDCWD, "transfer", 0, X, status));
  struct {
    uint64_t flags, mode, resolve;
  } how;
  OVER("openat2 flags", BITS, (how.flags = X, how.mode = how.resolve = 0, closing(syscall(SYS_openat2, AT_FDCWD, "transfer", &how, 24))));
  OVER("openat2 mode", BITS, (how.flags = 0100, how.mode = X, how.resolve = 0, closing(syscall(SYS_openat2, AT_FDCWD, "transfer", &how, 24))));
  OVER("openat2 resolve", BITS, (how.flags = how.mode = 0, how.resolve = X, closing(syscall(SYS_openat2, AT_FDCWD, "transfer", &how, 24))));
  OVER("openat2 size", LIST(0, 8, 23, 25, 4096, 4097), (how.flags = how.mode = how.resolve = 0, closing(syscall(SYS_openat2, AT_FDCWD, "transfer", &how, X))) < 0 ? -1 : 0);
}

static void descriptors(void) {
  sigset_t none;
  sigemptyset(&none);
  struct itimerspec timer = {{0, 0}, {1000, 0}}, bad = {{0, 0}, {1, 2000000000}};
  OVER("memfd_create", BITS, closing(syscall(SYS_memfd_create, "name", X)));
  CALL(SYS_memfd_create, NULL, 0);
  static char name[300];
  memset(name, 'n', 299);
  CALL(SYS_memfd_create, name, 0);
  name[249] = 0;
  SHOW(closing(syscall(SYS_memfd_create, name, 0)));
  OVER("eventfd2", BITS, closing(syscall(SYS_eventfd2, 0, X)));
  OVER("epoll_create1", BITS, closing(syscall(SYS_epoll_create1, X)));
  OVER("inotify_init1", BITS, closing(syscall(SYS_inotify_init1, X)));
  OVER("signalfd4", BITS, closing(syscall(SYS_signalfd4, -1, &none, 8, X)));
  OVER("signalfd4 size", LIST(0, 4, 8, 16, 128), closing(syscall(SYS_signalfd4, -1, &none, X, 0)));
  CALL(SYS_signalfd4, 99, &none, 8, 0);
  CALL(SYS_signalfd4, 0, &none, 8, 0);
  CALL(SYS_signalfd4, -1, NULL, 8, 0);
  OVER("timerfd_create", BITS, closing(syscall(SYS_timerfd_create, 1, X)));
  OVER("timerfd_create clock", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, -1ul), closing(syscall(SYS_timerfd_create, X, 0)));
  int fd = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
  OVER("timerfd_settime", BITS, syscall(SYS_timerfd_settime, fd, X, &timer, NULL));
  CALL(SYS_timerfd_settime, fd, 0, &bad, NULL);
  CALL(SYS_timerfd_settime, fd, 0, NULL, NULL);
  CALL(SYS_timerfd_settime, fd, 0, &timer, BAD);
  CALL(SYS_timerfd_settime, 0, 0, &timer, NULL);
  CALL(SYS_timerfd_gettime, fd, BAD);
  CALL(SYS_timerfd_gettime, 0, &timer);
  OVER("clock_gettime", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99, -1ul, -2ul, -6ul), syscall(SYS_clock_gettime, X, &timer));
  OVER("clock_getres", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99, -1ul, -2ul, -6ul), syscall(SYS_clock_getres, X, &timer));
  struct timespec nothing = {0, 0}, wrong = {0, -1};
  OVER("clock_nanosleep", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 99, -1ul), syscall(SYS_clock_nanosleep, X, 0, &nothing, NULL));
  CALL(SYS_clock_nanosleep, 1, 0, &wrong, NULL);
  CALL(SYS_clock_nanosleep, 99, 0, &wrong, NULL);
  CALL(SYS_clock_nanosleep, 1, 0, NULL, NULL);
  CALL(SYS_clock_nanosleep, 1, 0x10, &nothing, NULL);
  int id;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  OVER("timer_create", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, -1ul), syscall(SYS_timer_create, X, &event, &id));
  OVER("timer_create notify", LIST(0, 1, 2, 3, 4, 5, -1ul), (event.sigev_notify = (int)X, event.sigev_signo = X == 0 ? 70 : 10, syscall(SYS_timer_create, 1, &event, &id)));
  CALL(SYS_timer_create, 1, BAD, &id);
  CALL(SYS_timer_create, 1, NULL, BAD);
  CALL(SYS_timer_settime, 9999, 0, &timer, NULL);
  CALL(SYS_timer_delete, 9999);
}

static void futexes(void) {
  static uint32_t word, other;
  struct timespec past = {0, 1}, wrong = {0, 2000000000};
  OVER("futex", LIST(1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 14, 15, 64, 129, 130, 131, 132, 133, 137, 138, 257, 269, 1024, -1ul), syscall(SYS_futex, &word, X, 1, (void*)1, &other, 1));
  OVER("futex wait", LIST(FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT | 256, FUTEX_WAIT_BITSET | 256, FUTEX_WAIT | 128, FUTEX_WAIT_REQUEUE_PI), syscall(SYS_futex, &word, X, 0, &past, &other, 1));
  CALL(SYS_futex, &word, FUTEX_WAIT, 0, &wrong, NULL, 0);
  CALL(SYS_futex, &word, FUTEX_WAIT, 1, &wrong, NULL, 0);
  CALL(SYS_futex, &word, FUTEX_WAIT, 0, BAD, NULL, 0);
  CALL(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &past, NULL, 0);
  CALL(SYS_futex, (char*)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
  CALL(SYS_futex, NULL, FUTEX_WAKE, 1, NULL, NULL, 0);
  CALL(SYS_futex, NULL, FUTEX_WAKE | 128, 1, NULL, NULL, 0);
  CALL(SYS_futex, FAR, FUTEX_WAKE, 1, NULL, NULL, 0);
  CALL(SYS_futex, FAR, FUTEX_WAIT, 1, NULL, NULL, 0);
  CALL(SYS_futex, &word, FUTEX_REQUEUE, -1, 1ul, &other, 0);
  CALL(SYS_futex, &word, FUTEX_REQUEUE, 1, -1ul, &other, 0);
  CALL(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1ul, &other, 7);
  CALL(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1ul, BAD, 0);
  OVER("futex wake_op", LIST(0, 1u << 28, 2u << 28, 3u << 28, 4u << 28, 5u << 28, 8u << 28, 15u << 28, 5u << 24, 6u << 24, 15u << 24), (other = 5, syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1ul, &other, X | 3u << 12 | 5u)));
}

static void ipc(void) {
  struct shmid_ds shm;
  struct msqid_ds msg;
  struct semid_ds sem;
  struct shminfo shm_info;
  struct msginfo msg_info;
  struct seminfo sem_info;
  int id = MUST(shmget(IPC_PRIVATE, 5000, 0600 | IPC_CREAT));
  OVER("shmget size", LIST(0, 1, -1ul), dropped(syscall(SYS_shmget, IPC_PRIVATE, X, 0)));
  OVER("shmget flags", LIST(0, 01000, 02000, 03000, 04000, 010000, 020000), syscall(SYS_shmget, 0x7ead, 4096, X) < 0 ? -1 : 0);
  OVER("shmctl", LIST(2, 11, 12, 15, 99, -1ul), syscall(SYS_shmctl, id, X, &shm) < 0 ? -1 : 0);
  OVER("shmctl far", LIST(1, 2, 3, 11, 12, 13, 14, 15), syscall(SYS_shmctl, id, X, FAR) < 0 ? -1 : 0);
  shmctl(shmget(0x7ead, 0, 0), IPC_RMID, NULL);
  SHOW(shmctl(0, IPC_INFO, (void*)&shm_info) >= 0);
  printf("%lu %lu %lu\n", shm_info.shmmax, shm_info.shmmin, shm_info.shmmni);
  OVER("shmat flags", LIST(0, 010000, 020000, 040000, 0100000, 0x100000), syscall(SYS_shmat, id, NULL, X) == -1 ? -1 : 0);
  OVER("shmat address", LIST(8, -4096ul), syscall(SYS_shmat, id, X, 0) == -1 ? -1 : 0);
  CALL(SYS_shmat, -1, NULL, 0);
  CALL(SYS_shmdt, 0);
  CALL(SYS_shmdt, 4097);
  CALL(SYS_shmctl, id, IPC_RMID, NULL);
  id = MUST(msgget(IPC_PRIVATE, 0600));
  OVER("msgctl", LIST(2, 11, 12, 13, 99, -1ul), syscall(SYS_msgctl, id, X, &msg) < 0 ? -1 : 0);
  SHOW(msgctl(0, IPC_INFO, (void*)&msg_info) >= 0);
  printf("%d %d %d\n", msg_info.msgmax, msg_info.msgmnb, msg_info.msgmni);
  struct {
    long type;
    char text[64];
  } message = {1, "text"};
  OVER("msgsnd type", LIST(1, 0, -1ul), (message.type = (long)X, syscall(SYS_msgsnd, id, &message, 5, IPC_NOWAIT)));
  OVER("msgsnd size", LIST(0, 5, 8193, -1ul), (message.type = 1, syscall(SYS_msgsnd, id, &message, X, IPC_NOWAIT)));
  CALL(SYS_msgsnd, id, NULL, 5, 0);
  OVER("msgrcv flags", LIST(IPC_NOWAIT, MSG_NOERROR | IPC_NOWAIT, MSG_EXCEPT | IPC_NOWAIT, MSG_COPY | IPC_NOWAIT, MSG_COPY, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), syscall(SYS_msgrcv, id, &message, 2, 0, X));
  OVER("msgrcv type", LIST(0, 1, 2, -1ul, 1ul << 63), syscall(SYS_msgrcv, id, &message, 64, X, IPC_NOWAIT));
  CALL(SYS_msgrcv, id, NULL, 64, 0, IPC_NOWAIT);
  CALL(SYS_msgctl, id, IPC_RMID, NULL);
  id = MUST(semget(IPC_PRIVATE, 3, 0600));
  OVER("semctl", LIST(2, 11, 12, 14, 15, 18, 19, 20, 99, -1ul), syscall(SYS_semctl, id, 0, X, &sem) < 0 ? -1 : 0);
  SHOW(semctl(0, 0, IPC_INFO, &sem_info) >= 0);
  printf("%d %d %d %d\n", sem_info.semmsl, sem_info.semmns, sem_info.semvmx, sem_info.semopm);
  CALL(SYS_semctl, id, 5, 12, 0);
  CALL(SYS_semctl, id, -1, 12, 0);
  CALL(SYS_semctl, id, 0, 16, 40000);
  CALL(SYS_semctl, id, 0, 16, 5);
  CALL(SYS_semctl, id, 0, 17, BAD);
  struct sembuf op = {0, -1, IPC_NOWAIT};
  OVER("semop count", LIST(0, 1, 501, -1ul), syscall(SYS_semop, id, &op, X));
  OVER("semop number", LIST(0, 2, 3, 0xffff), (op.sem_num = (unsigned short)X, syscall(SYS_semop, id, &op, 1)));
  struct timespec wrong = {0, -1};
  op = (struct sembuf){0, 0, 0};
  CALL(SYS_semtimedop, id, &op, 1, &wrong);
  CALL(SYS_semtimedop, id, NULL, 1, NULL);
  CALL(SYS_semctl, id, 0, IPC_RMID, 0);
  OVER("semget", LIST(0, 32001, -1ul), syscall(SYS_semget, IPC_PRIVATE, X, 0600) < 0 ? -1 : 0);
}

static char large_[8192];
static void scheduling(void) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
    uint64_t more;
  } a = {.size = 48};
  OVER("sched_setattr policy", LIST(0, 3, 4, 5, 7, 8, 99, -1ul), (a.policy = (uint32_t)X, a.size = 48, syscall(SYS_sched_setattr, 0, &a, 0)));
  a.policy = 0;
  OVER("sched_setattr size", LIST(0, 1, 47, 48, 56, 64, 4096, 4097), (a.size = (uint32_t)X, syscall(SYS_sched_setattr, 0, &a, 0)));
  a.more = 1;
  a.size = 64;
  CALL(SYS_sched_setattr, 0, &a, 0);
  printf("size %u\n", a.size);
  a.more = 0;
  a.size = 48;
  OVER("sched_setattr flags", LIST(1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100), (a.flags = X, syscall(SYS_sched_setattr, 0, &a, 0)));
  a.flags = 0;
  CALL(SYS_sched_setattr, 0, &a, 1);
  CALL(SYS_sched_setattr, -1, &a, 0);
  CALL(SYS_sched_setattr, 0, NULL, 0);
  CALL(SYS_sched_setattr, 0x7fffffff, &a, 0);
  OVER("sched_getattr size", LIST(0, 47, 48, 56, 64, 4096, 4097), syscall(SYS_sched_getattr, 0, large_, X, 0));
  CALL(SYS_sched_getattr, 0, NULL, 48, 0);
  CALL(SYS_sched_getattr, 0, &a, 48, 1);
  OVER("membarrier", LIST(0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, -1ul), syscall(SYS_membarrier, X, 0, 0) < 0 ? -1 : 0);
  CALL(SYS_membarrier, 1, 1, 0);
  OVER("getrandom", LIST(1, 2, 3, 4, 5, 6, 8), syscall(SYS_getrandom, &a, 4, X));
  OVER("getrusage", LIST(0, 1, -1ul, 2, -2ul), syscall(SYS_getrusage, X, large_));
  OVER("getpriority", LIST(0, 1, 2, 3, -1ul), syscall(SYS_getpriority, X, 0));
  OVER("ioprio_get", LIST(0, 1, 2, 3, 4), syscall(SYS_ioprio_get, X, 0) < 0 ? -1 : 0);
  OVER("getcpu", LIST(0, 8, -4096ul), syscall(SYS_getcpu, X, NULL, NULL));
  OVER("sched_getaffinity", LIST(0, 1, 7, 8, 12, 16, 128, 1024), syscall(SYS_sched_getaffinity, 0, X, large_) < 0 ? -1 : 0);
}

static void mappings(void) {
  int fd = MUST(open("mapped", O_RDWR | O_CREAT, 0600)), reader = MUST(open("mapped", O_RDONLY)), path = MUST(open("mapped", O_PATH));
  MUST(ftruncate(fd, 8192));
#define MAPS(...) ({ errno = 0; void* p_ = (void*)syscall(SYS_mmap, __VA_ARGS__); int e_ = errno; if (p_ != MAP_FAILED) munmap(p_, 4096); errno = e_; p_ == MAP_FAILED ? -1 : 0; })
  OVER("mmap flags", BITS, X == 0x10 ? 0 : MAPS(0, 4096, 3, X, fd, 0));
  OVER("mmap private and", BITS, X & 0x110010 ? 0 : MAPS(0, 4096, 3, X | MAP_PRIVATE, fd, 0));
  OVER("mmap anonymous and", BITS, X & 0x110010 ? 0 : MAPS(0, 4096, 3, X | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  OVER("mmap validated and", BITS, X & 0x110010 ? 0 : MAPS(0, 4096, 3, X | MAP_SHARED_VALIDATE, fd, 0));
  OVER("mmap protection", BITS, MAPS(0, 4096, X, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  OVER("mmap reader", LIST(0, 1, 2, 3, 4), MAPS(0, 4096, X, MAP_SHARED, reader, 0));
  OVER("mmap reader private", LIST(0, 1, 2, 3, 4), MAPS(0, 4096, X, MAP_PRIVATE, reader, 0));
  OVER("mmap descriptor", LIST(-1ul, 99, 0, 20000), MAPS(0, 4096, 1, MAP_SHARED, X, 0) < 0 && X == 0 ? 0 : MAPS(0, 4096, 1, MAP_SHARED, X, 0));
  SHOW(MAPS(0, 4096, 1, MAP_SHARED, path, 0));
  OVER("mmap offset", LIST(1, 4096, 8192, -4096ul, 1ul << 62, 1ul << 63), MAPS(0, 4096, 1, MAP_SHARED, fd, X));
  OVER("mmap length", LIST(0, 1, -1ul, -4096ul, 1ul << 47, 1ul << 48), MAPS(0, X, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  OVER("mmap fixed", LIST(1, -4096ul, 0x7ffffffff000, 1ul << 47), MAPS(X, 4096, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  char* p = MUST(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  OVER("mprotect", BITS, syscall(SYS_mprotect, p, 4096, X));
  MUST(mprotect(p, 16384, PROT_READ | PROT_WRITE));
  OVER("mprotect length", LIST(0, 1, 4097, -1ul, -4096ul), syscall(SYS_mprotect, p + 8192, X, 3));
  OVER("msync", BITS, syscall(SYS_msync, p, 4096, X));
  OVER("madvise", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 99, 104, -1ul), syscall(SYS_madvise, p, 4096, X));
  OVER("madvise of nothing", LIST(0, 4, 8, 26, 99, 104), syscall(SYS_madvise, p, 0, X));
  OVER("madvise far", LIST(0, 4, 8, 99), syscall(SYS_madvise, 1ul << 47, 4096, X));
  OVER("madvise unaligned", LIST(0, 4, 99), syscall(SYS_madvise, p + 1, 4096, X));
  OVER("mremap flags", LIST(2, 3, 4, 6, 7, 8, 16), syscall(SYS_mremap, p, 4096, 4096, X, 1) < 0 ? -1 : 0);
  OVER("mremap to", LIST(1, -4096ul, 1ul << 47), syscall(SYS_mremap, p, 4096, 4096, 3, X) < 0 ? -1 : 0);
  OVER("mremap length", LIST(0, 1ul << 47, -1ul), syscall(SYS_mremap, p + 8192, 4096, X, 1, 0) < 0 ? -1 : 0);
  OVER("mremap old length", LIST(0, 1ul << 47, -1ul), syscall(SYS_mremap, p + 8192, X, 4096, 1, 0) < 0 ? -1 : 0);
  OVER("mlock2", LIST(0, 1, 2, -1ul), syscall(SYS_mlock2, p + 8192, 4096, X));
  OVER("mincore", LIST(0, 4096, 4097, -1ul), syscall(SYS_mincore, p + 8192, X, large_));
  // Key 0 is there on processors with keys only, which no guest sees.
  OVER("pkey_mprotect", LIST(1, 15, 16, -1ul), syscall(SYS_pkey_mprotect, p + 8192, 4096, 3, X));
}

int main(void) {
  for (int i = 3; i < 256; i++) close(i);
  signal(SIGUSR1, SIG_IGN);
  signal(64, SIG_IGN);
  scratch();
  clones();
  waits();
  transfers();
  descriptors();
  futexes();
  ipc();
  scheduling();
  mappings();
  return 0;
}
