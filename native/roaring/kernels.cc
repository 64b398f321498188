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

// Values that come in order lie near one another where there are many: then so many bits that the most of 32 neighbours
// lie in are two pairs of registers, and looking all of them up takes a few instructions. From here on it pays.
constexpr uint32_t kDense = 1536;
constexpr uint32_t kAtOnce = 32;

using Lanes = uint16_t __attribute__((vector_size(64)));

// Which of the 32 values, each of which is read once, are among the bits; false where they lie too far apart.
inline bool among(const Word* bits, __m512i values, __mmask32& in) {
  // The masked forms: GCC 12 takes the others for reads of what is not set.
  constexpr __mmask32 kAll = 0xffffffff;
  constexpr uint32_t kLast = kChunk / 1024 - 1;
  const __m512i pairs = _mm512_maskz_srli_epi16(kAll, values, 10);
  const uint32_t pair = reinterpret_cast<Lanes>(pairs)[0];
  const __m512i first = _mm512_set1_epi16(static_cast<int16_t>(pair));
  if (_mm512_cmpgt_epu16_mask(_mm512_sub_epi16(pairs, first), _mm512_set1_epi16(1)) != 0) return false;
  const Word* here = bits + size_t{pair} * 16;
  const Word* next = bits + size_t{pair < kLast ? pair + 1 : kLast} * 16;
  // Of a place's bits, six say which of the 64 pieces in a pair of registers it is in.
  const __m512i pieces = _mm512_maskz_srli_epi16(kAll, values, 4);
  const __m512i inHere = _mm512_permutex2var_epi16(_mm512_loadu_si512(here), pieces, _mm512_loadu_si512(here + 8));
  const __m512i inNext = _mm512_permutex2var_epi16(_mm512_loadu_si512(next), pieces, _mm512_loadu_si512(next + 8));
  const __m512i words = _mm512_mask_blend_epi16(_mm512_cmpeq_epi16_mask(pairs, first), inNext, inHere);
  const __m512i within = _mm512_and_si512(values, _mm512_set1_epi16(15));
  in = _mm512_test_epi16_mask(words, _mm512_maskz_sllv_epi16(kAll, _mm512_set1_epi16(1), within));
  return true;
}

uint32_t countInWide(const Word* bits, const Value* values, uint32_t count) {
  uint32_t sum = 0, i = 0;
  for (; count >= kDense && i + kAtOnce <= count; i += kAtOnce) {
    __mmask32 in;
    sum += among(bits, _mm512_loadu_si512(values + i), in) ? static_cast<uint32_t>(__builtin_popcount(in))
                                                           : countIn(bits, values + i, kAtOnce);
  }
  return sum + countIn(bits, values + i, count - i);
}

// Writes whole vectors: at `kept` at most as far as has been read, so that `into` may be where the values are.
template <bool kIn>
uint32_t keepWide(const Word* bits, const Value* values, uint32_t count, uint16_t* into) {
  constexpr auto one = kIn ? keepIn : keepOut;
  uint32_t kept = 0, i = 0;
  for (; count >= kDense && i + kAtOnce <= count; i += kAtOnce) {
    const __m512i some = _mm512_loadu_si512(values + i);
    __mmask32 in;
    if (among(bits, some, in)) {
      if (!kIn) in = ~in;
      _mm512_storeu_si512(into + kept, _mm512_maskz_compress_epi16(in, some));
      kept += static_cast<uint32_t>(__builtin_popcount(in));
    } else {
      kept += one(bits, values + i, kAtOnce, into + kept);
    }
  }
  return kept + one(bits, values + i, count - i, into + kept);
}

uint32_t keepInWide(const Word* bits, const Value* values, uint32_t count, uint16_t* into) {
  return keepWide<true>(bits, values, count, into);
}

uint32_t keepOutWide(const Word* bits, const Value* values, uint32_t count, uint16_t* into) {
  return keepWide<false>(bits, values, count, into);
}
}  // namespace avx512
#pragma GCC pop_options
#endif

#define NOFAULT_KERNELS(of, wide)                                                                                 \
  Kernels {                                                                                                       \
#of, of::count, of::countAnd, of::countMinus, of::andInto, of::orInto, of::minusInto, of::andTo, of::minusTo, \
        of::split, of::set, of::clear, of::countIn##wide, of::keepIn##wide, of::keepOut##wide, of::rowsOf,        \
        of::rowsFrom                                                                                              \
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
