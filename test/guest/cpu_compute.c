// Shows: integer, floating-point and library mathematics give the same bits; long loops without calls run on.
// run: both
#include <math.h>

#include "guest.h"

static uint64_t state = 88172645463325252ull;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 3000000; i++) sum += next() % 1000003;
  printf("integers %lu\n", sum);
  double x = 0.5, y = 0;
  for (int i = 0; i < 1000000; i++) {
    x = 3.9 * x * (1 - x);
    y += x;
  }
  printf("logistic %a %a\n", x, y);
  double total = 0;
  for (int i = 1; i < 3000; i++) total += sin(i) * cos(i / 3.0) + exp(-i / 500.0) + log(i) + pow(i, 0.3) + atan2(i, 7) + tanh(i / 1000.0);
  printf("library %a\n", total);
  float f = 1;
  for (int i = 1; i < 100000; i++) f = sqrtf(f * (float)i + 1);
  printf("float %a\n", (double)f);
  long double l = 1;
  for (int i = 1; i < 1000; i++) l = l * 1.0000001L + 1.0L / i;
  printf("long double %La\n", l);
  unsigned __int128 w = 1;
  for (int i = 0; i < 1000; i++) w = w * 0x9e3779b97f4a7c15ull + (unsigned)i;
  printf("128 bit %lx%016lx\n", (uint64_t)(w >> 64), (uint64_t)w);
  static unsigned char sieve[1000000];
  int primes = 0;
  for (int i = 2; i < 1000000; i++) {
    if (sieve[i]) continue;
    primes++;
    for (long j = (long)i * i; j < 1000000; j += i) sieve[j] = 1;
  }
  printf("primes %d\n", primes);
  char text[64];
  snprintf(text, sizeof text, "%.17g %.3e %g", M_PI, 1e-300, strtod("1.7976931348623157e308", NULL));
  puts(text);
  return 0;
}
