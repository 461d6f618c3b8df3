// Shows: IPv6 flow labels (IPV6_FLOWLABEL_MGR) and packet rings in shared memory (PACKET_RX_RING, PACKET_TX_RING), as whoever runs it and as an ordinary user.
// run: both ; timeout 60s
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "guest.h"

// Labels are the network namespace's, and linger there: each run and each user has its own.
static unsigned own_label(unsigned value) { return ((unsigned)getpid() << 3 ^ value) & 0xfffff; }

static void label(int fd, unsigned value, int action, int share, int flags, unsigned short linger) {
  struct in6_flowlabel_req r = {.flr_label = htonl(value > 0xfffff ? value : own_label(value)), .flr_action = (uint8_t)action, .flr_share = (uint8_t)share, .flr_flags = (uint16_t)flags, .flr_expires = 10, .flr_linger = linger};
  r.flr_dst.s6_addr[15] = 1;
  const int result = setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &r, sizeof r);
  printf("label %x action %d share %d flags %x: %s\n", value, action, share, flags, result < 0 ? errno_name(errno) : "ok");
}

static void flow_labels(void) {
  const int fd = socket(AF_INET6, SOCK_DGRAM, 0), other = socket(AF_INET6, SOCK_DGRAM, 0);
  if (fd < 0) {
    printf("no IPv6: %s\n", errno_name(errno));
    return;
  }
  for (int action = 0; action < 5; action++)
    for (int share = 0; share < 5; share++) label(fd, 5, action, share, 0, 0);
  label(fd, 1, IPV6_FL_A_GET, IPV6_FL_S_ANY, IPV6_FL_F_CREATE, 6);
  label(fd, 1, IPV6_FL_A_GET, IPV6_FL_S_ANY, 0, 6);
  label(other, 1, IPV6_FL_A_GET, IPV6_FL_S_ANY, 0, 6);
  label(fd, 1, IPV6_FL_A_RENEW, IPV6_FL_S_ANY, 0, 6);
  label(fd, 2, IPV6_FL_A_GET, IPV6_FL_S_EXCL, IPV6_FL_F_CREATE, 6);
  label(other, 2, IPV6_FL_A_GET, IPV6_FL_S_EXCL, IPV6_FL_F_CREATE, 6);
  label(other, 2, IPV6_FL_A_GET, IPV6_FL_S_ANY, 0, 6);
  label(fd, 3, IPV6_FL_A_GET, IPV6_FL_S_USER, IPV6_FL_F_CREATE | IPV6_FL_F_EXCL, 6);
  label(other, 3, IPV6_FL_A_GET, IPV6_FL_S_USER, 0, 6);
  label(fd, 4, IPV6_FL_A_GET, IPV6_FL_S_PROCESS, IPV6_FL_F_CREATE, 6);
  label(fd, 0x100000, IPV6_FL_A_GET, IPV6_FL_S_ANY, IPV6_FL_F_CREATE, 6);
  label(fd, 7, IPV6_FL_A_PUT, IPV6_FL_S_ANY, 0, 6);
  label(fd, 1, IPV6_FL_A_PUT, IPV6_FL_S_ANY, 0, 6);
  label(fd, 1, IPV6_FL_A_PUT, IPV6_FL_S_ANY, 0, 6);
  struct in6_flowlabel_req got = {0};
  socklen_t size = sizeof got;
  SHOW(getsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &got, &size));
  got.flr_flags = IPV6_FL_F_REMOTE;
  SHOW(getsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &got, &size));
  SHOW(setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &got, 4));
  SHOW(setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, (void*)8, sizeof got));
  int on = 1;
  SHOW(setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWINFO_SEND, &on, sizeof on));
  SHOW(setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWINFO, &on, sizeof on));
  SHOW(setsockopt(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &on, sizeof on));
  // Sent with a label and seen by the receiver.
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  if (bind(other, (void*)&address, sizeof address) < 0) {
    printf("bind: %s\n", errno_name(errno));
    return;
  }
  socklen_t length = sizeof address;
  MUST(getsockname(other, (void*)&address, &length));
  SHOW(setsockopt(other, IPPROTO_IPV6, IPV6_FLOWINFO, &on, sizeof on));
  address.sin6_flowinfo = htonl(own_label(3));
  SHOW(sendto(fd, "labelled", 8, 0, (void*)&address, sizeof address));
  address.sin6_flowinfo = htonl(own_label(6));
  SHOW(sendto(fd, "unknown", 7, 0, (void*)&address, sizeof address));
  char text[32], control[128];
  struct iovec io = {text, sizeof text};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  SHOW(recvmsg(other, &m, MSG_DONTWAIT));
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) printf("type %d: %x\n", c->cmsg_type, ntohl(*(unsigned*)CMSG_DATA(c)) ^ own_label(0));
  close(fd);
  close(other);
}

// Frames of a protocol of this process's own, which other runs do not send.
static unsigned short own_protocol(void) { return (unsigned short)(0xa000 | (getpid() & 0xfff)); }

