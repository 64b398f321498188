// Which threads get the processors, and what they do with them.
#pragma once
#include <sched.h>
#include <stdint.h>

// Computes until so much time has passed, whoever had the processor; or until the thread itself has had it for so long.
void keep_busy(double us);
void work_for(double us);

void use_policy(int policy);
// `slice` in ns, 0 for the kernel's own. SCHED_IDLE keeps a slice, and cannot ask for one.
void use_slice(int policy, uint64_t slice);
// The first of those that the thread may use; returns which these were.
cpu_set_t use_one_processor(void);
