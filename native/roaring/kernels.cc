#include "kernels.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nofault::roaring {

namespace {

namespace portable {
#include "kernels.inc"
}  // namespace portable

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,popcnt,bmi,bmi2,lzcnt")
namespace avx2 {
#include "kernels.inc"
}  // namespace avx2
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx512vbmi2,prefer-vector-width=512")
namespace avx512 {
#include "kernels.inc"

// Sixteen values at once, each of which is read once: the bit that each of them stands for.
inline __m256i load(const Value* values) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)); }
inline __mmask16 among(const Word* bits, __m256i values) {
  // The masked forms: GCC 12 takes the others for reads of what is not set.
  constexpr __mmask16 kAll = 0xffff;
  const __m512i zero = _mm512_setzero_si512();
  const __m512i places = _mm512_maskz_cvtepu16_epi32(kAll, values);
  const __m512i words = _mm512_mask_i32gather_epi32(zero, kAll, _mm512_maskz_srli_epi32(kAll, places, 5), bits, 4);
  const __m512i within = _mm512_and_si512(places, _mm512_set1_epi32(31));
  return _mm512_test_epi32_mask(words, _mm512_maskz_sllv_epi32(kAll, _mm512_set1_epi32(1), within));
}

uint32_t countInWide(const Word* bits, const Value* values, uint32_t count) {
  uint32_t sum = 0, i = 0;
  for (; i + 16 <= count; i += 16) sum += static_cast<uint32_t>(__builtin_popcount(among(bits, load(values + i))));
  return sum + countIn(bits, values + i, count - i);
}

// Writes whole vectors: at `kept` at most as far as has been read, so that `into` may be where the values are.
uint32_t keepInWide(const Word* bits, const Value* values, uint32_t count, uint16_t* into) {
  uint32_t kept = 0, i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256i some = load(values + i);
    const __mmask16 in = among(bits, some);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(into + kept), _mm256_maskz_compress_epi16(in, some));
    kept += static_cast<uint32_t>(__builtin_popcount(in));
  }
  return kept + keepIn(bits, values + i, count - i, into + kept);
}

uint32_t keepOutWide(const Word* bits, const Value* values, uint32_t count, uint16_t* into) {
  uint32_t kept = 0, i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256i some = load(values + i);
    const auto out = static_cast<__mmask16>(~among(bits, some));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(into + kept), _mm256_maskz_compress_epi16(out, some));
    kept += static_cast<uint32_t>(__builtin_popcount(out));
  }
  return kept + keepOut(bits, values + i, count - i, into + kept);
}
}  // namespace avx512
#pragma GCC pop_options
#endif

#define NOFAULT_KERNELS(of, wide)                                                                                 \
  Kernels {                                                                                                       \
#of, of::count, of::countAnd, of::countMinus, of::andInto, of::orInto, of::minusInto, of::andTo, of::minusTo, \
        of::set, of::clear, of::countIn##wide, of::keepIn##wide, of::keepOut##wide, of::rowsOf, of::rowsFrom      \
  }

const Kernels kAll[] = {
    NOFAULT_KERNELS(portable, ),
#if defined(__x86_64__)
    NOFAULT_KERNELS(avx2, ),
    NOFAULT_KERNELS(avx512, Wide),
#endif
};

#undef NOFAULT_KERNELS

uint32_t supported() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("bmi2")) return 1;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vbmi2");
  return wide ? 3 : 2;
#else
  return 1;
#endif
}

const Kernels& choose() {
  const uint32_t count = supported();
  if (const char* asked = getenv("NOFAULT_KERNELS")) {
    for (uint32_t i = 0; i < count; ++i)
      if (strcmp(asked, kAll[i].name) == 0) return kAll[i];
  }
  return kAll[count - 1];
}

}  // namespace

const Kernels* allKernels(uint32_t& count) {
  count = supported();
  return kAll;
}

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace nofault::roaring
