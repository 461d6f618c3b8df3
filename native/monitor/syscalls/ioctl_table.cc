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
constexpr u16 kWindow = 8;      // struct winsize
constexpr u16 kInterface = 40;  // struct ifreq
constexpr u16 kTime = 16;       // struct timespec, struct timeval

constexpr Request value(u32 number) { return {number, Argument::kValue, 0}; }
constexpr Request pointer(u32 number, u16 size) { return {number, Argument::kPointer, size}; }
constexpr Request refused(u32 number, u16 error) { return {number, Argument::kRefused, error}; }

constexpr Request kRequests[] = {
    // Terminals (man 2const ioctl_tty).
    pointer(TCGETS, kTermios),
    pointer(TCSETS, kTermios),
    pointer(TCSETSW, kTermios),
    pointer(TCSETSF, kTermios),
    pointer(TCGETS2, kTermios2),
    pointer(TCSETS2, kTermios2),
    pointer(TCSETSW2, kTermios2),
    pointer(TCSETSF2, kTermios2),
    pointer(TCGETA, kOldTermios),
    pointer(TCSETA, kOldTermios),
    pointer(TCSETAW, kOldTermios),
    pointer(TCSETAF, kOldTermios),
    pointer(TIOCGLCKTRMIOS, kTermios),
    pointer(TIOCSLCKTRMIOS, kTermios),
    value(TCSBRK),
    value(TCSBRKP),
    value(TIOCSBRK),
    value(TIOCCBRK),
    value(TCXONC),
    value(TCFLSH),
    value(TIOCEXCL),
    value(TIOCNXCL),
    pointer(TIOCGEXCL, kInt),
    value(TIOCSCTTY),
    value(TIOCNOTTY),
    pointer(TIOCGPGRP, kInt),
    pointer(TIOCSPGRP, kInt),
    pointer(TIOCGSID, kInt),
    pointer(TIOCOUTQ, kInt),
    refused(TIOCSTI, EIO),  // typing into the terminal of who started us; as with dev.tty.legacy_tiocsti=0
    refused(TIOCLINUX, EPERM),  // pasting into it
    refused(TIOCCONS, EPERM),
    pointer(TIOCGWINSZ, kWindow),
    pointer(TIOCSWINSZ, kWindow),
    pointer(TIOCMGET, kInt),
    pointer(TIOCMSET, kInt),
    pointer(TIOCMBIS, kInt),
    pointer(TIOCMBIC, kInt),
    pointer(TIOCGSOFTCAR, kInt),
    pointer(TIOCSSOFTCAR, kInt),
    pointer(TIOCGETD, kInt),
    {TIOCSETD, Argument::kDiscipline, 0},
    pointer(TIOCGDEV, kInt),
    pointer(TIOCPKT, kInt),
    pointer(TIOCGPKT, kInt),
    pointer(TIOCGPTN, kInt),
    pointer(TIOCSPTLCK, kInt),
    pointer(TIOCGPTLCK, kInt),
    value(TIOCSIG),
    {TIOCGPTPEER, Argument::kNewFd, 0},
    pointer(FIONREAD, kInt),

    // Any descriptor.
    pointer(FIONBIO, kInt),
    pointer(FIOASYNC, kInt),
    value(FIOCLEX),
    value(FIONCLEX),
    pointer(FIOQSIZE, 8),

    // Files and file systems.
    {FICLONE, Argument::kFd, 0},
    {FICLONERANGE, Argument::kCloneRange, 0},
    {FIDEDUPERANGE, Argument::kDedupeRange, 0},
    pointer(FIGETBSZ, kInt),
    pointer(FS_IOC_GETFLAGS, 8),
    pointer(FS_IOC_SETFLAGS, 8),
    pointer(FS_IOC_GETVERSION, 8),
    pointer(FS_IOC_FSGETXATTR, sizeof(fsxattr)),
    pointer(FS_IOC_FSSETXATTR, sizeof(fsxattr)),
    pointer(FS_IOC_GETFSLABEL, FSLABEL_MAX),
    pointer(0xc020660b, 32),  // FS_IOC_FIEMAP: extents follow the structure, written one by one
    pointer(0x40305828, 48),  // FS_IOC_RESVSP
    pointer(0x4030582a, 48),  // FS_IOC_RESVSP64
    refused(FIBMAP, EPERM),
    refused(FIFREEZE, EPERM),
    refused(FITHAW, EPERM),
    refused(FITRIM, EPERM),

    // Block devices: asking only.
    pointer(BLKROGET, kInt),
    pointer(BLKGETSIZE, 8),
    pointer(BLKGETSIZE64, 8),
    pointer(BLKSSZGET, kInt),
    pointer(BLKPBSZGET, kInt),
    pointer(BLKBSZGET, 8),
    pointer(BLKIOMIN, kInt),
    pointer(BLKIOOPT, kInt),
    pointer(BLKALIGNOFF, kInt),

    // Sockets and network interfaces: asking only; changes need CAP_NET_ADMIN.
    pointer(FIOSETOWN, kInt),
    pointer(SIOCSPGRP, kInt),
    pointer(FIOGETOWN, kInt),
    pointer(SIOCGPGRP, kInt),
    pointer(SIOCATMARK, kInt),
    pointer(SIOCGSTAMP_OLD, kTime),
    pointer(SIOCGSTAMPNS_OLD, kTime),
    pointer(SIOCGSTAMP_NEW, kTime),
    pointer(SIOCGSTAMPNS_NEW, kTime),
    pointer(SIOCOUTQNSD, kInt),
    {SIOCGIFCONF, Argument::kInterfaceList, 0},
    pointer(SIOCGIFNAME, kInterface),
    pointer(SIOCGIFINDEX, kInterface),
    pointer(SIOCGIFFLAGS, kInterface),
    pointer(SIOCGIFADDR, kInterface),
    pointer(SIOCGIFDSTADDR, kInterface),
    pointer(SIOCGIFBRDADDR, kInterface),
    pointer(SIOCGIFNETMASK, kInterface),
    pointer(SIOCGIFMETRIC, kInterface),
    pointer(SIOCGIFMTU, kInterface),
    pointer(SIOCGIFHWADDR, kInterface),
    pointer(SIOCGIFTXQLEN, kInterface),
    pointer(SIOCGIFMAP, kInterface),
    pointer(SIOCGARP, 68),
    refused(SIOCETHTOOL, EOPNOTSUPP),
    refused(SIOCSIFFLAGS, EPERM),
    refused(SIOCSIFADDR, EPERM),
    refused(SIOCSIFDSTADDR, EPERM),
    refused(SIOCSIFBRDADDR, EPERM),
    refused(SIOCSIFNETMASK, EPERM),
    refused(SIOCSIFMETRIC, EPERM),
    refused(SIOCSIFMTU, EPERM),
    refused(SIOCSIFHWADDR, EPERM),
    refused(SIOCSIFNAME, EPERM),
    refused(SIOCSIFTXQLEN, EPERM),
    refused(SIOCADDRT, EPERM),
    refused(SIOCDELRT, EPERM),
    refused(SIOCSARP, EPERM),
    refused(SIOCDARP, EPERM),

    // Others.
    pointer(RNDGETENTCNT, kInt),
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
