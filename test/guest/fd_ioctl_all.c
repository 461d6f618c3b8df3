// Shows: some 200 requests of ioctl on every kind of descriptor, with good and bad arguments, as an unprivileged user.
// run: both ; timeout 60s
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "guest.h"

struct kind {
  const char* name;
  int fd;
};

// Left out: what needs privileges that no guest has (EPERM, see docs/syscalls.md, where Linux may look at more before); what waits, hangs up, makes a controlling terminal, or changes how later lines look.
static const unsigned requests[] = {
    // Terminals.
    TCGETS, 0x802c542a, TCGETA, TIOCGLCKTRMIOS, TCSETS, 0x402c542b, TCSETA, TIOCSLCKTRMIOS, TIOCGEXCL, TIOCNXCL, TIOCGPGRP, TIOCSPGRP, TIOCGSID,
    TIOCOUTQ, TIOCGWINSZ, TIOCSWINSZ, TIOCMGET, TIOCMSET, TIOCMBIS, TIOCMBIC, TIOCGSOFTCAR, TIOCSSOFTCAR, TIOCGETD,
    TIOCGDEV, TIOCPKT, TIOCGPKT, TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK, FIONREAD, TIOCGSERIAL, TIOCGICOUNT, TIOCMIWAIT,
    TIOCSERGETLSR, TIOCSERCONFIG, TIOCSERGWILD, TIOCGRS485, TIOCSRS485, TCGETX, TIOCVHANGUP, 0x5456, 0x5457,
    // Any descriptor.
    FIONBIO, FIOASYNC, FIONCLEX, FIOQSIZE,
    // Files.
    FIGETBSZ, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_GETVERSION, FS_IOC_SETVERSION, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, FS_IOC_GETFSLABEL,
    FS_IOC_SETFSLABEL, 0xc020660b, FIBMAP, FIFREEZE, FITHAW, FITRIM, 0x40305828, 0x4030582a, 0x40305829, 0x4030582b, 0x40305839,
    0x80111500, 0x80811501, 0xc0c0583c,
    // Block devices and disks.
    BLKROGET, BLKROSET, BLKRRPART, BLKGETSIZE, BLKFLSBUF, BLKRASET, BLKRAGET, BLKFRASET, BLKFRAGET, BLKSECTGET, BLKSSZGET, BLKBSZGET,
    BLKBSZSET, BLKGETSIZE64, BLKDISCARD, BLKIOMIN, BLKIOOPT, BLKALIGNOFF, BLKPBSZGET, BLKDISCARDZEROES, BLKSECDISCARD, BLKROTATIONAL,
    BLKZEROOUT, 0x0301, 0x2285, 0x5310, 0x5331,
    // Sockets and interfaces.
    SIOCATMARK, SIOCOUTQNSD, SIOCGSTAMP_OLD, SIOCGSTAMPNS_OLD, FIOGETOWN, SIOCGPGRP, SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCSIFFLAGS,
    SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, 
    SIOCGIFMETRIC, SIOCSIFMETRIC, SIOCGIFMEM, SIOCSIFMEM, SIOCGIFMTU, SIOCSIFMTU, SIOCSIFNAME, SIOCSIFHWADDR, SIOCGIFENCAP,
    SIOCSIFENCAP, SIOCGIFHWADDR, SIOCGIFSLAVE, SIOCSIFSLAVE, SIOCADDMULTI, SIOCDELMULTI, SIOCGIFINDEX, SIOCGIFPFLAGS,
    SIOCSIFHWBROADCAST, SIOCGIFCOUNT, SIOCGIFTXQLEN, SIOCSIFTXQLEN, SIOCGMIIPHY,
    SIOCGMIIREG, SIOCSMIIREG, SIOCGARP, SIOCDRARP, SIOCGRARP, SIOCSRARP, SIOCGIFMAP, SIOCSIFMAP,
    SIOCADDDLCI, SIOCDELDLCI, SIOCBONDENSLAVE, SIOCPROTOPRIVATE + 1, 0x8b01, 0x8b15, 0x894b,
    // Random, timers, epoll, inotify, pidfds, tun, nothing.
    RNDGETENTCNT, RNDADDTOENTCNT, RNDADDENTROPY, RNDZAPENTCNT, RNDCLEARPOOL, RNDRESEEDCRNG, 0x40085400, 0x40044900, 0x40088a01, 0x80088a02,
    0xff01, 0xff02, 0xff03, 0xff0a, 0xc040ff0b, 0x400454ca, 0x800454d2, 0xb701, 0xb703, 0x40047602, 0x80047601, 0x5421ab, 0, 0xffffffff, 0xae00, 0xae01, 0xae80,
};

