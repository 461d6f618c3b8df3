// Shows: AVX2 and AVX-512 code, where the processor offers it, computes the same as scalar code.
// run: both
#include <immintrin.h>

#include "guest.h"

static float a[1024], b[1024], c[1024];
__attribute__((target("avx2,fma"))) static void add_avx2(void) {
  for (int i = 0; i < 1024; i += 8)
    _mm256_storeu_ps(c + i, _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), _mm256_set1_ps(1.5f)));
}
__attribute__((target("avx512f"))) static void add_avx512(void) {
  for (int i = 0; i < 1024; i += 16)
    _mm512_storeu_ps(c + i, _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), _mm512_set1_ps(1.5f)));
}
__attribute__((target("avx2"))) static uint64_t hash_avx2(void) {
  __m256i h = _mm256_set1_epi32(0x1234567);
  for (int i = 0; i < 100000; i++) {
    h = _mm256_add_epi32(_mm256_mullo_epi32(h, _mm256_set1_epi32(1103515245)), _mm256_set1_epi32(12345 + i));
    h = _mm256_xor_si256(h, _mm256_permute4x64_epi64(h, 0x1b));
  }
  return (uint64_t)_mm256_extract_epi64(h, 1);
}
__attribute__((target("avx512f"))) static uint64_t hash_avx512(void) {
  __m512i h = _mm512_set1_epi64(0x1234567);
  for (int i = 0; i < 100000; i++) {
    h = _mm512_rol_epi64(_mm512_add_epi64(h, _mm512_set1_epi64(i)), 13);
    __mmask8 odd = _mm512_test_epi64_mask(h, _mm512_set1_epi64(1));
    h = _mm512_mask_xor_epi64(h, odd, h, _mm512_set1_epi64(0x5bd1e995));
  }
  return (uint64_t)_mm512_reduce_add_epi64(h);
}
static void report(const char* what) {
  double sum = 0;
  for (int i = 0; i < 1024; i++) sum += (double)c[i];
  printf("%s %.6f\n", what, sum);
  memset(c, 0, sizeof c);
}

int main(void) {
  for (int i = 0; i < 1024; i++) {
    a[i] = (float)i / 8;
    b[i] = (float)(1024 - i) / 4;
  }
  __builtin_cpu_init();
  printf("sse4.2 %d popcnt %d\n", !!__builtin_cpu_supports("sse4.2"), !!__builtin_cpu_supports("popcnt"));
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), avx512 = __builtin_cpu_supports("avx512f");
  printf("avx2 %d avx512f %d\n", !!avx2, !!avx512);
  if (avx2) {
    add_avx2();
    report("avx2");
    printf("hash %lx\n", hash_avx2());
  }
  if (avx512) {
    add_avx512();
    report("avx512");
    printf("hash %lx\n", hash_avx512());
  }
  for (int i = 0; i < 1024; i++) c[i] = a[i] * b[i] + 1.5f;
  report("scalar");
  return 0;
}
