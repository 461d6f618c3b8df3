#include "monitor/syscalls/ioctl_table.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/sockios.h>

namespace barchan::ioctls {
namespace {

constexpr u16 kInt = 4;
constexpr u16 kOldTermios = 18;  // struct termio
constexpr u16 kTermios = 36;     // the kernel's struct termios
constexpr u16 kTermios2 = 44;
constexpr u16 kWindow = 8;  // struct winsize
constexpr u16 kTime = 16;   // struct timespec, struct timeval

constexpr Request value(u32 number) { return {number, Argument::kValue, 0, Object::kAny}; }
constexpr Request pointer(u32 number, u16 size) { return {number, Argument::kPointer, size, Object::kAny}; }
constexpr Request special(u32 number, Argument argument) { return {number, argument, 0, Object::kAny}; }
constexpr Request refused(Object object, u32 number, u16 error) {
  return {number, Argument::kRefused, error, object};
}

constexpr Request kRequests[] = {
    // Terminals (man 2const ioctl_tty).
    pointer(TCGETS, kTermios), pointer(TCSETS, kTermios), pointer(TCSETSW, kTermios),
    pointer(TCSETSF, kTermios), pointer(TCGETS2, kTermios2), pointer(TCSETS2, kTermios2),
    pointer(TCSETSW2, kTermios2), pointer(TCSETSF2, kTermios2), pointer(TCGETA, kOldTermios),
    pointer(TCSETA, kOldTermios), pointer(TCSETAW, kOldTermios), pointer(TCSETAF, kOldTermios),
    pointer(TIOCGLCKTRMIOS, kTermios), pointer(TIOCSLCKTRMIOS, kTermios), value(TCSBRK), value(TCSBRKP),
    value(TIOCSBRK), value(TIOCCBRK), value(TCXONC), value(TCFLSH), value(TIOCEXCL), value(TIOCNXCL),
    pointer(TIOCGEXCL, kInt), value(TIOCSCTTY), value(TIOCNOTTY), pointer(TIOCGPGRP, kInt),
    pointer(TIOCSPGRP, kInt), pointer(TIOCGSID, kInt), pointer(TIOCOUTQ, kInt),
    refused(Object::kTerminal, TIOCSTI,
            EIO),  // typing into the terminal of who started us; as with dev.tty.legacy_tiocsti=0
    refused(Object::kTerminal, TIOCLINUX, EPERM),  // pasting into it
    refused(Object::kTerminal, TIOCCONS, EPERM), refused(Object::kTerminal, TIOCVHANGUP, EPERM),
    pointer(TIOCGWINSZ, kWindow), pointer(TIOCSWINSZ, kWindow), pointer(TIOCMGET, kInt),
    pointer(TIOCMSET, kInt), pointer(TIOCMBIS, kInt), pointer(TIOCMBIC, kInt), pointer(TIOCGSOFTCAR, kInt),
    pointer(TIOCSSOFTCAR, kInt), pointer(TIOCGETD, kInt), special(TIOCSETD, Argument::kDiscipline),
    pointer(TIOCGDEV, kInt), pointer(TIOCPKT, kInt), pointer(TIOCGPKT, kInt), pointer(TIOCGPTN, kInt),
    pointer(TIOCSPTLCK, kInt), pointer(TIOCGPTLCK, kInt), value(TIOCSIG),
    special(TIOCGPTPEER, Argument::kNewFd), pointer(FIONREAD, kInt),

    // Any descriptor.
    pointer(FIONBIO, kInt), pointer(FIOASYNC, kInt), value(FIOCLEX), value(FIONCLEX), pointer(FIOQSIZE, 8),

    // Files and file systems.
    special(FICLONE, Argument::kFd), special(FICLONERANGE, Argument::kCloneRange),
    special(FIDEDUPERANGE, Argument::kDedupeRange), pointer(FIGETBSZ, kInt), pointer(FS_IOC_GETFLAGS, 8),
    pointer(FS_IOC_SETFLAGS, 8), pointer(FS_IOC_GETVERSION, 8), pointer(FS_IOC_SETVERSION, 8),
    pointer(FS_IOC_FSGETXATTR, sizeof(fsxattr)), pointer(FS_IOC_FSSETXATTR, sizeof(fsxattr)),
    pointer(FS_IOC_GETFSLABEL, FSLABEL_MAX),
    pointer(0xc020660b, 32),   // FS_IOC_FIEMAP: extents follow the structure, written one by one
    pointer(0x40305828, 48),   // FS_IOC_RESVSP
    pointer(0x4030582a, 48),   // FS_IOC_RESVSP64
    pointer(0x40305829, 48),   // FS_IOC_UNRESVSP
    pointer(0x4030582b, 48),   // FS_IOC_UNRESVSP64
    pointer(0x40305839, 48),   // FS_IOC_ZERO_RANGE
    pointer(0x80111500, 17),   // FS_IOC_GETFSUUID
    pointer(0x80811501, 129),  // FS_IOC_GETFSSYSFSPATH
    refused(Object::kDiskFile, FS_IOC_SETFSLABEL, EPERM), refused(Object::kRegular, FIBMAP, EPERM),
    refused(Object::kAny, FIFREEZE, EPERM), refused(Object::kAny, FITHAW, EPERM),
    refused(Object::kDiskFile, FITRIM, EPERM),

    // Block devices: asking only.
    pointer(BLKROGET, kInt), pointer(BLKGETSIZE, 8), pointer(BLKGETSIZE64, 8), pointer(BLKSSZGET, kInt),
    pointer(BLKPBSZGET, kInt), pointer(BLKBSZGET, 8), pointer(BLKIOMIN, kInt), pointer(BLKIOOPT, kInt),
    pointer(BLKALIGNOFF, kInt),

    // Sockets and network interfaces: asking only; changes need CAP_NET_ADMIN.
    pointer(FIOSETOWN, kInt), pointer(SIOCSPGRP, kInt), pointer(FIOGETOWN, kInt), pointer(SIOCGPGRP, kInt),
    pointer(SIOCATMARK, kInt), pointer(SIOCGSTAMP_OLD, kTime), pointer(SIOCGSTAMPNS_OLD, kTime),
    pointer(SIOCGSTAMP_NEW, kTime), pointer(SIOCGSTAMPNS_NEW, kTime), pointer(SIOCOUTQNSD, kInt),
    special(SIOCGIFCONF, Argument::kInterfaceList), pointer(SIOCGIFNAME, kInterface),
    pointer(SIOCGIFINDEX, kInterface), pointer(SIOCGIFFLAGS, kInterface), pointer(SIOCGIFADDR, kInterface),
    pointer(SIOCGIFDSTADDR, kInterface), pointer(SIOCGIFBRDADDR, kInterface),
    pointer(SIOCGIFNETMASK, kInterface), pointer(SIOCGIFMETRIC, kInterface), pointer(SIOCGIFMTU, kInterface),
    pointer(SIOCGIFHWADDR, kInterface), pointer(SIOCGIFTXQLEN, kInterface), pointer(SIOCGIFMAP, kInterface),
    pointer(SIOCGIFSLAVE, kInterface), pointer(SIOCGIFPFLAGS, kInterface), pointer(SIOCGARP, 68),
    refused(Object::kSocket, SIOCETHTOOL, EOPNOTSUPP), refused(Object::kSocket, SIOCSIFFLAGS, EPERM),
    refused(Object::kSocket, SIOCSIFADDR, EPERM), refused(Object::kSocket, SIOCSIFDSTADDR, EPERM),
    refused(Object::kSocket, SIOCSIFBRDADDR, EPERM), refused(Object::kSocket, SIOCSIFNETMASK, EPERM),
    refused(Object::kSocket, SIOCSIFMETRIC, EPERM), refused(Object::kSocket, SIOCSIFMTU, EPERM),
    refused(Object::kSocket, SIOCSIFHWADDR, EPERM), refused(Object::kSocket, SIOCSIFNAME, EPERM),
    refused(Object::kSocket, SIOCSIFTXQLEN, EPERM), refused(Object::kSocket, SIOCSIFSLAVE, EPERM),
    refused(Object::kSocket, SIOCADDMULTI, EPERM), refused(Object::kSocket, SIOCDELMULTI, EPERM),
    refused(Object::kSocket, SIOCSIFHWBROADCAST, EPERM), refused(Object::kSocket, SIOCGMIIPHY, EPERM),
    refused(Object::kSocket, SIOCGMIIREG, EPERM), refused(Object::kSocket, SIOCSMIIREG, EPERM),
    refused(Object::kSocket, SIOCSIFMAP, EPERM), refused(Object::kSocket, SIOCBONDENSLAVE, EPERM),
    refused(Object::kSocket, SIOCADDRT, EPERM), refused(Object::kSocket, SIOCDELRT, EPERM),
    refused(Object::kSocket, SIOCSARP, EPERM), refused(Object::kSocket, SIOCDARP, EPERM),

    // Others.
    pointer(RNDGETENTCNT, kInt), refused(Object::kRandom, RNDADDTOENTCNT, EPERM),
    refused(Object::kRandom, RNDADDENTROPY, EPERM), refused(Object::kRandom, RNDZAPENTCNT, EPERM),
    refused(Object::kRandom, RNDCLEARPOOL, EPERM), refused(Object::kRandom, RNDRESEEDCRNG, EPERM),
    special(0xff01, Argument::kNewFd),  // PIDFD_GET_CGROUP_NAMESPACE and its kin
    special(0xff02, Argument::kNewFd), special(0xff03, Argument::kNewFd), special(0xff04, Argument::kNewFd),
    special(0xff05, Argument::kNewFd), special(0xff06, Argument::kNewFd), special(0xff07, Argument::kNewFd),
    special(0xff08, Argument::kNewFd), special(0xff09, Argument::kNewFd), special(0xff0a, Argument::kNewFd),
    pointer(0xc040ff0b, 64),  // PIDFD_GET_INFO, as it has grown
    pointer(0xc048ff0b, 72), pointer(0xc050ff0b, 80),
    pointer(0x40085400, 8),  // TFD_IOC_SET_TICKS of a timerfd
    value(0x40044900),       // INOTIFY_IOC_SETNEXTWD
    pointer(0x40088a01, 8),  // EPIOCSPARAMS of an epoll
    pointer(0x80088a02, 8),  // EPIOCGPARAMS
};

}  // namespace

const Request* find(u32 number) {
  for (const Request& request : kRequests) {
    if (request.number == number) return &request;
  }
  return nullptr;
}

const Request* at(u32 index) {
  return index < sizeof kRequests / sizeof kRequests[0] ? &kRequests[index] : nullptr;
}

}  // namespace barchan::ioctls
