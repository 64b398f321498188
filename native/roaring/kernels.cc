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
}  // namespace avx512
#pragma GCC pop_options
#endif

#define NOFAULT_KERNELS(of)                                                                                       \
  Kernels {                                                                                                       \
#of, of::count, of::countAnd, of::countMinus, of::andInto, of::orInto, of::minusInto, of::andTo, of::minusTo, \
        of::set, of::clear, of::countIn, of::keepIn, of::keepOut, of::rowsOf, of::rowsFrom                        \
  }

const Kernels kAll[] = {
    NOFAULT_KERNELS(portable),
#if defined(__x86_64__)
    NOFAULT_KERNELS(avx2),
    NOFAULT_KERNELS(avx512),
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