// Frames written into a ring that the kernel sends from, on the loopback interface; seen by a ring that it fills.
static void packet_rings(void) {
  const int sender = socket(AF_PACKET, SOCK_RAW, 0);
  if (sender < 0) {
    printf("packet: %s\n", errno_name(errno));
    return;
  }
  const int receiver = MUST(socket(AF_PACKET, SOCK_RAW, htons(own_protocol())));
  static const struct {
    unsigned block, blocks, frame, frames;
  } kRings[] = {{0, 0, 0, 0}, {4096, 2, 2048, 4}, {4096, 2, 2048, 5}, {4095, 2, 2048, 4}, {4096, 2, 17, 4}, {4096, 0, 2048, 4}, {4096, 2, 8192, 1}, {4096, 2, 16, 512}, {1u << 31, 2, 2048, 1u << 21}};
  for (int ring = 0; ring < 2; ring++)
    for (unsigned i = 0; i < sizeof kRings / sizeof *kRings; i++) {
      const int fd = MUST(socket(AF_PACKET, SOCK_RAW, 0));
      struct tpacket_req r = {kRings[i].block, kRings[i].blocks, kRings[i].frame, kRings[i].frames};
      const int result = setsockopt(fd, SOL_PACKET, ring ? PACKET_TX_RING : PACKET_RX_RING, &r, sizeof r);
      printf("ring %d of %u %u %u %u: %s", ring, r.tp_block_size, r.tp_block_nr, r.tp_frame_size, r.tp_frame_nr, result < 0 ? errno_name(errno) : "ok");
      const void* at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      printf(", mapped: %s\n", at == MAP_FAILED ? errno_name(errno) : "ok");
      if (at != MAP_FAILED) munmap((void*)at, 8192);
      close(fd);
    }
  struct tpacket_req r = {4096, 2, 2048, 4};
  int version = TPACKET_V2, loss = 1;
  MUST(setsockopt(sender, SOL_PACKET, PACKET_LOSS, &loss, sizeof loss));
  for (int i = 0; i < 2; i++) {
    const int fd = i ? receiver : sender;
    MUST(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version));
    MUST(setsockopt(fd, SOL_PACKET, i ? PACKET_RX_RING : PACKET_TX_RING, &r, sizeof r));
    SHOW(setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version));
  }
  SHOW(setsockopt(sender, SOL_PACKET, PACKET_LOSS, &loss, sizeof loss));
  char* out = MUST((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, sender, 0));
  char* in = MUST((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, receiver, 0));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_SHARED, sender, 0) == MAP_FAILED);
  SHOW(mmap(NULL, 8192, PROT_READ, MAP_SHARED, sender, 4096) == MAP_FAILED);
  SHOW(setsockopt(sender, SOL_PACKET, PACKET_TX_RING, &r, sizeof r));
  struct ifreq request = {.ifr_name = "lo"};
  MUST(ioctl(sender, SIOCGIFINDEX, &request));
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(own_protocol()), .sll_ifindex = request.ifr_ifindex};
  MUST(bind(receiver, (void*)&address, sizeof address));
  MUST(ioctl(sender, SIOCGIFFLAGS, &request));
  const int up = request.ifr_flags & IFF_UP;
  printf("loopback is %s\n", up ? "up" : "down");
  for (int i = 0; i < 4; i++) {
    struct tpacket2_hdr* h = (void*)(out + i * 2048);
    char* frame = (char*)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);
    memset(frame, 0, 14);
    frame[12] = (char)(own_protocol() >> 8);
    frame[13] = (char)own_protocol();
    snprintf(frame + 14, 32, "frame number %d", i);
    h->tp_len = i == 2 ? 5000 : 64;
    h->tp_status = TP_STATUS_SEND_REQUEST;
  }
  SHOW(sendto(sender, NULL, 0, 0, (void*)&address, sizeof address));
  for (int i = 0; i < 4; i++) printf("sent %d: %x\n", i, ((struct tpacket2_hdr*)(out + i * 2048))->tp_status & 7);
  struct pollfd p = {.fd = receiver, .events = POLLIN};
  if (up) SHOW(poll(&p, 1, 5000));
  for (int i = 0; up && i < 4; i++) {
    struct tpacket2_hdr* h = (void*)(in + i * 2048);
    if (!(h->tp_status & TP_STATUS_USER)) continue;
    printf("received %d: %u %s\n", i, h->tp_len, (char*)h + h->tp_mac + 14);
    h->tp_status = TP_STATUS_KERNEL;
  }
  struct tpacket_stats stats;
  socklen_t size = sizeof stats;
  SHOW(getsockopt(receiver, SOL_PACKET, PACKET_STATISTICS, &stats, &size));
  munmap(out, 8192);
  munmap(in, 8192);
  close(sender);
  close(receiver);
}

int main(void) {
  flow_labels();
  packet_rings();
  const pid_t pid = MUST(fork());
  if (pid == 0) {
    if (geteuid() == 0) {
      MUST(setresgid(65534, 65534, 65534));
      MUST(setresuid(65534, 65534, 65534));
    }
    printf("-- as a user\n");
    flow_labels();
    packet_rings();
    _exit(0);
  }
  reap("user", pid);
  return guest_failed();
}
