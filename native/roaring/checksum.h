// CRC-32C (RFC 3720, Castagnoli), as in the index file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nofault {

// Of `length` bytes; `before` is the checksum of the bytes before them, 0 at the start.
uint32_t crc32c(const uint8_t* bytes, size_t length, uint32_t before = 0);

}  // namespace nofault
