// Measures what the kernel does with mapped pages. One line a fact on stdout: topic, name, unit, median, lowest,
// highest, separated by tabs.
#include "measure.h"
#include "topics.h"

static const struct {
  const char* name;
  void (*measure)(void);
} topics[] = {
    {"warm", measure_warm},       {"cold", measure_cold},       {"stream", measure_stream},
    {"advice", measure_advice},   {"leaving", measure_leaving}, {"mapping", measure_mapping},
    {"recency", measure_recency}, {"slow", measure_slow},       {"again", measure_again},
    {"locking", measure_locking}, {"waking", measure_waking},   {"passing", measure_passing},
    {"idle", measure_idle},
};

int main(int count, char** words) {
  for (int i = 1; i < count; i++) {
    if (strcmp(words[i], "--quick") == 0) {
      quick = true;
      repeats = 3;
    } else if (strcmp(words[i], "--folder") == 0 && i + 1 < count) {
      scratch_folder = words[++i];
    } else {
      bool found = false;
      for (size_t t = 0; t < sizeof topics / sizeof *topics; t++) {
        if (strcmp(words[i], topics[t].name) != 0) continue;
        found = true;
        narrate("measuring: %s", topics[t].name);
        topics[t].measure();
      }
      if (!found) {
        fprintf(stderr,
                "kernel facts: expected [--quick] [--folder PATH] and topics out of warm cold stream advice leaving "
                "mapping recency slow again locking waking passing idle, got %s\n",
                words[i]);
        return 2;
      }
    }
  }
  return 0;
}
