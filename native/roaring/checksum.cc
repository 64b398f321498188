#include "checksum.h"

#include <array>
#include <cstring>

namespace nofault {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// Eight bytes a step ("slicing by 8"): table k has what a byte becomes when k more have followed it.
constexpr Tables makeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = rest;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
  }
  return tables;
}

constexpr Tables kTables = makeTables();

uint32_t portable(const uint8_t* bytes, size_t length, uint32_t rest) {
  for (; length >= 8; bytes += 8, length -= 8) {
    uint32_t low, high;
    memcpy(&low, bytes, sizeof low);
    memcpy(&high, bytes + 4, sizeof high);
    low ^= rest;
    rest = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
           kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][(high >> 8) & 0xff] ^
           kTables[1][(high >> 16) & 0xff] ^ kTables[0][high >> 24];
  }
  for (; length > 0; ++bytes, --length) rest = (rest >> 8) ^ kTables[0][(rest ^ *bytes) & 0xff];
  return rest;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t withInstruction(const uint8_t* bytes, size_t length, uint32_t rest) {
  uint64_t wide = rest;
  for (; length >= 8; bytes += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  rest = static_cast<uint32_t>(wide);
  for (; length > 0; ++bytes, --length) rest = __builtin_ia32_crc32qi(rest, *bytes);
  return rest;
}
#endif

}  // namespace

uint32_t crc32c(const uint8_t* bytes, size_t length, uint32_t before) {
#if defined(__x86_64__)
  static const bool supported = __builtin_cpu_supports("sse4.2");
  if (supported) return ~withInstruction(bytes, length, ~before);
#endif
  return ~portable(bytes, length, ~before);
}

}  // namespace nofault
