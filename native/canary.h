// Whether mincore tells this caller the truth about a file.
#pragma once

namespace nofault {

// A page far behind the end of a file, which surely is not in memory. To who may read but not write what is not theirs,
// mincore says that everything is resident, and of this page too (docs/kernel.md).
void* placeCanary(int fd);  // nullptr where the file cannot be mapped
void removeCanary(void* canary);

// As of now: credentials may change. False without a canary.
bool sings(const void* canary);

}  // namespace nofault