static int hidden(const char* kind, unsigned request) {
  // Sizes and times that differ from run to run.
  (void)kind;
  return request == FS_IOC_GETVERSION;
}

int main(void) {
  for (int i = 3; i < 64; i++) close(i);
  signal(SIGIO, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  scratch();
  MUST(chmod(".", 0777));
  if (getuid() == 0) MUST(setresuid(65534, 65534, 65534));
  int pair[2], pipes[2], master, slave;
  sigset_t none;
  sigemptyset(&none);
  MUST(openpty(&master, &slave, NULL, NULL, NULL));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  MUST(pipe(pipes));
  struct kind kinds[] = {
      {"file", MUST(open("file", O_RDWR | O_CREAT, 0600))},
      {"path", MUST(open("file", O_PATH))},
      {"directory", MUST(open(".", O_RDONLY | O_DIRECTORY))},
      {"memfd", MUST(memfd_create("m", MFD_ALLOW_SEALING))},
      {"null", MUST(open("/dev/null", O_RDWR))},
      {"zero", MUST(open("/dev/zero", O_RDWR))},
      {"random", MUST(open("/dev/urandom", O_RDONLY))},
      {"proc", MUST(open("/proc/self/comm", O_RDONLY))},
      {"sysfs", open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY)},
      {"eventfd", MUST(eventfd(0, 0))},
      {"epoll", MUST(epoll_create1(0))},
      {"timer", MUST(timerfd_create(CLOCK_MONOTONIC, 0))},
      {"signals", MUST(signalfd(-1, &none, 0))},
      {"inotify", MUST(inotify_init1(0))},
      {"pidfd", MUST((int)syscall(SYS_pidfd_open, getpid(), 0))},
      {"udp", MUST(socket(AF_INET, SOCK_DGRAM, 0))},
      {"tcp", MUST(socket(AF_INET, SOCK_STREAM, 0))},
      {"tcp6", MUST(socket(AF_INET6, SOCK_STREAM, 0))},
      {"netlink", MUST(socket(AF_NETLINK, SOCK_RAW, 0))},
      {"unix", pair[0]},
      {"pipe", pipes[1]},
      {"terminal", slave},
      {"master", master},
      {"closed", 63},
      {"private", 20000},
  };
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (kinds[i].fd < 0) continue;  // no such file here
    for (unsigned j = 0; j < sizeof requests / sizeof *requests; j++) {
      long r[5];
      int e[5];
      for (int k = 0; k < 5; k++) {
        unsigned char memory[4096] = {0};
        const unsigned long arguments[] = {(unsigned long)memory, 0, 8, -4096ul, 77};
        errno = 0;
        r[k] = syscall(SYS_ioctl, kinds[i].fd, requests[j], arguments[k]);
        e[k] = errno;
      }
      int dull = 1;
      for (int k = 0; k < 5; k++) dull &= r[k] < 0 && e[k] == (i + 2 < sizeof kinds / sizeof *kinds && i != 1 ? ENOTTY : EBADF);
      if (dull) continue;
      printf("%s %x:", kinds[i].name, requests[j]);
      for (int k = 0; k < 5; k++) {
        if (r[k] < 0) printf(" %s", errno_name(e[k]));
        else if (hidden(kinds[i].name, requests[j])) printf(" some");
        else printf(" %ld", r[k]);
      }
      printf("\n");
      if (r[0] > 2 && requests[j] >> 8 == 0xff) close((int)r[0]);  // pidfds' namespaces
    }
  }
  return 0;
}
