// Shows: what mmap refuses by its arguments, and which of two errors comes first; that what it refuses changes nothing.
// run: both
#include "guest.h"

#define TRY(...)                                                \
  ({                                                            \
    errno = 0;                                                  \
    void* at_ = mmap(__VA_ARGS__);                              \
    printf("%s: %s\n", #__VA_ARGS__, at_ == MAP_FAILED ? errno_name(errno) : "mapped"); \
    at_;                                                        \
  })

enum { P = 4096, kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS };

int main(void) {
  int file = MUST(open("file", O_RDWR | O_CREAT, 0600)), reader = MUST(open("file", O_RDONLY));
  int writer = MUST(open("file", O_WRONLY)), pipes[2];
  MUST(ftruncate(file, 2 * P));
  MUST(pipe(pipes));

  TRY(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0);
  TRY(NULL, 0, PROT_READ, MAP_PRIVATE, file, 0);
  TRY(NULL, 0, PROT_READ, 0, -1, 1);
  TRY(NULL, -1ul, PROT_READ, MAP_PRIVATE, -1, 0);
  TRY(NULL, -1ul, PROT_READ, MAP_PRIVATE, file, 0);
  TRY(NULL, P, PROT_READ, 0, -1, 0);
  TRY(NULL, P, PROT_READ, 0, file, 0);
  TRY(NULL, P, PROT_READ, 4 | MAP_ANONYMOUS, -1, 0);
  TRY(NULL, P, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0);
  TRY(NULL, P, PROT_READ, MAP_PRIVATE, file, 123);
  TRY(NULL, 2 * P, PROT_READ, MAP_PRIVATE, file, -P);
  TRY(NULL, 2 * P, PROT_READ, kAnonymous, -1, -P);
  TRY(NULL, 2 * P, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, -P);
  TRY(NULL, P, PROT_READ, kAnonymous | MAP_GROWSDOWN, -1, 0);
  TRY(NULL, P, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
  for (unsigned size = 0; size < 64; size++) {
    if (size == 0 || size == 21 || size == 30) continue;
    errno = 0;
    CHECK(mmap(NULL, P, PROT_READ, kAnonymous | MAP_HUGETLB | size << 26, -1, 0) == MAP_FAILED && errno == EINVAL);
  }
  TRY(NULL, P, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, file, 0);
  TRY(NULL, P, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, -1, 0);
  TRY(NULL, P, PROT_READ, MAP_PRIVATE, pipes[0], 0);
  TRY(NULL, P, PROT_READ, MAP_PRIVATE, writer, 0);
  TRY(NULL, P, PROT_WRITE, MAP_SHARED, reader, 0);
  TRY(NULL, P, PROT_NONE, MAP_SHARED, writer, 0);

  // A refused MAP_FIXED leaves what is there.
  char* there = MUST((char*)mmap(NULL, P, PROT_READ | PROT_WRITE, kAnonymous, -1, 0));
  *there = 1;
  TRY(there, P, PROT_READ, MAP_FIXED | MAP_ANONYMOUS, -1, 0);
  TRY(there, P, PROT_READ, MAP_FIXED | MAP_PRIVATE, -1, 0);
  TRY(there, P, PROT_READ, MAP_FIXED | MAP_PRIVATE, pipes[0], 0);
  TRY(there, P, PROT_READ, MAP_FIXED | MAP_PRIVATE, writer, 0);
  TRY(there, P, PROT_READ, MAP_FIXED | kAnonymous | MAP_HUGETLB | 1 << 26, -1, 0);
  TRY(there + 1, P, PROT_READ, MAP_FIXED | kAnonymous, -1, 0);
  TRY(there, P, PROT_READ, MAP_FIXED_NOREPLACE | kAnonymous, -1, 0);
  CHECK(++*there == 2);
  return guest_failed();
}
